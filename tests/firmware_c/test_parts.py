"""Parts: which of the library's kernels and storages a program needs beside its operators, and that it is refused without them."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import exports, load, patched
from builders.endless import endless
from builders.programs import Builder
from dqa import program as p
from dqa.engine.compile import executor_includes
from dqa.errors import ProgramError
from dqa.operators.conv_2d import Conv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.registry import PARTS

OPERATOR, LINKED = 8, 9


def used(program: p.Program) -> set[str]:
    return {entry.symbol for entry in p.table([program]) if entry.used}


def program(*, pairs: bool, storage: p.Storage) -> p.Program:
    """Two dense layers; what lies between them is stored so."""
    builder = Builder(0)
    last = builder.input((1, 1, 8))
    for name, stored in (("map", storage), ("out", p.Storage.RAW_INT8)):
        last = FullyConnected.grow_as(builder, last, builder.rng.integers(-127, 128, (8, 8)).astype(np.int8))
        builder.edges[last] = p.Edge(name, 1, 1, 8, stored, 8, 0, -128, 0, 8)
        dense = builder.ops[-1]
        assert isinstance(dense, FullyConnected)
        builder.ops[-1] = replace(dense, weights=np.maximum(dense.weights, -127), pairs=pairs, book=None)
    return builder.finish()


def test_each_part_is_a_file_of_its_name() -> None:
    _, sources = executor_includes()
    assert {f"part_{part}.c" for part in PARTS} == {path.name for path in sources.rglob("part_*.c")}


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("storage", [p.Storage.RAW_INT8, p.Storage.MAP])
def test_a_program_needs_its_parts_linked(pairs: bool, storage: p.Storage) -> None:
    made = program(pairs=pairs, storage=storage)
    parts = {"dqa_part_dense_pairs" if pairs else "dqa_part_dense_plain"} | (
        {"dqa_part_packed_maps"} if storage is p.Storage.MAP else set()
    )
    assert {symbol for symbol in used(made) if symbol.startswith("dqa_part_")} == parts
    data, library, model = p.write(made), exports(), ctypes.create_string_buffer(64)
    entries = p.table([made])
    everything = (ctypes.c_void_p * len(entries)).in_dll(library, "dqa_all_operators")
    needed = type(everything)(*(at if entry.used else None for at, entry in zip(everything, entries, strict=True)))
    assert library.dqa_load(model, data, len(data), needed, 0) == 0
    for number, entry in enumerate(entries):
        if entry.used:
            without = type(everything)(*(None if i == number else at for i, at in enumerate(needed)))
            assert library.dqa_load(model, data, len(data), without, 0) == LINKED, entry.symbol


def test_rows_without_end_are_a_part() -> None:
    made = endless(0)
    entries, data, library, model = p.table([made]), p.write(made), exports(), ctypes.create_string_buffer(64)
    everything = (ctypes.c_void_p * len(entries)).in_dll(library, "dqa_all_operators")
    without = type(everything)(*(None if e.symbol == "dqa_part_endless" else at for at, e in zip(everything, entries, strict=True)))
    assert "dqa_part_endless" in used(made) and "dqa_part_endless" not in used(replace(made, period=0))
    assert [library.dqa_load(model, data, len(data), table, 2) for table in (everything, without)] == [0, LINKED]


@pytest.mark.parametrize("depthwise", [False, True])
def test_a_block_needs_shifts_that_leave_room_for_the_zero_point(depthwise: bool) -> None:
    builder = Builder(1)
    source, window = builder.input((4, 8, 4)), p.Window(3, 3, 1, 1, 1, 1, 1, 1)
    if depthwise:
        out = builder.convolve_depthwise(source, window, builder.weights(3, 3, 4), (4, 8))
    else:
        out = builder.convolve(source, window, builder.weights(4, 3, 3, 4), (4, 8))
    builder.edges[out] = p.Edge("out", 4, 8, 4, p.Storage.RAW_INT8, 8, 0, -128, 5, 128)
    op = builder.ops[-1]
    builder.ops[-1] = replace(op, book=None, block=4) if isinstance(op, Conv2D) else replace(op, block=4)
    made = builder.finish()
    data = p.write(made)
    at = data.index(made.ops[0].requantization.shift.tobytes())  # type: ignore[attr-defined]
    assert load(data) == 0
    for shift, status in ((22, 0), (23, OPERATOR)):
        changed = patched(data, at, "<B", shift)
        assert load(changed) == status
        if status:
            with pytest.raises(ProgramError):
                p.read(changed)
