"""Programs as bytes: written and read again they are the same; whatever the format does not allow is refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import check_corrupt, patched
from builders.programs import finish, operator_program, random_program, same
from dqa import program as p
from dqa.coding import HuffmanTable
from dqa.errors import ProgramError
from dqa.operators.conv_2d import Conv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.lut import Lut
from dqa.operators.reshape import Reshape
from dqa.program.structs import EDGE, HEADER, OPERATOR


@pytest.mark.parametrize("seed", range(60))
def test_a_program_read_again_is_the_same(seed: int) -> None:
    program = random_program(seed)
    data = p.write(program)
    again = p.read(data)
    assert same(again, program)
    assert p.write(again) == data


def test_sections_cover_the_bytes_in_order() -> None:
    for kind in p.Kind:
        image = p.assemble(operator_program(kind))
        assert image.sections[0].offset == 0
        ends = [section.offset + section.size for section in image.sections]
        assert ends == [section.offset for section in image.sections[1:]] + [len(image.data)]


def test_equal_tables_are_stored_once() -> None:
    image = p.assemble(stored())  # two LUTs with equal tables
    (shared,) = [section for section in image.sections if section.size == 256]
    assert len(shared.titles) == 2


def test_the_header_is_the_one_of_the_format() -> None:
    program = operator_program(p.Kind.CONV_2D)
    data = p.write(program)
    assert data[:4] == b"DQAP"
    assert struct.unpack_from("<HHII", data, 4) == (1, 64, len(data), zlib.crc32(data[16:]))
    assert struct.unpack_from("<HHBBH", data, 16) == (len(program.edges), len(program.ops), 1, 1, 0)
    assert struct.unpack_from("<III", data, 36) == (program.internal.arena_size, program.external.arena_size, 0xFFFFFFFF)
    assert len(data) % 4 == 0
    assert not any(data[48:64])


@pytest.mark.parametrize("seed", range(20))
def test_every_flipped_bit_is_refused(seed: int) -> None:
    data = p.write(random_program(seed))
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(data), 50):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.integers(8)
        with pytest.raises(ProgramError):
            p.read(bytes(changed))


@pytest.mark.parametrize("size", [0, 3, 15, 63, 64, -4, -1])
def test_a_truncated_program_is_refused(size: int) -> None:
    data = p.write(operator_program(p.Kind.ADD))
    with pytest.raises(ProgramError):
        p.read(data[:size])


def test_bytes_after_the_program_are_refused() -> None:
    with pytest.raises(ProgramError, match="bytes"):
        p.read(p.write(operator_program(p.Kind.ADD)) + bytes(4))


@pytest.mark.parametrize("seed", range(40))
def test_corrupt_programs_with_a_right_checksum_are_read_or_refused_but_never_crash(seed: int) -> None:
    check_corrupt(random_program(seed), seed)


EDGE_0 = HEADER.size


def header_cases() -> list[tuple[str, int, str, int]]:
    return [
        ("version", 4, "<H", 2),
        ("header size", 6, "<H", 60),
        ("edge count", 16, "<H", 0),
        ("operator count", 18, "<H", 5000),
        ("input count", 20, "<B", 9),
        ("output count", 21, "<B", 0),
        ("reserved", 22, "<H", 1),
        ("edge table", 24, "<I", 66),
        ("operator table", 28, "<I", 0),
        ("layout table", 32, "<I", 0xFFFFFFF0),
        ("internal arena", 36, "<I", 4),
        ("external arena", 40, "<I", 4),
        ("reserved end", 60, "<I", 1),
        ("height", EDGE_0, "<H", 0),
        ("width", EDGE_0 + 2, "<H", 65535),
        ("storage", EDGE_0 + 6, "<B", 3),
        ("error coding", EDGE_0 + 7, "<B", 3),
        ("code bits", EDGE_0 + 8, "<B", 7),
        ("extra bits", EDGE_0 + 9, "<B", 1),
        ("low", EDGE_0 + 10, "<b", -127),
        ("capacity", EDGE_0 + 12, "<I", 1),
        ("zero points", EDGE_0 + 16, "<I", 62),
        ("important", EDGE_0 + 20, "<I", 64),
        ("important count", EDGE_0 + 24, "<H", 1),
        ("expected extra", EDGE_0 + 26, "<H", 1),
        ("Huffman", EDGE_0 + 28, "<I", 64),
        ("edge reserved", EDGE_0 + 36, "<I", 1),
    ]


@pytest.mark.parametrize(("what", "at", "form", "value"), header_cases(), ids=lambda case: case if isinstance(case, str) else "")
def test_a_wrong_field_is_refused(what: str, at: int, form: str, value: int) -> None:
    data = p.write(operator_program(p.Kind.MEAN))
    with pytest.raises(ProgramError):
        p.read(patched(data, at, form, value))


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (0, "<B", 0),
        (0, "<B", 14),
        (1, "<B", 0),
        (1, "<B", 17),
        (2, "<H", 99),
        (4, "<I", 2),
        (8, "<I", 0),
        (12, "<I", 4),
        (16, "<I", 0),
        (20, "<H", 0xFFFF),
        (22, "<H", 1),
    ],
)
def test_a_wrong_operator_field_is_refused(at: int, form: str, value: int) -> None:
    program = operator_program(p.Kind.MEAN)
    data = p.write(program)
    table = struct.unpack_from("<I", data, 28)[0]
    assert table == HEADER.size + EDGE.size * len(program.edges)
    with pytest.raises(ProgramError):
        p.read(patched(data, table + OPERATOR.size + at, form, value))


def stored(**changes: object) -> p.Program:
    """Raw input, LUT into a 2-bit map with 2 important channels of 3 and 2-bit errors, LUT to the output."""
    ends = [p.Edge(name, 2, 5, 3, p.Storage.RAW_INT8, 8, 0, -128, 0, 30) for name in ("in", "out")]
    table = HuffmanTable((1, 2, 3, 3))
    edge = p.Edge("map", 2, 5, 3, p.Storage.MAP, 2, 2, -8, 0, 40, None, (0, 2), p.ErrorCoding.HUFFMAN, 2, table)
    edge = replace(edge, **changes)  # type: ignore[arg-type]
    ops = [Lut("a", (0,), 2, np.zeros(256, np.int8)), Lut("b", (2,), 1, np.zeros(256, np.int8))]
    return finish([*ends, edge], list(ops), [0], [1])


def test_the_plain_stored_map_is_accepted() -> None:
    assert same(p.read(p.write(stored())), stored())


@pytest.mark.parametrize(
    "changes",
    [
        {"code_bits": 9},
        {"extra_bits": 5},
        {"code_bits": 7},
        {"low": 120},
        {"capacity": 15},
        {"capacity": 1 << 25},
        {"zero_point": 8},
        {"zero_points": np.array([0, 8, 0], np.int8)},
        {"zero_points": np.zeros(2, np.int8)},
        {"important": (2, 0)},
        {"important": (0, 3)},
        {"important": ()},
        {"error_coding": p.ErrorCoding.NONE},
        {"error_coding": p.ErrorCoding.RAW},
        {"huffman": None},
        {"huffman": HuffmanTable((1, 1))},
        {"expected_extra": 1 << 16},
    ],
    ids=str,
)
def test_a_map_that_breaks_the_format_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(ProgramError, match="edge 2"):
        p.write(stored(**changes))


def first(program: p.Program, kind: type[p.Operator]) -> int:
    return next(i for i, op in enumerate(program.ops) if type(op) is kind)


def with_op(program: p.Program, number: int, op: p.Operator) -> p.Program:
    return replace(program, ops=(*program.ops[:number], op, *program.ops[number + 1 :]))


def requantized(**changes: object) -> Callable[[Conv2D], Conv2D]:
    return lambda op: replace(op, requantization=replace(op.requantization, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda op: replace(op, weights=op.weights[:-1]),
        lambda op: replace(op, weights=op.weights.astype(np.int16)),
        lambda op: replace(op, window=replace(op.window, stride_h=0)),
        lambda op: replace(op, window=replace(op.window, dilation_w=256)),
        lambda op: replace(op, window=replace(op.window, pad_top=65)),
        lambda op: replace(op, inputs=(*op.inputs, *op.inputs)),
        lambda op: replace(op, inputs=(99,)),
        lambda op: replace(op, output=0),
        requantized(shift=np.zeros(9, np.uint8)),
        lambda op: requantized(shift=np.full_like(op.requantization.shift, 32))(op),
        lambda op: requantized(multiplier=np.full_like(op.requantization.multiplier, -1))(op),
        lambda op: requantized(bias=np.full_like(op.requantization.bias, -(2**31)))(op),
        lambda op: requantized(bias=op.requantization.bias.astype(np.int64))(op),
    ],
)
def test_a_convolution_that_breaks_the_format_is_not_written(change: Callable[[Conv2D], Conv2D]) -> None:
    program = operator_program(p.Kind.CONV_2D)
    number = first(program, Conv2D)
    op = program.ops[number]
    assert isinstance(op, Conv2D)
    with pytest.raises(ProgramError):
        p.write(with_op(program, number, change(op)))


def test_operators_run_in_an_order_in_which_inputs_are_ready() -> None:
    program = random_program(3)
    with pytest.raises(ProgramError, match="not written before"):
        p.write(replace(program, ops=program.ops[::-1]))


def test_buffers_lie_inside_the_arena_at_multiples_of_4() -> None:
    program = stored()
    for layout in (
        replace(program.internal, arena_size=program.internal.arena_size - 4),
        replace(program.internal, edges=(2, *program.internal.edges[1:])),
        replace(program.internal, edges=(None, *program.internal.edges[1:])),
        replace(program.internal, scratch=program.internal.scratch[:-1]),
    ):
        with pytest.raises(ProgramError, match="internal layout"):
            p.write(replace(program, internal=layout))


def test_scratch_follows_the_table_of_the_format() -> None:
    def edge(height: int, width: int, channels: int) -> p.Edge:
        return p.Edge("", height, width, channels, p.Storage.RAW_INT8, 8, 0, -128, 0, height * width * channels)

    edges = (edge(9, 7, 3), edge(9, 7, 5), edge(1, 1, 5), edge(3, 3, 21))
    zeros = p.Requantization(np.zeros(5, np.int32), np.zeros(5, np.int32), np.ones(5, np.uint8))
    same_padding = p.Window(3, 3, pad_top=1, pad_left=1)
    conv = Conv2D("", (0,), 1, same_padding, np.zeros((5, 3, 3, 3), np.int8), zeros)
    assert p.scratch_bytes(edges, conv) == 16 + 8 + 64  # state; 3 rows of 7 pixels of 3 channels
    padded = (replace(edges[0], zero_point=1), *edges[1:])
    assert p.scratch_bytes(padded, conv) == 16 + 8 + 84 + 28  # 9 pixels, and a row of them above and below
    dense = FullyConnected("", (0,), 2, np.zeros((5, 189), np.int8), zeros)
    assert p.scratch_bytes(edges, dense) == 16 + 8 + 20  # rows are read where they lie
    assert p.scratch_bytes(edges, Reshape("", (0,), 3)) == 16 + 8 + 64  # 3 rows of 21
