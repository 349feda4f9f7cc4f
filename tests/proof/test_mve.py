"""MVE: rows that the vectors of a Cortex-M55 compute have the bytes of the readable C and of the mirror."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.firmware import needs_compiler, needs_qemu
from builders.kernels import Grown, check_equal
from builders.programs import random_coded
from dqa import program as p
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.mean import Mean

pytestmark = [needs_compiler, needs_qemu]

BOARD = "mps3_an547"

Case = tuple[int, int, int, tuple[int, int], int, int]
CONVOLUTIONS: list[list[Case]] = [  # width, channels of the input and the output, kernel, stride, dilation; in pairs: one reads the other
    [
        *((1, 1, 4, (1, 1), 1, 1), (1, 4, 5, (3, 3), 1, 1)),
        *((2, 7, 9, (3, 3), 1, 1), (2, 9, 16, (2, 1), 1, 1)),
        *((5, 16, 33, (3, 3), 1, 1), (5, 33, 8, (1, 1), 1, 1)),
        *((12, 3, 12, (3, 3), 2, 1), (6, 12, 3, (1, 3), 1, 1)),
        *((33, 1, 6, (5, 4), 2, 1), (17, 6, 31, (1, 1), 2, 1)),
        *((100, 2, 8, (3, 7), 1, 1), (100, 8, 4, (1, 5), 3, 1)),
    ],
    [
        *((7, 32, 6, (3, 3), 2, 1), (4, 6, 20, (4, 2), 1, 1)),
        *((9, 17, 4, (1, 9), 1, 1), (9, 4, 7, (3, 2), 1, 2)),
        *((4, 5, 15, (2, 3), 1, 1), (4, 15, 18, (1, 1), 1, 1)),
        *((8, 64, 10, (3, 3), 1, 1), (8, 10, 24, (3, 3), 1, 1)),
        *((3, 13, 32, (1, 1), 1, 1), (3, 32, 1, (3, 3), 1, 1)),
        *((50, 3, 5, (3, 3), 1, 1), (50, 5, 7, (3, 3), 2, 1)),
    ],
]


def convolutions(case: int) -> p.Program:
    """Windows of every kind, most of them with room for a block, on zero points that are 0 or not, with weights of every value."""
    builder = Grown(case)
    source = 0
    for number, (width, channels, outputs, kernel, stride, dilation) in enumerate(CONVOLUTIONS[case]):
        if number % 2 == 0:
            source = builder.source((5, width, channels), -9 if number % 4 else 0)
        assert builder.shape(source)[2] == channels
        window, rows, columns = builder.random_window(source, kernel, stride, dilation)
        weights = builder.rng.integers(-128, 128, (outputs, *kernel, channels)).astype(np.int8)
        if number % 3 == 0:
            weights[0] = -128
        target = builder.convolve(source, window, weights, (rows, columns))
        blocks = builder.ops[-1].blocks(builder.edges[source], builder.edges[target])
        builder.ops[-1] = replace(builder.ops[-1], block=blocks[number % len(blocks)] if blocks and number % 4 != 1 else 0)
        source = target
    return builder.finish()


def beside_its_input() -> p.Program:
    """Of a kernel of three rows, dilated, some lie beside an input of one or two rows, or all."""
    builder = Grown(7)
    for height in (1, 2):
        source = builder.source((height, 9, 8), -9)
        for outputs in (4, 13):
            weights = builder.rng.integers(-128, 128, (outputs, 3, 3, 8)).astype(np.int8)
            builder.convolve(source, p.Window(3, 3, 1, 1, 2, 1, 1, 1), weights, (height, 9))
    return builder.finish()


DEPTHWISE: list[Case] = [  # as above; the outputs are the input's channels, or a multiple
    *((33, 8, 8, (3, 3), 1, 1), (33, 8, 8, (3, 3), 2, 1)),
    *((6, 9, 9, (3, 3), 2, 1), (4, 9, 9, (3, 3), 1, 1)),
    *((5, 33, 33, (3, 3), 1, 1), (5, 33, 33, (5, 1), 1, 1)),
    *((1, 17, 17, (3, 3), 1, 1), (2, 17, 17, (1, 3), 1, 1)),
    *((100, 12, 12, (3, 3), 1, 1), (100, 12, 12, (3, 3), 3, 1)),
    *((7, 31, 31, (2, 4), 1, 1), (7, 31, 31, (3, 3), 1, 2)),
    *((12, 5, 10, (3, 3), 1, 1), (12, 10, 10, (5, 5), 2, 1)),
]


def depthwise() -> p.Program:
    """Windows of every kind on zero points that are 0 or not, with weights of every value."""
    builder = Grown(1)
    source = 0
    for number, (width, channels, outputs, kernel, stride, dilation) in enumerate(DEPTHWISE):
        if number % 2 == 0:
            source = builder.source((5, width, channels), -9 if number % 4 else 0)
        assert builder.shape(source)[2] == channels
        window, rows, columns = builder.random_window(source, kernel, stride, dilation)
        weights = builder.rng.integers(-128, 128, (*kernel, outputs)).astype(np.int8)
        weights[..., 0] = -128
        source = builder.convolve_depthwise(source, window, weights, (rows, columns))
    return builder.finish()


def dense(rows: int) -> p.Program:
    """Dense layers of 1 to 33 outputs, in pairs where they can be, and means and sums of maps of as many channels."""
    builder = Grown(rows)
    for number, (values, outputs) in enumerate(((8, 4), (40 // rows, 8), (17, 33), (129, 5), (1, 3), (512 // rows, 12))):
        source = builder.source((rows, 1, values), 3 if number else 0)
        weights = builder.rng.integers(-127, 128, (outputs, rows * values)).astype(np.int8)
        if number == 5:
            weights[:] = np.sign(weights) * 127
        FullyConnected.grow_as(builder, source, weights)
    for channels in (5, 32):
        source = builder.source((rows, 7, channels), 0)
        window = p.Window(1, 1)
        weights = builder.rng.integers(-128, 128, (channels, 1, 1, channels)).astype(np.int8)
        Mean.grow(builder, builder.join(source, builder.convolve(source, window, weights, (rows, 7))))
    return builder.finish()


class Coded(Grown):
    """Its edges are coded maps, with signs or without, whose rows drop bits at many levels."""

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        bits = self.between(5, 8)
        low = 0 if len(self.edges) % 2 and bits < 8 else -(1 << bits - 1)
        edge = p.Edge(f"map {len(self.edges)}", *shape, p.Storage.CODED, bits, 0, low, 0, 0)
        while edge.coding is None or edge.extra_bits < 2:
            edge = random_coded(self.rng, replace(edge, code_bits=bits, extra_bits=0))
        coding = replace(edge.coding, expected=(0,) * len(edge.coding.expected))
        room = int(edge.values * edge.extra_bits / 8 * self.rng.uniform(0.1, 0.6))
        self.edges.append(replace(edge, coding=coding, capacity=p.minimum_capacity(edge) + room))
        return len(self.edges) - 1


def coded() -> p.Program:
    """Coded maps of 1 to 33 channels behind dense sums of noise and of extremes."""
    builder = Coded(3)
    for width, channels in ((1, 8), (5, 33), (100, 2), (12, 16), (7, 9), (40, 1)):
        source = builder.source((6, width, channels), 0)
        weights = np.full((channels, 1, 1, channels), 0, np.int8)
        weights[range(channels), 0, 0, range(channels)] = builder.rng.integers(1, 128, channels)
        builder.convolve(source, p.Window(1, 1), weights, (6, width))
    return builder.finish()


def test_rows_without_any_input_have_the_mirrors_bytes(tmp_path: Path) -> None:
    check_equal(beside_its_input(), tmp_path, BOARD)


@pytest.mark.parametrize("case", range(len(CONVOLUTIONS)))
def test_vectors_of_channels_give_the_mirrors_bytes(case: int, tmp_path: Path) -> None:
    check_equal(convolutions(case), tmp_path, BOARD)
    text = subprocess.run(["arm-none-eabi-objdump", "-d", *tmp_path.rglob("firmware.elf")], capture_output=True, text=True, check=True)
    assert "dlstp" in text.stdout


def test_vectors_of_a_pixel_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check_equal(depthwise(), tmp_path, BOARD)


@pytest.mark.parametrize("rows", [1, 2])
def test_vectors_of_outputs_give_the_mirrors_bytes(rows: int, tmp_path: Path) -> None:
    check_equal(dense(rows), tmp_path, BOARD)


def test_bits_that_vectors_count_give_the_mirrors_bytes(tmp_path: Path) -> None:
    program = coded()
    assert len({edge.coding.group_count for edge in program.edges if edge.coding}) > 1
    check_equal(program, tmp_path, BOARD)
