"""The block of a convolution: where a program may have one, and what it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import load, operator_at, patched
from builders.programs import place
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.conv_2d import Conv2D
from dqa.operators.lut import Lut
from dqa.planning.blocks import SHARE, with_blocks
from dqa.planning.layout import Ends, plan

BLOCK, OPERATOR, LAYOUT = 23, 8, 10


def convolution(width: int, channels: int, kernel: tuple[int, int], zero_points: bool = False, book: bool = False) -> p.Program:
    """A convolution between raw bytes and a map, and a copy to raw bytes."""
    values = np.array([0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8], np.int8)
    edges = [p.Edge("in", 5, width, channels, p.Storage.RAW_INT8, 8, 0, -128, 0, 5 * width * channels)]
    edges += [p.Edge("out", 5, width, 2, p.Storage.RAW_INT8, 8, 0, -128, 0, 10 * width)]
    points = np.array([1, 2], np.int8) if zero_points else None
    edges += [p.Edge("map", 5, width, 2, p.Storage.MAP, 8, 0, -128, 0, 5 * p.align(2 * width), points)]
    weights = np.random.default_rng(1).choice(values, (2, *kernel, channels))
    requantization = p.Requantization(np.zeros(2, np.int32), np.full(2, 2**30, np.int32), np.full(2, 7, np.uint8))
    pads = kernel[0] // 2, kernel[1] // 2
    conv = Conv2D("conv", (0,), 2, p.Window(*kernel, 1, 1, 1, 1, *pads), weights, requantization, values if book else None)
    ops: list[p.Operator] = [conv, Lut("copy", (2,), 1, np.arange(-128, 128).astype(np.int8))]
    return p.Program(tuple(edges), tuple(ops), 1, 1, place(edges, ops, 0), place(edges, ops, 2))


def with_block(program: p.Program, block: int) -> p.Program:
    edges, ops = list(program.edges), [replace(program.ops[0], block=block), program.ops[1]]
    return replace(program, ops=tuple(ops), internal=place(edges, ops, 0), external=place(edges, ops, 2))


@pytest.mark.parametrize(
    ("program", "blocks"),
    [
        (convolution(5, 8, (3, 3)), (4, 5, 3)),
        (convolution(8, 3, (3, 3)), (4, 5, 3)),
        (convolution(4, 4, (1, 1)), (4, 3)),
        (convolution(3, 4, (1, 1)), (3,)),
        (convolution(2, 4, (1, 1)), ()),
        (convolution(9, 3, (1, 1)), ()),
        (convolution(9, 3, (3, 3), zero_points=True), ()),
        (convolution(9, 3, (3, 3), book=True), ()),
    ],
)
def test_reader_writer_and_loader_agree_on_the_blocks_that_fit(program: p.Program, blocks: tuple[int, ...]) -> None:
    assert program.ops[0].blocks(program.edges[0], program.edges[2]) == blocks
    for block in range(1, 8):
        if block in blocks:
            data = p.write(with_block(program, block))
            assert load(data) == 0 and p.read(data).ops[0].block == block and p.write(p.read(data)) == data
            continue
        with pytest.raises(ProgramError, match=f"a block of {block} does not fit it"):
            p.write(with_block(program, block))
        data = p.write(program)
        data = patched(data, operator_at(data, 0) + BLOCK, "<B", block)
        assert load(data) == OPERATOR
        with pytest.raises(ProgramError, match=f"a block of {block} does not fit it"):
            p.read(data)


def test_a_block_without_its_room_is_refused() -> None:
    data = p.write(with_block(convolution(5, 8, (3, 3)), 3))
    assert load(patched(data, operator_at(data, 0) + BLOCK, "<B", 5)) == LAYOUT
    data = p.write(convolution(5, 8, (3, 3)))
    assert load(patched(data, operator_at(data, 0) + BLOCK, "<B", 3)) == LAYOUT
    with pytest.raises(ProgramError, match="layout"):
        p.read(patched(data, operator_at(data, 0) + BLOCK, "<B", 3))


def test_blocks_take_free_room_and_their_share() -> None:
    program = convolution(16, 16, (1, 1))
    without = with_blocks(program, {"internal": 1})
    found = with_blocks(program)
    assert without.ops[0].block == 0 < found.ops[0].block
    least = replace(program, internal=plan(program.edges, program.ops, (0, 1), Ends(1, 1))).internal.arena_size
    assert found.internal.arena_size <= least + least // SHARE
    exactly = with_blocks(program, {"internal": least})
    assert exactly.internal.arena_size <= least and exactly.ops[0].block < found.ops[0].block
    p.write(found)
