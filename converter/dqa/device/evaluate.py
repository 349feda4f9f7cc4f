"""Runs samples on simulated or real boards and measures them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from dqa.device import backends, interpreted
from dqa.device.boards import Board, list_boards, load_board
from dqa.device.build import build
from dqa.device.built import BuildResult, found
from dqa.device.client import Device, refused_program
from dqa.device.link import SerialLink
from dqa.device.protocol import NOT_KNOWN, Hello, RunReply, Stats
from dqa.device.renode.find import find
from dqa.device.renode.simulator import RenodeSimulator
from dqa.device.simulate import Simulator
from dqa.device.work import most_cycles_of
from dqa.errors import BoardError, DataError, InputError, ToolError
from dqa.support.arrays import UInt8

SERIAL_BAUD = 115200
SIMULATED_REPLY_TIMEOUT = 20.0
"""Seconds; a simulator that died is noticed at once, one on a busy host may be slow."""


@dataclass(frozen=True, eq=False)
class DeviceResult:
    """outputs (N, output bytes); sizes in bytes; None where the target cannot tell.

    instructions: of the first sample's inference (simulated boards; exact in QEMU); where rows are pushed, the sum over its calls, each
    rounded.
    microseconds: mean of an inference (real boards). stack: most taken by loading or an inference; stack_bound: the most it can be.
    link: what happened on the way and was mended, by kind: requests repeated (repeats), inferences begun again (restarts), starts of the
    board (boots), connections that came back (reconnects).
    ram_model: what of ram_static the model needs (see Sizes). dropped_rows: rows whose shifting errors did not fit, of all samples;
    None where the runtime does not count them. notes: what a user should know of the build or the board.
    """

    outputs: UInt8
    ram_static: int
    stack: int
    dropped_rows: int | None
    link: dict[str, int] = field(default_factory=dict)
    ram_model: int | None = None
    stack_bound: int | None = None
    flash_code: int | None = None
    flash_model: int | None = None
    instructions: int | None = None
    microseconds: float | None = None
    notes: tuple[str, ...] = ()


def run_samples(
    target: str,
    out: Path,
    inputs: UInt8,
    jobs: int = 2,
    measure: bool = True,
    progress: Callable[[int], None] | None = None,
    runtime: str = "standalone",
    tflm: Path | None = None,
    *,
    pushed: bool = False,
) -> DeviceResult:
    """Runs `inputs` (N, input bytes) of the model OUT on "sim:BOARD" or "renode:BOARD" (built first), or on "serial:PORT" (flashed before).

    pushed: build for input row by row; a board that was flashed tells which it takes.

    jobs: simulators side by side. measure: on a simulated board, count the instructions of the first sample.
    progress: called with 1 for each sample done. Raises BoardError, DataError, InputError, ProgramError, ToolError.
    """
    if inputs.ndim != 2 or not len(inputs):
        raise DataError(f"inputs for a device: expected (N, bytes) with N > 0, got shape {inputs.shape}")
    kind, _, place = target.partition(":")
    step = progress or (lambda _done: None)
    if kind == "sim" and place:
        board = load_board(place)
        if not board.simulated:
            raise BoardError(f"board {place} is not simulated", hint="flash it and use --target serial:PORT")
        return run_simulated(board, out, build(out, place, runtime, tflm, pushed=pushed), inputs, jobs, measure, step)
    if kind == "renode" and place:
        board = load_board(place)
        backends.check(board, backends.RENODE)
        find()  # before the build
        return _in_renode(board, out, build(out, place, runtime, tflm, pushed=pushed), inputs, step)
    if kind == "serial" and place:
        return _on_serial(place, out, inputs, step, runtime)
    raise InputError(f"unknown target {target!r}", hint="sim:BOARD, renode:BOARD or serial:PORT")


def run_simulated(
    board: Board,
    out: Path,
    built: BuildResult,
    inputs: UInt8,
    jobs: int = 2,
    measure: bool = True,
    step: Callable[[int], None] = lambda _done: None,
) -> DeviceResult:
    """Runs `inputs` on a simulated board for which the firmware of OUT is already built; see run_samples."""
    assert board.qemu is not None
    count = len(inputs)
    answered: dict[int, tuple[bytes, RunReply]] = {}
    with ExitStack() as stack, _workers(max(1, jobs)) as pool:
        # The first sample runs where instructions are counted, which is slower; the others run beside it.
        counted = [0] if measure else []
        rest = range(len(counted), count)
        counter = [stack.enter_context(_simulated(board, built.elf, out, inputs, icount=True)) for _ in counted]
        plain = [stack.enter_context(_simulated(board, built.elf, out, inputs, icount=False)) for _ in range(min(max(1, jobs), len(rest)))]
        free: SimpleQueue[_Running] = SimpleQueue()
        for running in plain:
            free.put(running)

        def run(index: int, own: _Running | None = None) -> None:
            running = own or free.get()
            try:
                answered[index] = running.infer(inputs[index])
            finally:
                if own is None:
                    free.put(running)

        futures = [pool.submit(run, index, own) for index, own in zip(counted, counter, strict=True)]
        futures += [pool.submit(run, index) for index in rest]
        for future in as_completed(futures):
            future.result()
            step(1)
        stats = [running.device.stats() for running in counter + plain]
    replies = [answered[index] for index in range(count)]
    ticks = replies[0][1].ticks
    return DeviceResult(
        outputs=_rows(replies),
        ram_static=built.ram_static,
        stack=_stack(replies, stats),
        dropped_rows=_dropped_rows(replies),
        link=_link([running.device for running in counter + plain]),
        ram_model=built.ram_model,
        stack_bound=built.stack,
        flash_code=built.flash_code,
        flash_model=built.flash_model,
        instructions=round(ticks * 1e9 / board.counter_hz / 2**board.qemu.icount_shift) if measure else None,
        notes=built.notes,
    )


@dataclass
class _Running:
    """A simulator that answered."""

    simulator: Simulator
    device: Device
    hello: Hello

    def infer(self, sample: UInt8) -> tuple[bytes, RunReply]:
        try:
            return self.device.infer(self.hello, sample.tobytes())
        except ToolError as error:
            if not error.hint:
                error.hint = self.simulator.messages()
            raise


@contextmanager
def _simulated(board: Board, elf: Path, out: Path, inputs: UInt8, *, icount: bool) -> Iterator[_Running]:
    with Simulator(board, elf, icount=icount) as simulator:
        device = Device(simulator.link, reply_timeout=SIMULATED_REPLY_TIMEOUT, most_cycles=most_cycles_of(out))
        try:
            hello = device.hello()
        except ToolError as error:
            raise ToolError(f"{board.name} did not start: {error.message}", hint=simulator.messages()) from error
        check(hello, out, inputs)
        yield _Running(simulator, device, hello)


@contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that a failure does not wait for: what they wait for is ended after them, which frees them."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_renode(board: Board, out: Path, built: BuildResult, inputs: UInt8, step: Callable[[int], None]) -> DeviceResult:
    """A run fails, too, where the firmware touches what the board does not have, and where Renode does not come to an end."""
    with RenodeSimulator(board, built.elf) as simulator:
        try:
            hello, ticks, result = _through_port(simulator.port, out, inputs, step, built, SIMULATED_REPLY_TIMEOUT, simulator.check)
        except ToolError:
            simulator.check()  # says why nothing came
            raise
    # the counter of the processor runs at its clock, of which Renode makes one tick for each instruction
    counted = round(ticks[0] * hello.clock_hz / hello.counter_hz) if ticks[0] else None
    note = "instructions are those of Renode's time, to within some ten"
    return replace(result, instructions=counted, notes=(*built.notes, *result.notes, *([note] if counted else [])))


def _on_serial(port: str, out: Path, inputs: UInt8, step: Callable[[int], None], runtime: str) -> DeviceResult:
    hello, ticks, result = _through_port(port, out, inputs, step, runtime)
    real = next((board for board in list_boards() if board.name == hello.board and not board.simulated), None)
    if real is None:
        return result
    return replace(result, microseconds=float(np.mean(ticks)) * 1e6 / hello.counter_hz, notes=_clock(real, hello))


def _through_port(
    port: str,
    out: Path,
    inputs: UInt8,
    step: Callable[[int], None],
    firmware: BuildResult | str,
    reply_timeout: float | None = None,
    look: Callable[[], None] = lambda: None,
) -> tuple[Hello, list[int], DeviceResult]:
    """What a board at a serial port answers, with the ticks of each inference; look: called after each, may raise ToolError.

    firmware: what runs there or, where it was flashed before, its runtime.
    """
    link, most = SerialLink(port, SERIAL_BAUD), most_cycles_of(out)
    device = Device(link, most_cycles=most) if reply_timeout is None else Device(link, reply_timeout=reply_timeout, most_cycles=most)
    try:
        hello = device.hello()
        check(hello, out, inputs)
        replies = []
        for sample in inputs:
            replies.append(device.infer(hello, sample.tobytes()))
            look()
            step(1)
        stats = device.stats()
    finally:
        device.close()
    built = found(out, hello.board, firmware, pushed=hello.row_size > 0) if isinstance(firmware, str) else firmware
    result = DeviceResult(
        outputs=_rows(replies),
        ram_static=stats.static_ram,
        stack=_stack(replies, [stats]),
        dropped_rows=_dropped_rows(replies),
        link=_link([device]),
        ram_model=built.ram_model if built else None,
        stack_bound=built.stack if built else None,
        flash_code=built.flash_code if built else None,
        flash_model=built.flash_model if built else None,
    )
    return hello, [reply.ticks for _, reply in replies], result


def _clock(board: Board, hello: Hello) -> tuple[str, ...]:
    """What to say of a board whose clock did not come up."""
    if hello.clock_hz == board.clock_hz:
        return ()
    return (f"{board.name} runs at {hello.clock_hz / 1e6:g} MHz, not at {board.clock_hz / 1e6:g}: its fast clock did not come up",)


def check(hello: Hello, out: Path, inputs: UInt8) -> None:
    """Whether a device runs the program of OUT, and takes inputs (N, bytes) like these: ProgramError, InputError, DataError if not."""
    if hello.load_status != 0:
        raise refused_program(hello.load_status)
    crc = interpreted.crc(out)
    if hello.program_crc != crc:
        message = f"the board runs another model (program {hello.program_crc:#010x}, {out} is {crc:#010x})"
        raise InputError(message, hint=f"build {out} again; a real board takes: dqa flash {out} --board {hello.board}")
    if hello.input_size != inputs.shape[1]:
        raise DataError(f"a sample has {inputs.shape[1]} bytes, the model on the board takes {hello.input_size}")


def _stack(replies: list[tuple[bytes, RunReply]], stats: list[Stats]) -> int:
    """The most stack taken; a board that started again counts anew, so the last figure is not enough."""
    return max(*(reply.stack_used for _, reply in replies), *(figures.stack_used for figures in stats))


def _link(devices: list[Device]) -> dict[str, int]:
    """What happened on the way, summed; what did not happen is absent."""
    sums: Counter[str] = Counter()
    for device in devices:
        sums.update({"repeats": device.repeats, "restarts": device.restarts, "boots": device.boots, "reconnects": device.reconnects})
    return dict(+sums)


def _rows(replies: list[tuple[bytes, RunReply]]) -> UInt8:
    return np.stack([np.frombuffer(output, np.uint8) for output, _ in replies])


def _dropped_rows(replies: list[tuple[bytes, RunReply]]) -> int | None:
    counts = [reply.dropped_rows for _, reply in replies]
    return None if NOT_KNOWN in counts else sum(counts)
