"""Affine weights: what their codes hold, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import load, operator_at, parameters_at, patched
from builders.programs import place
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.affine import MOST, STEP, books_of, codes_of, pack_quads, pack_words, unpack_quads, unpack_words
from dqa.operators.conv_2d import Conv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.transpose_conv import TransposeConv
from dqa.planning.blocks import with_blocks

OPERATOR, ENCODING = 8, 22
DENSE_WEIGHTS, DENSE_LEAST, CONV_WEIGHTS, CONV_LEAST = 0, 16, 8, 24


def weights_of(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Affine weights (O, ...) and their least ones (O, 1), the extremes among them."""
    rng = np.random.default_rng(int(np.prod(shape)))
    least = rng.integers(-128, MOST + 1, (shape[0], 1)).astype(np.int8)
    least[0] = -128
    least[-1] = MOST
    codes = rng.integers(0, 16, (shape[0], int(np.prod(shape[1:]))))
    return (least + STEP * codes).astype(np.int8).reshape(shape), least


def program(op: p.Operator, source: tuple[int, int, int], out: tuple[int, int, int]) -> p.Program:
    edges = [p.Edge("in", *source, p.Storage.RAW_INT8, 8, 0, -128, 0, int(np.prod(source)))]
    edges += [p.Edge("out", *out, p.Storage.RAW_INT8, 8, 0, -128, 0, int(np.prod(out)))]
    return p.Program(tuple(edges), (op,), 1, 1, place(edges, [op], 0), place(edges, [op], 2))


def requantization(outputs: int) -> p.Requantization:
    return p.Requantization(np.zeros(outputs, np.int32), np.full(outputs, 2**30, np.int32), np.full(outputs, 7, np.uint8))


def dense(outputs: int, inputs: int, rows: int = 1) -> p.Program:
    weights, least = weights_of(outputs, inputs)
    op = FullyConnected("dense", (0,), 1, weights, requantization(outputs), least)
    return program(op, (rows, 1, inputs // rows), (1, 1, outputs))


def convolution(shape: tuple[int, int, int, int], width: int = 5, block: int = 0) -> p.Program:
    weights, least = weights_of(*shape)
    window = p.Window(shape[1], shape[2], 1, 1, 1, 1, shape[1] // 2, shape[2] // 2)
    op = Conv2D("conv", (0,), 1, window, weights, requantization(shape[0]), least, block=block)
    return program(op, (3, width, shape[3]), (3, width, shape[0]))


def only(program: p.Program) -> Conv2D | FullyConnected:
    """Its operator."""
    op = program.ops[0]
    assert isinstance(op, Conv2D | FullyConnected)
    return op


def refused(data: bytes) -> None:
    """Loader and reader refuse it."""
    assert load(data) == OPERATOR
    with pytest.raises(ProgramError):
        p.read(data)


def test_codes_of_four_outputs_lie_as_the_format_says() -> None:
    weights, least = weights_of(6, 13)
    codes, quads = codes_of(weights, least), pack_quads(weights, least)
    assert quads.shape == (2, 2, 4, 2)
    for o, k in np.ndindex(6, 13):
        pair, half = {0: (0, 0), 2: (0, 1), 1: (1, 0), 3: (1, 1), 4: (2, 0), 6: (2, 1), 5: (3, 0), 7: (3, 1)}[k % 8]
        code = int(quads[o // 4, k // 8, pair, half]) >> 4 * (o % 4) & 15
        assert (code ^ 8 if o % 4 == 3 else code) == codes[o, k]
    assert np.array_equal(unpack_quads(quads, least, weights.shape), weights)


@pytest.mark.parametrize(("inputs", "alternate"), [(8, False), (5, False), (24, True)])
def test_words_of_a_convolution_lie_as_the_format_says(inputs: int, alternate: bool) -> None:
    weights, least = weights_of(3, 2, 3, inputs)
    codes, words = codes_of(weights, least), pack_words(weights, least, alternate)
    for o, y, x, i in np.ndindex(weights.shape):
        k = (y * 3 + x) * inputs + i
        word = int(words[o, (y * (inputs // 8) + i // 8) * 3 + x if alternate else k // 8])
        word = word >> 3 | word << 29 & 0xFFFFFFFF
        place = {0: 0, 1: 4, 2: 16, 3: 20, 4: 8, 5: 12, 6: 24, 7: 28}[(i if alternate else k) % 8]
        assert word >> place & 15 == codes[o, y, x, i]
    assert np.array_equal(unpack_words(words, least, weights.shape, alternate), weights)


@pytest.mark.parametrize(
    ("shape", "block"), [((4, 3, 3, 8), 4), ((4, 3, 3, 8), 3), ((3, 3, 3, 8), 0), ((2, 1, 1, 13), 5), ((1, 1, 1, 1), 0), ((5, 2, 3, 12), 4)]
)
def test_reader_writer_and_loader_agree_on_words(shape: tuple[int, int, int, int], block: int) -> None:
    made = convolution(shape, block=block)
    data = p.write(made)
    assert load(data) == 0 and p.write(p.read(data)) == data and data[operator_at(data, 0) + ENCODING] == 4
    assert np.array_equal(only(p.read(data)).weights, only(made).weights)


def test_room_is_for_decoded_weights_or_for_a_block() -> None:
    without, with_block = (convolution((4, 3, 3, 8), block=block) for block in (0, 3))
    assert [p.transient_bytes(q.edges, q.ops[0]) for q in (without, with_block)] == [2 * 72, 2 * 3 * 72]


def test_a_block_takes_the_room_of_decoded_weights_too() -> None:
    made = convolution((4, 3, 3, 8))
    fast = with_blocks(made, optimize="speed")
    assert fast.ops[0].block == 4
    size = fast.internal.arena_size  # with the 288 bytes of the block, in which the 144 of decoded weights lie
    assert [with_blocks(made, {"internal": size + more}, "speed").ops[0].block for more in (64, -4)] == [4, 0]


@pytest.mark.parametrize(("outputs", "inputs", "rows"), [(4, 8, 1), (1, 1, 1), (7, 13, 1), (5, 48, 3)])
def test_reader_writer_and_loader_agree_on_dense_codes(outputs: int, inputs: int, rows: int) -> None:
    made = dense(outputs, inputs, rows)
    data = p.write(made)
    assert load(data) == 0 and p.write(p.read(data)) == data and data[operator_at(data, 0) + ENCODING] == 4
    assert np.array_equal(only(p.read(data)).weights, only(made).weights)


def test_affine_weights_take_half_a_byte_and_one_for_each_output() -> None:
    made = dense(8, 512)
    plain = replace(made, ops=(replace(only(made), book=None),))
    assert len(p.write(plain)) - len(p.write(made)) == 8 * 512 // 2 - 8


def test_rows_that_are_no_whole_groups_have_books() -> None:
    made = dense(3, 20, 2)
    laid_out, least = only(made).laid_out(*made.edges), only(made).book
    assert least is not None and laid_out.books is not None
    assert np.array_equal(laid_out.books, books_of(least))
    with pytest.raises(ProgramError, match="whole groups"):
        p.write(made)
    data = p.write(replace(made, ops=(laid_out,)))
    refused(patched(data, operator_at(data, 0) + ENCODING, "<B", 4))


@pytest.mark.parametrize("least", [MOST + 1, 127])
@pytest.mark.parametrize("kind", [p.Kind.FULLY_CONNECTED, p.Kind.CONV_2D])
def test_a_least_weight_whose_others_are_not_int8_is_refused(kind: p.Kind, least: int) -> None:
    data = p.write(dense(4, 8) if kind is p.Kind.FULLY_CONNECTED else convolution((4, 1, 1, 8)))
    field = DENSE_LEAST if kind is p.Kind.FULLY_CONNECTED else CONV_LEAST
    at = int.from_bytes(data[(of := parameters_at(data, kind) + field) : of + 4], "little")
    assert load(patched(data, at + 2, "<b", MOST)) == 0
    refused(patched(data, at + 2, "<b", least))


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (p.Kind.FULLY_CONNECTED, DENSE_WEIGHTS),
        (p.Kind.FULLY_CONNECTED, DENSE_LEAST),
        (p.Kind.CONV_2D, CONV_WEIGHTS),
        (p.Kind.CONV_2D, CONV_LEAST),
    ],
)
def test_codes_and_least_weights_outside_the_program_are_refused(kind: p.Kind, field: int) -> None:
    data = p.write(dense(8, 64) if kind is p.Kind.FULLY_CONNECTED else convolution((8, 3, 3, 8)))
    at = parameters_at(data, kind) + field
    for offset in (0, 2, 60, len(data) - 4, len(data), 0xFFFFFFF0):
        refused(patched(data, at, "<I", offset))


@pytest.mark.parametrize("change", [1, 7, -8, 16 * STEP])
def test_weights_without_a_code_are_not_written(change: int) -> None:
    made = dense(4, 8)
    weights = np.full((4, 8), -120, np.int64)
    op = replace(only(made), weights=weights.astype(np.int8), book=np.full((4, 1), -120, np.int8))
    p.write(replace(made, ops=(op,)))
    weights[3, 7] += change
    with pytest.raises(ProgramError, match="affine"):
        p.write(replace(made, ops=(replace(op, weights=weights.astype(np.int8)),)))


def test_a_transposed_convolution_has_no_affine_weights() -> None:
    weights, least = weights_of(4, 2, 2, 8)
    window = p.Window(2, 2, 2, 2, 1, 1, 0, 0)
    books = TransposeConv("up", (0,), 1, window, weights, requantization(4), books_of(least))
    made = program(books, (2, 2, 8), (4, 4, 4))
    data = p.write(made)
    refused(patched(data, operator_at(data, 0) + ENCODING, "<B", 4))
    with pytest.raises(ProgramError, match="affine"):
        p.write(replace(made, ops=(replace(books, book=least),)))
