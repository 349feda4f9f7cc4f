"""Weights of 4 bits: packed as the format says, checked as the format says, and half as large wherever the program goes."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import Case, load, operator_at, parameters_at, patched, run_sanitized
from builders.ports import ports_of
from builders.programs import place, random_inputs
from dqa import program as p
from dqa.codegen.render import render
from dqa.engine.host import HostModel
from dqa.errors import ProgramError
from dqa.operators.books import pack_indices, unpack_indices
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.lut import Lut
from reference import mirror

BOOK = np.array([0, 1, -1, 3, -3, 5, -5, 9, -9, 20, -20, 50, -50, 127, -128, 7], np.int8)


def finish(op: Conv2D | FullyConnected | DepthwiseConv2D, source: tuple[int, int, int], out: tuple[int, int, int]) -> p.Program:
    """One operator between a raw input and a packed map, and a copy to a raw output."""
    edges = [p.Edge("in", *source, p.Storage.RAW_INT8, 8, 0, -128, 3, int(np.prod(source)))]
    edges += [p.Edge("out", *out, p.Storage.RAW_INT8, 8, 0, -128, 0, int(np.prod(out)))]
    stored = p.Edge("map", *out, p.Storage.MAP, 8, 0, -128, 0, 0)
    edges += [replace(stored, capacity=p.minimum_capacity(stored))]
    ops: list[p.Operator] = [replace(op, inputs=(0,), output=2), Lut("copy", (2,), 1, np.arange(-128, 128).astype(np.int8))]
    return p.Program(tuple(edges), tuple(ops), 1, 1, place(edges, ops, 0), place(edges, ops, 2))


def requantization(channels: int) -> p.Requantization:
    return p.Requantization(np.arange(channels, dtype=np.int32), np.full(channels, 2**30, np.int32), np.full(channels, 7, np.uint8))


def convolution(book: np.ndarray | None, channels: int = 5, seed: int = 0) -> p.Program:
    """3 x 3 over 6 channels with all weights in BOOK, with zero points that are padded, 54 weights per output channel (odd halves: 27)."""
    rng = np.random.default_rng(seed)
    books = np.broadcast_to(BOOK if book is None else book, (channels, p.BOOK))
    weights = np.take_along_axis(books, rng.integers(0, p.BOOK, (channels, 27)), axis=1).reshape(channels, 3, 3, 3)
    conv = Conv2D("conv", (), 0, p.Window(3, 3, 1, 1, 1, 1, 1, 1), weights, requantization(channels), book)
    return finish(conv, (6, 7, 3), (6, 7, channels))


def dense(book: np.ndarray | None, shape: tuple[int, int, int], channels: int = 3) -> p.Program:
    """FULLY_CONNECTED over a map, rows of an odd number of weights included."""
    count = int(np.prod(shape))
    books = np.broadcast_to(BOOK if book is None else book, (channels, p.BOOK))
    weights = np.take_along_axis(books, np.random.default_rng(count).integers(0, p.BOOK, (channels, count)), axis=1)
    return finish(FullyConnected("dense", (), 0, weights, requantization(channels), book), shape, (1, 1, channels))


def books(channels: int) -> np.ndarray:
    """A book for each output channel."""
    return np.random.default_rng(channels).permuted(np.tile(BOOK, (channels, 1)), axis=1)


def test_two_indices_share_a_byte_the_first_in_its_low_bits() -> None:
    weights = np.array([[3, -1, 0], [127, -128, 1]], np.int8)
    packed = pack_indices(weights, BOOK)
    assert packed.tolist() == [[0x23, 0x00], [0xED, 0x01]]
    np.testing.assert_array_equal(unpack_indices(packed, BOOK, (2, 3)), weights)
    swapped = np.stack([BOOK, BOOK[::-1]])
    assert pack_indices(weights, swapped).tolist() == [[0x23, 0x00], [0x12, 0x0E]]


@pytest.mark.parametrize(("shape", "book"), [((5, 3, 3, 2), BOOK), ((4, 7), books(4)), ((1, 1), BOOK), ((3, 300), books(3))])
def test_packed_weights_unpack_to_themselves(shape: tuple[int, ...], book: np.ndarray) -> None:
    channels = np.broadcast_to(book, (shape[0], p.BOOK))
    indices = np.random.default_rng(0).integers(0, p.BOOK, (shape[0], int(np.prod(shape[1:]))))
    weights = np.take_along_axis(channels, indices, axis=1).reshape(shape)
    packed = pack_indices(weights, book)
    assert packed.shape == (shape[0], -(-int(np.prod(shape[1:])) // 2))
    np.testing.assert_array_equal(unpack_indices(packed, book, shape), weights)


PROGRAMS = {
    "one book": lambda: convolution(BOOK),
    "book per channel": lambda: convolution(books(5)),
    "one channel": lambda: convolution(BOOK, channels=1),
    "dense row": lambda: dense(BOOK, (1, 1, 333)),
    "dense rows of odd length": lambda: dense(books(3), (5, 1, 7)),
    "dense long rows of odd length": lambda: dense(BOOK, (3, 5, 27)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_executor_decodes_what_the_writer_packed(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]()
    data, inputs = p.write(program), random_inputs(program, 1)
    want = mirror.run(program, inputs).outputs[0].tobytes()
    raw = inputs[0].tobytes()
    assert HostModel(data).run(np.frombuffer(raw, np.int8)[None]).outputs.tobytes() == want
    dropped = bytes(4 * len(program.edges))
    assert run_sanitized([Case(data, raw, 0), Case(data, raw, 1)], tmp_path) == 2 * (bytes(4) + want + dropped)


def test_4_bit_weights_take_half_the_bytes_and_answer_as_the_same_weights_of_8_bits() -> None:
    coded, plain = (dense(book, (1, 1, 512), channels=10) for book in (BOOK, None))
    small, large = p.write(coded), p.write(plain)
    assert len(large) - len(small) == 10 * 512 // 2 - p.BOOK
    x = np.random.default_rng(0).integers(-128, 128, (4, 512)).astype(np.int8)
    np.testing.assert_array_equal(HostModel(small).run(x).outputs, HostModel(large).run(x).outputs)


def test_room_for_the_decoded_weights_of_two_channels_lies_behind_the_transient_row() -> None:
    coded, plain = convolution(BOOK), convolution(None)
    (row, _), (plain_row, _) = ([p.transient_bytes(q.edges, op) for op in q.ops] for q in (coded, plain))
    assert (plain_row, row) == (36, 36 + 56)  # 35 bytes of a row; 2 * 27 bytes of weights
    dense_op = dense(BOOK, (5, 1, 7)).ops[0]
    assert p.transient_bytes(dense(BOOK, (5, 1, 7)).edges, dense_op) == 4


def test_the_rendered_array_shows_the_code_book_and_the_packed_bytes(tmp_path: Path) -> None:
    program = convolution(BOOK)
    data = p.write(program)
    render(program, data, tmp_path, ports_of(program))
    text = (tmp_path / "model.c").read_text()
    assert "4-bit weights (5, 3, 3, 3), two per byte" in text
    assert "code book of the weights" in text
    assert "0, 1, -1, 3, -3, 5, -5, 9, -9, 20, -20, 50, -50, 127, -128, 7" in text
    assert "[DQA_MODEL_PROGRAM_SIZE]" in text and str(len(data)) in (tmp_path / "model.h").read_text()


@pytest.mark.parametrize(
    "change",
    [
        lambda op: replace(op, weights=op.weights + np.int8(1)),
        lambda op: replace(op, book=op.book[:15]),
        lambda op: replace(op, book=op.book.astype(np.int16)),
        lambda op: replace(op, book=np.tile(op.book, (4, 1))),
    ],
    ids=["weights beside the book", "15 values", "int16", "4 books of 5"],
)
def test_weights_that_do_not_fit_their_book_are_not_written(change: object) -> None:
    program = convolution(BOOK)
    conv = change(program.ops[0])  # type: ignore[operator]
    with pytest.raises(ProgramError, match="book"):
        p.write(replace(program, ops=(conv, program.ops[1])))


ENCODING, BOOKS_FIELD, WEIGHTS_FIELD = 22, 24, 8


def refused(data: bytes) -> None:
    """Loader and reader refuse it."""
    assert load(data) == 8
    with pytest.raises(ProgramError):
        p.read(data)


@pytest.mark.parametrize("encoding", [3, 5, 255])
def test_an_unknown_weight_encoding_is_refused(encoding: int) -> None:
    data = p.write(convolution(BOOK))
    refused(patched(data, operator_at(data, 0) + ENCODING, "<B", encoding))


def test_code_books_without_their_encoding_and_the_encoding_without_them_are_refused() -> None:
    coded, plain = p.write(convolution(BOOK)), p.write(convolution(None))
    refused(patched(coded, operator_at(coded, 0) + ENCODING, "<B", 0))
    refused(patched(plain, operator_at(plain, 0) + ENCODING, "<B", 1))


@pytest.mark.parametrize("field", [BOOKS_FIELD, WEIGHTS_FIELD])
def test_indices_and_books_outside_the_program_are_refused(field: int) -> None:
    data = p.write(convolution(books(5)))
    at = parameters_at(data, p.Kind.CONV_2D) + field
    for offset in (0, 2, 60, len(data) - 16, len(data), 0xFFFFFFF0):
        refused(patched(data, at, "<I", offset))
    fits = len(data) - (5 * p.BOOK if field == BOOKS_FIELD else 72)
    assert load(patched(data, at, "<I", fits)) == 0


def test_one_book_may_lie_where_books_of_all_channels_do_not_fit() -> None:
    data = p.write(convolution(BOOK))
    moved = patched(data, parameters_at(data, p.Kind.CONV_2D) + BOOKS_FIELD, "<I", len(data) - 16)
    assert load(moved) == 0
    refused(patched(moved, operator_at(data, 0) + ENCODING, "<B", 2))


def test_a_depthwise_convolution_has_weights_of_8_bits() -> None:
    weights = np.zeros((1, 1, 3), np.int8)
    data = p.write(finish(DepthwiseConv2D("depthwise", (), 0, p.Window(1, 1), weights, requantization(3)), (2, 2, 3), (2, 2, 3)))
    refused(patched(data, operator_at(data, 0) + ENCODING, "<H", 1))


def test_the_record_names_the_encoding() -> None:
    for book, encoding in ((None, 0), (BOOK, 1), (books(5), 2)):
        data = p.write(convolution(book))
        assert struct.unpack_from("<H", data, operator_at(data, 0) + ENCODING) == (encoding,)
