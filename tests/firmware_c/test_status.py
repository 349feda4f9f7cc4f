"""Every status code of the loader has a vector, and every rule of the format one that breaks it."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import (
    ARENA,
    ARGUMENT,
    CHECKSUM,
    EDGE,
    HEADER,
    LAYOUT,
    MAGIC,
    OK,
    OPERATOR,
    TABLE,
    TRUNCATED,
    UNKNOWN_OPERATOR,
    VERSION,
    Case,
    edge_at,
    exports,
    load,
    operator_at,
    parameters_at,
    patched,
    run_sanitized,
)
from builders.programs import operator_program, place
from dqa import program as p
from dqa.coding import HuffmanTable
from dqa.operators.lut import Lut

K = p.Kind
WINDOWED = [K.CONV_2D, K.DEPTHWISE_CONV_2D, K.AVERAGE_POOL_2D, K.MAX_POOL_2D]
COPIES = [K.MAX_POOL_2D, K.PAD, K.CONCATENATION, K.RESIZE_NEAREST_NEIGHBOR, K.RESHAPE]


@cache
def plain(kind: p.Kind) -> bytes:
    """A raw input, a LUT into a map (edge 2), one operator (number 1), a raw output; several edges for some kinds."""
    return p.write(operator_program(kind))


@cache
def coded() -> bytes:
    """A program whose edge 2 is a map with a Huffman table and important channels 0, 2 and 5."""
    program = operator_program(K.SOFTMAX)
    counts = np.array([8, 4, 2, 1])
    shape = program.edges[0]
    assert shape.channels >= 6
    edge = p.Edge(
        "coded", shape.height, shape.width, shape.channels, p.Storage.MAP, 4, 2, -32, 0,
        4000, np.zeros(shape.channels, np.int8), (0, 2, 5), p.ErrorCoding.HUFFMAN, 4, HuffmanTable.from_counts(counts),
    )  # fmt: skip
    raw = [replace(shape, storage=p.Storage.RAW_INT8, name=name) for name in ("in", "out")]
    edges = (*raw, edge)
    ops = (Lut("a", (0,), 2, np.zeros(256, np.int8)), Lut("b", (2,), 1, np.zeros(256, np.int8)))
    return p.write(p.Program(edges, ops, 1, 1, place(list(edges), list(ops), 0), place(list(edges), list(ops), 2)))


def find(kind: p.Kind, fits: Callable[[p.Edge, p.Edge], bool]) -> p.Program:
    """The first random program of a kind whose operator 1 has an input and output that fit."""
    programs = (operator_program(kind, seed) for seed in range(1000))
    return next(q for q in programs if fits(q.edges[q.ops[1].inputs[0]], q.edges[q.ops[1].output]))


def table_at(data: bytes, record: int, field: int) -> int:
    """The offset of a table that a record names."""
    return int(struct.unpack_from("<I", data, record + field)[0])


@pytest.mark.parametrize("kind", K, ids=lambda kind: kind.name.lower())
def test_a_good_program_is_accepted_in_both_layouts(kind: p.Kind) -> None:
    assert load(plain(kind)) == load(plain(kind), 1) == OK
    assert load(coded()) == load(coded(), 1) == OK


HEADER_CASES = [
    ("magic", 0, "<I", 0x50415145, MAGIC),
    ("version", 4, "<H", 2, VERSION),
    ("header size", 6, "<H", 60, HEADER),
    ("edge count 0", 16, "<H", 0, HEADER),
    ("edge count too large", 16, "<H", 4097, HEADER),
    ("edge table past the end", 16, "<H", 4096, HEADER),
    ("operator count 0", 18, "<H", 0, HEADER),
    ("operator count too large", 18, "<H", 4097, HEADER),
    ("no inputs", 20, "<B", 0, HEADER),
    ("nine inputs", 20, "<B", 9, HEADER),
    ("no outputs", 21, "<B", 0, HEADER),
    ("nine outputs", 21, "<B", 9, HEADER),
    ("more ends than edges", 21, "<B", 8, HEADER),
    ("reserved", 22, "<H", 1, HEADER),
    ("edge table not aligned", 24, "<I", 66, HEADER),
    ("edge table in the header", 24, "<I", 60, HEADER),
    ("operator table past the end", 28, "<I", 0xFFFFFFFC, HEADER),
    ("layout table past the end", 32, "<I", 0x7FFFFFFC, HEADER),
    ("internal arena too small", 36, "<I", 0, LAYOUT),
    ("external arena too small", 40, "<I", 0, LAYOUT),
    ("reserved end", 63, "<B", 1, HEADER),
]


@pytest.mark.parametrize(("at", "form", "value", "status"), [case[1:] for case in HEADER_CASES], ids=[case[0] for case in HEADER_CASES])
def test_a_wrong_header_is_refused(at: int, form: str, value: int, status: int) -> None:
    assert load(patched(plain(K.ADD), at, form, value)) == status


def test_a_truncated_program_is_refused_at_every_length() -> None:
    data = plain(K.SOFTMAX)
    assert {load(data[:size]) for size in range(len(data))} == {TRUNCATED}


def test_bytes_behind_the_program_are_refused() -> None:
    assert load(plain(K.ADD) + bytes(4)) == HEADER


def test_a_size_that_is_no_multiple_of_4_is_refused() -> None:
    data = patched(plain(K.ADD) + b"\0", 8, "<I", len(plain(K.ADD)) + 1)
    assert load(data) == HEADER


def test_every_flipped_bit_of_the_checked_bytes_breaks_the_checksum() -> None:
    data = plain(K.ADD)
    for at in range(12, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        assert load(bytes(changed)) == CHECKSUM


EDGE_CASES = [
    ("height 0", 0, "<H", 0),
    ("width 0", 2, "<H", 0),
    ("channels 0", 4, "<H", 0),
    ("more values than 2^24", 0, "<H", 65535),
    ("row longer than 2^18", 2, "<H", 65535),
    ("unknown storage", 6, "<B", 4),
    ("a ring with extra bits and without rows", 6, "<B", 3),
    ("raw storage of 6 bits", 6, "<B", 0),
    ("unknown error coding", 7, "<B", 3),
    ("no error coding for important channels", 7, "<B", 0),
    ("raw coding with a Huffman table", 7, "<B", 1),
    ("code bits 0", 8, "<B", 0),
    ("code bits 9", 8, "<B", 9),
    ("9 bits in all", 8, "<B", 7),
    ("extra bits 5", 9, "<B", 5),
    ("important channels without extra bits", 9, "<B", 0),
    ("values above 127", 10, "<b", 100),
    ("zero point below low", 11, "<b", -33),
    ("zero point above high", 11, "<b", 32),
    ("capacity too small", 12, "<I", 8),
    ("capacity above 2^24", 12, "<I", (1 << 24) + 1),
    ("zero points past the end", 16, "<I", 0xFFFFFF00),
    ("zero points not aligned", 16, "<I", 66),
    ("important channels past the end", 20, "<I", 0xFFFFFF00),
    ("no important channels", 20, "<I", 0),
    ("too many important channels", 24, "<H", 4000),
    ("important count 0", 24, "<H", 0),
    ("Huffman table past the end", 28, "<I", 0xFFFFFF00),
    ("no Huffman table", 28, "<I", 0),
    ("a ring of packed rows with errors", 32, "<H", 1),
    ("reserved", 34, "<B", 1),
    ("reserved", 39, "<B", 1),
]


@pytest.mark.parametrize(("at", "form", "value"), [case[1:] for case in EDGE_CASES], ids=[case[0] for case in EDGE_CASES])
def test_a_wrong_edge_is_refused(at: int, form: str, value: int) -> None:
    assert load(patched(coded(), edge_at(coded(), 2) + at, form, value)) == EDGE


def test_important_channels_that_do_not_ascend_or_do_not_exist_are_refused() -> None:
    at = table_at(coded(), edge_at(coded(), 2), 20)
    for channels in ((0, 0, 5), (2, 0, 5), (0, 2, 60000)):
        assert load(patched(coded(), at, "<3H", *channels)) == EDGE


def test_a_zero_point_outside_of_the_range_is_refused() -> None:
    assert load(patched(coded(), table_at(coded(), edge_at(coded(), 2), 16), "<b", -33)) == EDGE


def test_inputs_and_outputs_that_are_maps_are_refused() -> None:
    for number in (0, 1):
        assert load(patched(coded(), edge_at(coded(), number) + 6, "<B", 2)) == EDGE


def test_every_wrong_byte_of_a_huffman_table_is_refused() -> None:
    at = table_at(coded(), edge_at(coded(), 2), 28)
    longest = coded()[at]
    size = p.align(4 + 4 + 4 + (1 << longest))
    for offset in range(size):
        for value in {0, 1, 2, 3, 9, 0xFF, coded()[at + offset] ^ 1} - {coded()[at + offset]}:
            assert load(patched(coded(), at + offset, "<B", value)) == TABLE, (offset, value)


def test_an_incomplete_huffman_code_is_refused() -> None:
    at = table_at(coded(), edge_at(coded(), 2), 28)
    decode = [0 | 3 << 4, 1 | 3 << 4, 2 | 3 << 4, 3 | 3 << 4, 0, 0, 0, 0]  # four codewords of 3 bits leave half unused
    assert coded()[at] == 3
    assert load(patched(coded(), at, "<16B", 3, 2, 0, 0, 3, 3, 3, 3, 0, 1, 2, 3, *decode[:4])) == TABLE


OPERATOR_CASES = [
    ("unknown kind", 0, "<B", len(K) + 1, UNKNOWN_OPERATOR),
    ("kind 0", 0, "<B", 0, UNKNOWN_OPERATOR),
    ("no inputs", 1, "<B", 0, OPERATOR),
    ("too many inputs", 1, "<B", 3, OPERATOR),
    ("output edge that does not exist", 2, "<H", 4000, OPERATOR),
    ("output edge that is an input", 2, "<H", 0, OPERATOR),
    ("inputs past the end", 4, "<I", 0xFFFFFFFC, OPERATOR),
    ("inputs not aligned", 4, "<I", 65, OPERATOR),
    ("parameters past the end", 8, "<I", 0xFFFFFFFC, OPERATOR),
    ("parameters of the wrong size", 12, "<I", 20, OPERATOR),
    ("scratch too small", 16, "<I", 4, OPERATOR),
    ("scratch too large", 16, "<I", 1 << 20, OPERATOR),
    ("a phase left out", 20, "<H", 2, OPERATOR),
    ("a phase again", 20, "<H", 0xFFFF, OPERATOR),
    ("weight encoding", 22, "<B", 5, OPERATOR),
    ("pairs of a convolution", 22, "<B", 3, OPERATOR),
    ("affine codes without least weights", 22, "<B", 4, OPERATOR),
    ("block", 23, "<B", 1, OPERATOR),
]


@pytest.mark.parametrize(("at", "form", "value", "status"), [case[1:] for case in OPERATOR_CASES], ids=[case[0] for case in OPERATOR_CASES])
def test_a_wrong_operator_record_is_refused(at: int, form: str, value: int, status: int) -> None:
    data = plain(K.CONV_2D)
    assert load(patched(data, operator_at(data, 1) + at, form, value)) == status


def test_an_input_edge_that_does_not_exist_is_refused() -> None:
    data = plain(K.CONV_2D)
    assert load(patched(data, table_at(data, operator_at(data, 1), 4), "<H", 4000)) == OPERATOR


def test_an_operator_that_reads_what_is_not_written_yet_is_refused() -> None:
    first, second = (coded()[operator_at(coded(), i) : operator_at(coded(), i + 1)] for i in (0, 1))
    assert load(patched(coded(), operator_at(coded(), 0), "<48s", second + first)) == OPERATOR  # type: ignore[arg-type]


def test_an_edge_written_twice_is_refused() -> None:
    at = operator_at(coded(), 1)
    assert load(patched(coded(), at + 2, "<H", 2)) == OPERATOR


def test_an_operator_that_is_not_linked_is_unknown() -> None:
    data = plain(K.SOFTMAX)
    table = (ctypes.c_void_p * 64)()  # more than there are kinds and parts
    model = ctypes.create_string_buffer(64)
    assert exports().dqa_load(model, data, len(data), table, 0) == UNKNOWN_OPERATOR


WINDOW_CASES = [("kernel_h", 0, 0), ("kernel_w", 1, 0), ("stride_h", 2, 0), ("stride_w", 3, 0), ("dilation_h", 4, 0), ("dilation_w", 5, 0)]
WINDOW_CASES += [("kernel spans 65 rows", 0, 65), ("pad_top as large as the kernel", 6, 64), ("pad_left as large as the kernel", 7, 255)]
WINDOW_CASES += [("rows beyond the input", 2, 255), ("columns beyond the input", 3, 255)]


@pytest.mark.parametrize("kind", WINDOWED, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(("at", "value"), [case[1:] for case in WINDOW_CASES], ids=[case[0] for case in WINDOW_CASES])
def test_a_wrong_window_is_refused(kind: p.Kind, at: int, value: int) -> None:
    data = p.write(find(kind, lambda _, output: output.height > 1 and output.width > 1))
    assert load(data) == OK
    assert load(patched(data, parameters_at(data, kind) + at, "<B", value)) == OPERATOR


REQUANTIZED = {K.CONV_2D: 12, K.DEPTHWISE_CONV_2D: 12, K.FULLY_CONNECTED: 4, K.ADD: 8, K.AVERAGE_POOL_2D: 8, K.MEAN: 0}


@pytest.mark.parametrize("kind", REQUANTIZED, ids=lambda kind: kind.name.lower())
def test_a_wrong_requantization_is_refused(kind: p.Kind) -> None:
    data = plain(kind)
    at = parameters_at(data, kind) + REQUANTIZED[kind]
    bias, multiplier, shift = struct.unpack_from("<III", data, at)
    for where, form, value in [
        (at, "<I", 0xFFFFFFFC), (at + 4, "<I", 2), (at + 8, "<I", 0), (at + 12, "<I", 1),
        (bias, "<i", 2**31 - 1), (bias, "<i", -(2**31)), (multiplier, "<i", -1), (shift, "<B", 0), (shift, "<B", 32),
    ]:  # fmt: skip
        assert load(patched(data, where, form, value)) == OPERATOR, (where - at, value)


def test_the_bias_may_reach_the_last_value_that_cannot_overflow() -> None:
    data = plain(K.ADD)
    bias = struct.unpack_from("<I", data, parameters_at(data, K.ADD) + 8)[0]
    for sign in (1, -1):
        assert load(patched(data, bias, "<i", sign * (2**31 - 1 - 2**23))) == OK
        assert load(patched(data, bias, "<i", sign * (2**31 - 2**23))) == OPERATOR


PARAMETER_CASES = [
    (K.CONV_2D, 8, "<I", 0xFFFFFFFC), (K.DEPTHWISE_CONV_2D, 8, "<I", 65), (K.FULLY_CONNECTED, 0, "<I", 0),
    (K.ADD, 0, "<I", 0), (K.ADD, 4, "<I", 0xFFFFFFFC), (K.AVERAGE_POOL_2D, 4, "<B", 2), (K.MAX_POOL_2D, 5, "<B", 2),
    (K.PAD, 0, "<H", 60), (K.PAD, 2, "<H", 60), (K.PAD, 4, "<H", 65535), (K.PAD, 6, "<H", 1),
    (K.CONCATENATION, 0, "<B", 3), (K.CONCATENATION, 1, "<B", 1),
    (K.RESIZE_NEAREST_NEIGHBOR, 0, "<I", 0xFFFFFFFC), (K.RESIZE_NEAREST_NEIGHBOR, 4, "<I", 2),
    (K.LUT, 0, "<I", 0xFFFFFFFC), (K.SOFTMAX, 0, "<I", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "at", "form", "value"), PARAMETER_CASES, ids=[f"{case[0].name.lower()}-{case[1]}" for case in PARAMETER_CASES]
)
def test_wrong_parameters_are_refused(kind: p.Kind, at: int, form: str, value: int) -> None:
    data = plain(kind)
    assert load(patched(data, parameters_at(data, kind) + at, form, value)) == OPERATOR


def test_rows_of_a_resize_that_go_back_or_do_not_exist_are_refused() -> None:
    program = find(K.RESIZE_NEAREST_NEIGHBOR, lambda source, output: source.height > 2 and output.height > 2)
    data = p.write(program)
    rows = table_at(data, parameters_at(data, K.RESIZE_NEAREST_NEIGHBOR), 0)
    for values in ((1, 0), (0, program.edges[0].height)):
        assert load(patched(data, rows, "<2H", *values)) == OPERATOR


def test_a_table_that_leaves_the_range_of_the_output_is_refused() -> None:
    lut = table_at(coded(), table_at(coded(), operator_at(coded(), 0), 8), 0)
    assert load(patched(coded(), lut + 200, "<b", 32)) == OPERATOR
    data = plain(K.SOFTMAX)
    assert load(patched(data, table_at(data, parameters_at(data, K.SOFTMAX), 0), "<H", 0)) == OPERATOR


@pytest.mark.parametrize("kind", COPIES, ids=lambda kind: kind.name.lower())
def test_a_copy_between_different_ranges_is_refused(kind: p.Kind) -> None:
    program = find(kind, lambda _, output: output.zero_points is None and -128 < output.low <= output.zero_point < output.high)
    data = p.write(program)
    at = edge_at(data, program.ops[1].output) + 10
    assert load(data) == OK
    assert load(patched(data, at, "<b", program.edges[program.ops[1].output].low - 1)) == OPERATOR


LAYOUT_CASES = [("not aligned", 2), ("past the arena", 1 << 30), ("at its end", -1), ("wraps around", 0xFFFFFFFC)]


@pytest.mark.parametrize("value", [case[1] for case in LAYOUT_CASES], ids=[case[0] for case in LAYOUT_CASES])
@pytest.mark.parametrize("layout", [0, 1], ids=["internal", "external"])
@pytest.mark.parametrize("buffer", [2, 3], ids=["edge", "scratch"])
def test_a_buffer_outside_of_the_arena_is_refused(buffer: int, layout: int, value: int) -> None:
    at = struct.unpack_from("<I", coded(), 32)[0] + 4 * (7 * layout + buffer)
    arena = struct.unpack_from("<I", coded(), 36 + 4 * layout)[0]
    assert load(patched(coded(), at, "<I", arena if value < 0 else value)) == LAYOUT


def test_inputs_and_outputs_must_be_the_callers_in_the_external_layout_and_only_there() -> None:
    layouts = struct.unpack_from("<I", coded(), 32)[0]
    assert load(patched(coded(), layouts, "<I", 0xFFFFFFFF)) == LAYOUT
    assert load(patched(coded(), layouts + 4 * 7, "<I", 0)) == LAYOUT


def test_null_pointers_and_unknown_layouts_are_refused() -> None:
    data, library = coded(), exports()
    model = ctypes.create_string_buffer(64)
    operators = ctypes.addressof(ctypes.c_void_p.in_dll(library, "dqa_all_operators"))
    assert library.dqa_load(None, data, len(data), operators, 0) == ARGUMENT
    assert library.dqa_load(model, None, len(data), operators, 0) == ARGUMENT
    assert library.dqa_load(model, data, len(data), None, 0) == ARGUMENT
    assert load(data, 4) == load(data, -1) == ARGUMENT
    assert load(data, 3) == LAYOUT  # its rows end
    assert load(data, 2) == LAYOUT  # this program is without it
    assert library.dqa_run(None, model, 64, None, None, None) == ARGUMENT


def test_a_model_that_was_refused_does_not_run() -> None:
    model, arena = ctypes.create_string_buffer(64), ctypes.create_string_buffer(1 << 16)
    operators = ctypes.addressof(ctypes.c_void_p.in_dll(exports(), "dqa_all_operators"))
    assert exports().dqa_load(model, coded()[:-4], len(coded()) - 4, operators, 0) == TRUNCATED
    assert exports().dqa_run(model, arena, 1 << 16, None, None, None) == ARGUMENT


def test_an_arena_that_is_null_too_small_or_not_aligned_is_refused() -> None:
    data, library = coded(), exports()
    model = ctypes.create_string_buffer(64)
    operators = ctypes.addressof(ctypes.c_void_p.in_dll(library, "dqa_all_operators"))
    size = struct.unpack_from("<I", data, 36)[0]
    arena = np.zeros(size // 8 + 2, np.uint64)
    assert library.dqa_load(model, data, len(data), operators, 0) == OK
    assert library.dqa_run(model, None, size, None, None, None) == ARENA
    assert library.dqa_run(model, arena.ctypes.data, size - 1, None, None, None) == ARENA
    assert library.dqa_run(model, arena.ctypes.data + 2, size, None, None, None) == ARENA
    assert library.dqa_run(model, arena.ctypes.data, size, None, None, None) == OK


def test_the_external_layout_needs_every_input_and_output() -> None:
    data, library = coded(), exports()
    model = ctypes.create_string_buffer(64)
    operators = ctypes.addressof(ctypes.c_void_p.in_dll(library, "dqa_all_operators"))
    arena, end = np.zeros(1 << 13, np.uint64), np.zeros(1 << 13, np.uint8)
    one, none = (ctypes.c_void_p * 1)(end.ctypes.data), (ctypes.c_void_p * 1)()
    assert library.dqa_load(model, data, len(data), operators, 1) == OK
    for inputs, outputs, status in (
        (None, one, ARGUMENT),
        (one, None, ARGUMENT),
        (none, one, ARGUMENT),
        (one, none, ARGUMENT),
        (one, one, OK),
    ):
        assert library.dqa_run(model, arena.ctypes.data, arena.nbytes, inputs, outputs, None) == status


def test_status_names_are_distinct_and_there_is_one_for_any_number() -> None:
    names = [exports().dqa_status_name(status).decode() for status in range(14)]
    assert len(set(names)) == 14 and all(names)
    assert exports().dqa_status_name(14) == exports().dqa_status_name(-1) == b"unknown status"


def test_refused_programs_are_read_within_their_bytes(tmp_path: Path) -> None:
    data = coded()
    bad = [data[:size] for size in range(0, len(data), 7)]
    bad += [patched(data, edge_at(data, 2) + at, form, value) for _, at, form, value in EDGE_CASES]
    bad += [patched(data, operator_at(data, 1) + at, form, value) for _, at, form, value, _ in OPERATOR_CASES]
    bad += [patched(data, at, form, value) for _, at, form, value, _ in HEADER_CASES]
    statuses = np.frombuffer(run_sanitized([Case(program, b"", i % 2) for i, program in enumerate(bad)], tmp_path), np.uint32)
    assert len(statuses) == len(bad)
    assert (statuses != OK).all()
