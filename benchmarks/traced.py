"""An inference on a simulated board, instruction by instruction: how often each ran, and the cycles a Cortex-M4 would take for them.

QEMU writes down every block of instructions that it translates and each time one runs; the blocks from the entry of `dqa_model_run` to its
return are added up. Cycles are an estimate: the table of the Cortex-M4 Technical Reference Manual (Arm 100166, section 3.3.1) with a
pipeline refill of two cycles and memory without wait states. Loads that follow one another overlap, stores go into the write buffer.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dqa.device.boards import load_board
from dqa.device.client import Device
from dqa.device.simulate import Simulator

REFILL = 2
DIVISION = 7  # 2 to 12, by the operands
_INSTRUCTION = re.compile(r"0x([0-9a-f]{8}):\s+((?:[0-9a-f]{4} ?)+)\s+(\S+)\s*(.*)")
_TRACE = re.compile(r"Trace \d+: (0x[0-9a-f]+) \[[0-9a-f]+/([0-9a-f]+)/")
_REWOUND = re.compile(r"cpu_io_recompile: rewound execution of TB to ([0-9a-f]+)")


@dataclass
class Block:
    """Instructions that QEMU runs in a row: (address, mnemonic, operands) of each. `end`: the address behind them."""

    instructions: list[tuple[int, str, str]]
    end: int
    runs: int = 0
    jumps: int = 0


@dataclass(frozen=True)
class Traced:
    """instructions, cycles: of the inference. by_object: of those each object file of the firmware has, by its name without ".o"."""

    instructions: int
    cycles: int
    by_object: dict[str, tuple[int, int]] = field(default_factory=dict)


class _Traced(Simulator):
    log: str

    def _command(self, serial: str) -> list[str]:
        return [*super()._command(serial), "-d", "in_asm,exec,nochain", "-D", self.log]


def traced(elf: Path, board: str, sample: bytes) -> Traced:
    """One inference of `sample` by firmware of `dqa build`."""
    with tempfile.TemporaryDirectory() as work:
        simulator = _Traced(load_board(board), elf, icount=True)
        simulator.log = str(Path(work) / "log")
        with simulator:
            device = Device(simulator.link, reply_timeout=600)
            device.infer(device.hello(), sample)
        with Path(simulator.log).open(encoding="ascii", errors="replace") as log:
            blocks = _inference(_runs(log), _symbol(elf, "dqa_model_run"))
    places = sorted(_objects(elf.with_suffix(".map")))
    by_object: dict[str, list[int]] = {}
    for block in blocks:
        found = by_object.setdefault(_object_at(places, block.instructions[0][0]), [0, 0])
        found[0] += block.runs * len(block.instructions)
        found[1] += block.runs * cycles(block.instructions) + block.jumps * REFILL
    return Traced(
        sum(counts[0] for counts in by_object.values()),
        sum(counts[1] for counts in by_object.values()),
        {name: (counts[0], counts[1]) for name, counts in sorted(by_object.items(), key=lambda item: -item[1][0])},
    )


def cycles(instructions: Iterable[tuple[int, str, str]]) -> int:
    """Those of instructions one after the other, jumps apart."""
    taken, loading = 0, False
    for _, mnemonic, operands in instructions:
        name = mnemonic.split(".")[0]
        if name.startswith(("ldrd", "strd")):
            taken += 3
        elif name.startswith(("ldm", "stm", "push", "pop")):
            taken += 1 + _registers(operands)
        elif name.startswith(("sdiv", "udiv")):
            taken += DIVISION
        elif name.startswith("ldr"):
            taken += 1 if loading else 2
        elif name.startswith(("mrs", "msr", "tbb", "tbh")):
            taken += 2
        else:
            taken += 1
        loading = name.startswith("ldr") and not name.startswith("ldrd")
    return taken


def _registers(operands: str) -> int:
    inside = operands[operands.index("{") + 1 : operands.index("}")]
    return len([name for name in inside.split(",") if name.strip()])


def _runs(log: Iterable[str]) -> Iterator[tuple[Block, list[tuple[int, str, str]]]]:
    """Each run of a block, with those of its instructions that ran."""
    blocks: dict[str, Block] = {}
    reading: list[tuple[int, str, str]] = []
    end, running = 0, None
    for line in log:
        if line.startswith("Trace"):
            if running is not None:
                yield running, running.instructions
            found = _TRACE.match(line)
            assert found is not None, line
            place, address = found.groups()
            if reading and reading[0][0] == int(address, 16):
                blocks[place] = Block(reading, end)
                reading = []
            running = blocks[place]
        elif line.startswith("0x") and (instruction := _INSTRUCTION.match(line)):
            at, code = int(instruction[1], 16), instruction[2].replace(" ", "")
            reading.append((at, instruction[3], instruction[4]))
            end = at + len(code) // 2
        elif line.startswith("IN:"):
            reading = []
        elif running is not None and (rewound := _REWOUND.match(line)):
            to = int(rewound[1], 16)
            yield running, [each for each in running.instructions if each[0] < to]
            running = None


def _inference(runs: Iterator[tuple[Block, list[tuple[int, str, str]]]], entry: int) -> list[Block]:
    """The blocks between the first call of the function at `entry` and its return, with their counts."""
    counted: dict[int, Block] = {}
    before: Block | None = None
    back = None
    for block, ran in runs:
        start = block.instructions[0][0]
        if back is None:
            if start == entry and before is not None:
                back = before.end
            before = block
            if back is None:
                continue
        elif start == back:
            break
        elif before is not None and start != before.end:
            before.jumps += 1
        if len(ran) == len(block.instructions):
            counted[id(block)] = before = block
        else:  # cut short: the rest is run by another block
            before = None
            if not ran:
                continue
            block = counted[id(ran)] = Block(ran, 0)
        block.runs += 1
    return list(counted.values())


def _symbol(elf: Path, name: str) -> int:
    table = subprocess.run(["arm-none-eabi-nm", elf], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) & ~1 for line in table.splitlines() if line.split()[-1] == name)


def _objects(map_file: Path) -> Iterator[tuple[int, int, str]]:
    """Address, size and object file of each piece of code in the linker's map."""
    text = map_file.read_text(encoding="utf-8", errors="replace")
    for at, size, file in re.findall(
        r"^ \.text\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S+)$", text[text.find("Linker script") :], re.MULTILINE
    ):
        if int(size, 16):
            yield int(at, 16), int(size, 16), re.sub(r"^.*[(/]|\.o\)?$", "", file)


def _object_at(places: list[tuple[int, int, str]], address: int) -> str:
    return next((name for at, size, name in places if at <= address < at + size), "other")
