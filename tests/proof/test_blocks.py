"""Blocks: rows that the DSP extension computes a few pixels or channels at once have the bytes of the readable C and of the mirror."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.firmware import needs_compiler, needs_qemu
from builders.kernels import Grown, check_equal
from dqa import program as p
from dqa.operators.affine import CODES, MOST, STEP
from dqa.operators.fully_connected import FullyConnected
from dqa.support.arrays import Int8

pytestmark = [needs_compiler, needs_qemu]

BOARD = "mps2_an386"

CONVOLUTIONS = [  # width and channels of the input; kernel, stride, dilation of each convolution
    (33, 3, [((3, 3), 1, 1), ((3, 3), 2, 1), ((1, 4), 1, 1), ((2, 3), 1, 2), ((5, 2), 1, 1), ((4, 4), 3, 1)]),
    (12, 8, [((3, 3), 1, 1), ((3, 3), 2, 1), ((1, 1), 1, 1), ((3, 2), 1, 3), ((2, 1), 2, 1), ((1, 3), 1, 1)]),
    (9, 20, [((3, 3), 1, 1), ((1, 1), 2, 1), ((1, 3), 1, 1), ((5, 3), 1, 1)]),
    (7, 13, [((3, 3), 1, 1), ((1, 1), 1, 1), ((1, 1), 2, 1), ((3, 3), 1, 2), ((1, 3), 1, 1), ((6, 1), 1, 1)]),
    (100, 4, [((1, 1), 1, 1), ((3, 3), 1, 1), ((3, 3), 2, 1), ((1, 5), 1, 1), ((10, 4), 2, 1)]),
    (5, 65, [((3, 3), 1, 1), ((1, 1), 1, 1), ((3, 1), 1, 1), ((1, 2), 1, 1)]),
]


class Affine(Grown):
    """Its weights are affine codes of every value."""

    def coded(self, weights: Int8, *, affine: bool = False) -> tuple[Int8, Int8 | None]:
        least = np.random.default_rng(weights.size).integers(-128, MOST + 1, (len(weights), 1)).astype(np.int8)
        codes = weights.reshape(len(weights), -1).astype(np.int64) % CODES
        return (least + STEP * codes).astype(np.int8).reshape(weights.shape), least


def convolutions(case: int, builder: Grown) -> p.Program:
    """All windows on an input whose zero point is 0 or not, with blocks of every size and weights of every value."""
    width, channels, windows = CONVOLUTIONS[case]
    for number, (kernel, stride, dilation) in enumerate(windows):
        if number in (0, len(windows) // 2):
            source = builder.source((6, width, channels), -9 if number else 0)
        window, rows, columns = builder.random_window(source, kernel, stride, dilation)
        weights = builder.rng.integers(-128, 128, (int(builder.rng.integers(1, 8)), *kernel, channels)).astype(np.int8)
        builder.convolve(source, window, weights, (rows, columns))
        op = builder.ops[-1]
        blocks = op.blocks(builder.edges[source], builder.edges[op.output])
        assert blocks
        builder.ops[-1] = replace(op, block=blocks[number % len(blocks)])
    return builder.finish()


DEPTHWISE = [  # width and channels of the input; stride and block of each convolution, from the longest on
    (33, 5, [(1, 0), (2, 0), (1, 5), (2, 3), (1, 32)]),
    (12, 8, [(1, 0), (1, 1), (2, 0), (2, 1), (1, 9)]),
    (5, 22, [(1, 0), (2, 0), (1, 4), (1, 2), (2, 2)]),
    (100, 4, [(1, 0), (2, 0), (1, 51), (2, 33)]),
    (1, 7, [(1, 0), (2, 0)]),
    (2, 4, [(1, 0), (1, 1), (2, 0)]),
]


def depthwise(case: int) -> p.Program:
    """All strides on an input whose zero point is 0 or not, with blocks of many sizes and weights of every value."""
    width, channels, windows = DEPTHWISE[case]
    builder = Grown(case)
    for number, (stride, shorter) in enumerate(windows):
        if number in (0, len(windows) // 2):
            source = builder.source((4 - (width == 2), width, channels), -9 if number else 0)
        window, rows, columns = builder.random_window(source, (3, 3), stride, 1)
        weights = builder.rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
        builder.convolve_depthwise(source, window, weights, (rows, columns))
        op = builder.ops[-1]
        blocks = op.blocks(builder.edges[source], builder.edges[op.output])
        builder.ops[-1] = replace(op, block=blocks[shorter % len(blocks)])
    return builder.finish()


@pytest.mark.parametrize("case", range(len(CONVOLUTIONS)))
def test_blocks_of_pixels_give_the_mirrors_bytes(case: int, tmp_path: Path) -> None:
    check_equal(convolutions(case, Grown(case)), tmp_path, BOARD)


@pytest.mark.parametrize("case", range(len(CONVOLUTIONS)))
def test_blocks_of_pixels_and_affine_codes_give_the_mirrors_bytes(case: int, tmp_path: Path) -> None:
    check_equal(convolutions(case, Affine(case)), tmp_path, BOARD)


def test_affine_codes_of_convolutions_give_the_mirrors_bytes_with_vectors(tmp_path: Path) -> None:
    check_equal(convolutions(1, Affine(1)), tmp_path, "mps3_an547")


@pytest.mark.parametrize("case", range(len(DEPTHWISE)))
def test_blocks_of_channels_give_the_mirrors_bytes(case: int, tmp_path: Path) -> None:
    check_equal(depthwise(case), tmp_path, BOARD)


def dense(rows: int) -> p.Program:
    """Dense layers whose weights are pairs, of 1 to many groups of inputs, and one whose weights reach the bound of the sums."""
    builder = Grown(rows)
    for number, values in enumerate((4, 8, 36, 64, 512 // rows)):
        source = builder.source((rows, 1, values), 3 if number else 0)
        weights = builder.rng.integers(-127, 128, (4 * (number % 3 + 1), rows * values)).astype(np.int8)
        if number == 4:
            weights[:] = np.sign(weights) * 127
        FullyConnected.grow_as(builder, source, weights)
        assert builder.ops[-1].in_pairs
    return builder.finish()


@pytest.mark.parametrize("rows", [1, 2])
def test_pairs_of_outputs_give_the_mirrors_bytes(rows: int, tmp_path: Path) -> None:
    check_equal(dense(rows), tmp_path, BOARD)


def affine(rows: int) -> p.Program:
    """Dense layers of affine codes: whole groups and not, inputs of one and several runs, weights at the bounds of their sums."""
    builder = Grown(rows)
    for number, (values, outputs) in enumerate(((8, 4), (40, 8), (104, 9), (64, 3), (2048 // rows, 8), (7, 12))[: 6 if rows == 1 else 5]):
        source = builder.source((rows, 1, values), 3 if number else 0)
        least = builder.rng.integers(-128, MOST + 1, (outputs, 1)).astype(np.int8)
        codes = builder.rng.integers(0, CODES, (outputs, rows * values))
        if values * rows == 2048:
            least[:], codes[:4], codes[4:] = -128, 0, CODES - 1
        out = builder.edge((1, 1, outputs))
        requantization = builder.requantization(out, 4000 * (rows * values) ** 0.5)
        weights = (least + STEP * codes).astype(np.int8)
        builder.ops.append(FullyConnected("dense", (source,), out, weights, requantization, least))
    return builder.finish()


@pytest.mark.parametrize("board", [BOARD, "mps3_an547"])
@pytest.mark.parametrize("rows", [1, 2])
def test_affine_codes_of_four_outputs_give_the_mirrors_bytes(rows: int, board: str, tmp_path: Path) -> None:
    check_equal(affine(rows), tmp_path, board)


@pytest.mark.parametrize("shift", [1, 2])
def test_a_program_at_any_address_gives_the_mirrors_bytes(shift: int, tmp_path: Path) -> None:
    """The fast kernel loads several words at once, which must be aligned for that."""
    check_equal(dense(1), tmp_path, BOARD, shift=shift)


def test_affine_codes_at_any_address_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check_equal(affine(1), tmp_path, BOARD, shift=1)
