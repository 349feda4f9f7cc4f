"""What each operator of a model costs on a board, and the checksum of what it makes there: with profiling firmware."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dqa.device.boards import Board, list_boards, load_board
from dqa.device.build import build
from dqa.device.client import Device
from dqa.device.evaluate import SERIAL_BAUD, SIMULATED_REPLY_TIMEOUT, check
from dqa.device.link import SerialLink
from dqa.device.protocol import OperatorRecord
from dqa.device.simulate import Simulator
from dqa.device.work import most_cycles_of
from dqa.errors import BoardError, InputError, ToolError
from dqa.support.arrays import UInt8

INSTRUCTIONS, MICROSECONDS = "instructions", "microseconds"


@dataclass(frozen=True)
class DeviceProfile:
    """output: the bytes of all outputs. records: of each operator. costs: of each, in `unit`. stack: bytes taken at most.

    instructions are exact but for the rounding of the counter, at each row; calls between operators are nobody's.
    """

    board: str
    output: bytes
    records: tuple[OperatorRecord, ...]
    costs: tuple[float, ...]
    unit: str
    stack: int
    notes: tuple[str, ...] = ()


def profile(target: str, out: Path, sample: UInt8, *, pushed: bool = False) -> DeviceProfile:
    """One inference of `sample` (input bytes,) of the model OUT on "sim:BOARD" (built first) or "serial:PORT" (flashed with --profile).

    Raises BoardError, DataError, InputError, ProgramError, ToolError; the latter also for firmware that is not a profiling one.
    """
    kind, _, place = target.partition(":")
    board: Board | None = None
    notes: tuple[str, ...] = ()
    most_cycles = most_cycles_of(out)
    with ExitStack() as stack:
        if kind == "sim" and place:
            board = load_board(place)
            if not board.simulated:
                raise BoardError(f"board {place} is not simulated", hint="flash it with --profile and use --target serial:PORT")
            built = build(out, place, pushed=pushed, profile=True)
            notes = built.notes
            simulator = stack.enter_context(Simulator(board, built.elf, icount=True))
            device = Device(simulator.link, reply_timeout=SIMULATED_REPLY_TIMEOUT, most_cycles=most_cycles)
        elif kind == "serial" and place:
            device = Device(SerialLink(place, SERIAL_BAUD), most_cycles=most_cycles)
            stack.callback(device.close)
        else:
            raise InputError(f"unknown target {target!r}", hint="host, sim:BOARD or serial:PORT")
        hello = device.hello()
        check(hello, out, sample.reshape(1, -1))
        output, reply, records = device.profile(hello, sample.tobytes())
        used = max(reply.stack_used, device.stats().stack_used)
    if board is not None and board.qemu is not None:
        scale, unit = 1e9 / board.counter_hz / 2**board.qemu.icount_shift, INSTRUCTIONS
    elif hello.counter_hz:
        scale, unit = 1e6 / hello.counter_hz, MICROSECONDS
        if any(known.simulated for known in list_boards() if known.name == hello.board):
            notes = (f"{hello.board} is simulated: its time is no board's; give --target sim:{hello.board} to count instructions",)
    else:
        raise ToolError("the board's counter has no frequency", hint="flash it again")
    return DeviceProfile(hello.board, output, tuple(records), tuple(record.ticks * scale for record in records), unit, used, notes)
