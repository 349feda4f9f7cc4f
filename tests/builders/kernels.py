"""Programs whose kernels show every wrong sum, and what holds a board's against the readable C and the mirror."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from builders.firmware import write_out
from builders.programs import Builder
from dqa import program as p
from dqa.device import bare, boards
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.support.arrays import Int8
from reference import mirror

RANGES = ((8, -128), (7, 0), (7, -64), (5, 0), (6, -7))
"""Bits and lowest value of an output: what a kernel clamps to in one instruction, and others."""


class Grown(Builder):
    """Edges are plain bytes or maps that lose nothing, of the ranges above."""

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        bits, low = RANGES[len(self.edges) % len(RANGES)]
        zero_point = 0 if low == 0 or self.rng.random() < 0.5 else int(self.rng.integers(low, low + (1 << bits)))
        size = shape[0] * p.row_bytes(shape[1] * shape[2], bits, None)
        self.edges.append(p.Edge(f"map {len(self.edges)}", *shape, p.Storage.MAP, bits, 0, low, zero_point, size))
        return len(self.edges) - 1

    def coded(self, weights: Int8, *, affine: bool = False) -> tuple[Int8, Int8 | None]:
        return weights, None

    def source(self, shape: tuple[int, int, int], zero_point: int) -> int:
        self.edges.append(p.Edge(f"input {len(self.edges)}", *shape, p.Storage.RAW_INT8, 8, 0, -128, zero_point, int(np.prod(shape))))
        return len(self.edges) - 1

    def random_window(self, source: int, kernel: tuple[int, int], stride: int, dilation: int) -> tuple[p.Window, int, int]:
        """A padded window and the size of its output."""
        height, width, _ = self.shape(source)
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, (1, dilation), strict=True)]
        pads = [int(self.rng.integers(0, span)) for span in spans]
        ends = [int(self.rng.integers(0, span)) for span in spans]
        rows, columns = (
            (size + before + after - span) // stride + 1
            for size, before, after, span in zip((height, width), pads, ends, spans, strict=True)
        )
        return p.Window(*kernel, stride, stride, 1, dilation, pads[0], pads[1]), rows, columns


def samples(program: p.Program) -> list[list[np.ndarray]]:
    """Random inputs, and the extremes."""
    rng = np.random.default_rng(5)
    shapes = [edge.shape for edge in program.inputs]
    return [[rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]] + [
        [np.full(shape, value, np.int8) for shape in shapes] for value in (-128, 127)
    ]


def symbols(elf: Path) -> set[str]:
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name for symbol in table.iter_symbols()}


def parts(program: p.Program) -> set[str]:
    return {entry.symbol for entry in p.table([program]) if entry.used and entry.symbol.startswith("dqa_part_")}


def _move(source: Path, shift: int) -> None:
    """Moves the program in a model's C."""
    text = source.read_text()
    for old, new in (
        ('#include "model.h"\n', '#include "model.h"\nextern const uint8_t moved[];\n'),
        ("dqa_model_program, sizeof dqa_model_program", f"moved + {shift}, DQA_MODEL_PROGRAM_SIZE"),
        ("dqa_model_program[DQA_MODEL_PROGRAM_SIZE] = {", f"moved[DQA_MODEL_PROGRAM_SIZE + {shift}] = {{{'0,' * shift}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source.write_text(text)


def check_equal(program: p.Program, directory: Path, board: str, *, shift: int = 0) -> None:
    """The mirror, the host, a simulated board, whose image has the parts that the program needs and no others.

    shift: bytes behind an aligned address at which the program lies on the board.
    """
    write_out(directory / "out", program)
    if shift:
        _move(directory / "out" / "src" / "model.c", shift)
    given = samples(program)
    expected = [b"".join(o.tobytes() for o in mirror.run(program, x).outputs) for x in given]
    assert len(set(expected[0])) > 10
    found = HostModel(p.write(program)).run(np.stack([np.concatenate([part.ravel() for part in x]) for x in given])).outputs
    assert [x.tobytes() for x in found] == expected
    elf = bare.build(directory / "out", board).elf
    assert {name for name in symbols(elf) if name.startswith("dqa_part_")} == parts(program)
    with Simulator(boards.load_board(board), elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        assert [device.infer(hello, b"".join(part.tobytes() for part in x))[0] for x in given] == expected
