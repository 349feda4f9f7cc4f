"""Rings, phases, transient rows and the layout for pushed rows: written and read again, and refused where they break the format."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from builders.c_tools import check_corrupt, patched
from builders.programs import place, random_program, same
from builders.streams import chain, ladder, packed_ring, streamed
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.conv_2d import Conv2D
from dqa.operators.lut import Lut
from dqa.operators.reshape import Reshape
from dqa.program.rows import input_view, span
from dqa.program.structs import EDGE, HEADER, OPERATOR

ABSENT = 0xFFFFFFFF


@pytest.mark.parametrize("seed", range(60))
def test_a_streamed_program_read_again_is_the_same(seed: int) -> None:
    program = streamed(ladder(seed), seed)
    data = p.write(program)
    again = p.read(data)
    assert same(replace(again, phases=again.op_phases), program)
    assert p.write(again) == data
    image = p.assemble(program)
    ends = [section.offset + section.size for section in image.sections]
    assert ends == [section.offset for section in image.sections[1:]] + [len(data)]


def test_the_records_are_those_of_the_format() -> None:
    data = p.write(chain())
    assert struct.unpack_from("<III", data, 36) == tuple(
        layout.arena_size for layout in (chain().internal, chain().external, chain().pushed) if layout is not None
    )
    assert not any(data[48:64])
    ring, packed = (HEADER.size + EDGE.size * number for number in (2, 3))
    assert struct.unpack_from("<HHI", data, ring + 32) == (3, 0, 0)
    assert (data[ring + 6], data[ring + 8], data[ring + 9], *struct.unpack_from("<I", data, ring + 12)) == (3, 4, 0, 3 * 4 * 2)
    assert struct.unpack_from("<HHI", data, packed + 32) == (1, 0, 0)
    assert struct.unpack_from("<I", data, packed + 12) == (4 + 4,)  # 8 values: a 2-bit plane and a 1-bit plane of a word each
    layouts = np.frombuffer(data, "<u4", 3 * (4 + 3 + 3), struct.unpack_from("<I", data, 32)[0]).reshape(3, 10)
    assert (layouts[:, :4] == ABSENT).tolist() == [[False] * 4, [True, True, False, False], [True, False, False, False]]
    assert (layouts[:, 7:] == ABSENT).tolist() == 3 * [[True, False, True]]  # only the pool's output is packed


def test_without_a_layout_for_pushed_rows_all_of_it_is_absent() -> None:
    data = p.write(replace(chain(), pushed=None))
    assert struct.unpack_from("<I", data, 44) == (ABSENT,)
    layouts = np.frombuffer(data, "<u4", 3 * 10, struct.unpack_from("<I", data, 32)[0]).reshape(3, 10)
    assert (layouts[2] == ABSENT).all()
    assert p.read(data).pushed is None


@pytest.mark.parametrize("seed", range(30))
def test_corrupt_streams_with_a_right_checksum_are_read_or_refused_but_never_crash(seed: int) -> None:
    check_corrupt(streamed(random_program(seed), seed), seed)


RING, PACKED = (HEADER.size + EDGE.size * number for number in (2, 3))
OPS = HEADER.size + EDGE.size * 4
LAYOUTS = OPS + OPERATOR.size * 3


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (RING + 32, "<H", 0),
        (RING + 32, "<H", 2),
        (RING + 34, "<H", 1),
        (RING + 36, "<I", 1),
        (RING + 6, "<B", 4),
        (RING + 9, "<B", 1),
        (RING + 12, "<I", 25),
        (RING + 16, "<I", LAYOUTS),
        (PACKED + 32, "<H", 0),
        (PACKED + 32, "<H", 2),
        (PACKED + 34, "<H", 1),
        (PACKED + 12, "<I", 12),
        (HEADER.size + 32, "<H", 6),
        (HEADER.size + 34, "<H", 1),
        (OPS + 20, "<H", 1),
        (OPS + OPERATOR.size + 20, "<H", 1),
        (OPS + OPERATOR.size + 20, "<H", 2),
        (OPS + 2 * OPERATOR.size + 20, "<H", 1),
        (OPS + 22, "<H", 1),
        (36, "<I", 8),
        (40, "<I", 8),
        (44, "<I", 8),
        (44, "<I", ABSENT),
        (48, "<I", 1),
        (LAYOUTS, "<I", ABSENT),
        (LAYOUTS + 7 * 4, "<I", 0),
        (LAYOUTS + 8 * 4, "<I", ABSENT),
        (LAYOUTS + 8 * 4, "<I", 2),
        (LAYOUTS + 20 * 4, "<I", 0),
        (LAYOUTS + 21 * 4, "<I", ABSENT),
    ],
)
def test_a_wrong_field_is_refused(at: int, form: str, value: int) -> None:
    data = p.write(chain())
    assert struct.unpack_from("<III", data, 24) == (HEADER.size, OPS, LAYOUTS)
    assert struct.unpack_from(form, data, at)[0] != value
    with pytest.raises(ProgramError):
        p.read(patched(data, at, form, value))


def changed(number: int, **fields: object) -> p.Program:
    program = chain()
    edge = replace(program.edges[number], **fields)  # type: ignore[arg-type]
    return replace(program, edges=(*program.edges[:number], edge, *program.edges[number + 1 :]))


@pytest.mark.parametrize(
    "program",
    [
        changed(2, zero_points=np.zeros(2, np.int8)),
        changed(2, ring_rows=1 << 16, capacity=8 << 16),
        changed(3, important=(0,), error_coding=p.ErrorCoding.RAW),
        changed(0, storage=p.Storage.RING, ring_rows=6),
        replace(chain(), phases=(0, 0)),
        replace(chain(), phases=(0, 1, 0)),
        replace(chain(), phases=(0, 1, 2)),
        replace(chain(), phases=None),
        replace(chain(), pushed=chain().internal),
        replace(chain(), internal=cast(p.Layout, chain().pushed)),
        replace(chain(), internal=replace(chain().internal, transient=(None, None, None))),
        replace(chain(), internal=replace(chain().internal, transient=(0, *chain().internal.transient[1:]))),
    ],
)
def test_a_stream_that_breaks_the_format_is_not_written(program: p.Program) -> None:
    p.write(chain())
    with pytest.raises(ProgramError):
        p.write(program)


def test_rows_are_pushed_into_one_input_only() -> None:
    program = next(q for q in (random_program(seed) for seed in range(50)) if q.input_count == 2)
    with pytest.raises(ProgramError, match="one input"):
        p.write(replace(program, pushed=place(list(program.edges), list(program.ops), 2)))


def test_the_input_whose_rows_are_pushed_is_read_in_phase_0_only() -> None:
    ends = [p.Edge(name, 2, 2, 1, p.Storage.RAW_INT8, 8, 0, -128, 0, 4) for name in ("in", "out", "other out")]
    ops: list[p.Operator] = [Lut(name, (0,), output, np.zeros(256, np.int8)) for name, output in (("a", 1), ("b", 2))]
    layouts = [place(ends, ops, skip) for skip in (0, 3, 1)]
    program = p.Program(tuple(ends), tuple(ops), 1, 2, layouts[0], layouts[1], phases=(0, 0), pushed=layouts[2])
    assert p.read(p.write(program)).pushed is not None
    with pytest.raises(ProgramError, match="phase 0"):
        p.write(replace(program, phases=(0, 1)))


def test_only_edges_that_can_be_rings_become_rings() -> None:
    raw, ring = chain().edges[0], chain().edges[2]
    with pytest.raises(ProgramError, match="zero point for each channel"):
        p.value_ring(replace(raw, zero_points=np.zeros(2, np.int8)), 2)
    assert (p.value_ring(raw, 2).capacity, p.value_ring(raw, 2).low) == (2 * 4 * 2, -128)
    assert (ring.code_bits, ring.extra_bits, ring.high) == (4, 0, 7)


def test_a_convolution_pads_only_rows_whose_zero_points_are_not_0() -> None:
    source, output = (p.Edge("", 8, 5, 2, p.Storage.MAP, 7, 0, 0, 0, 8 * 12) for _ in range(2))
    zeros = p.Requantization(np.zeros(2, np.int32), np.zeros(2, np.int32), np.ones(2, np.uint8))
    conv = Conv2D("", (0,), 1, p.Window(3, 4, pad_top=1, pad_left=1), np.zeros((2, 3, 4, 2), np.int8), zeros)
    unpadded = 3 * 5 * 2 + 2
    assert p.scratch_bytes((source, output), conv) == p.scratch_bytes((packed_ring(source, 3), output), conv) == 24 + unpadded
    assert p.scratch_bytes((p.value_ring(source, 3), output), conv) == 24  # read where it lies
    shifted = replace(source, zero_point=3)
    padded, row_above = 3 * (1 + 5 + 2) * 2, 16
    assert p.scratch_bytes((shifted, output), conv) == p.scratch_bytes((p.value_ring(shifted, 3), output), conv) == 24 + padded + row_above
    raw = p.Edge("", 8, 5, 2, p.Storage.RAW_INT8, 8, 0, -128, 0, 80)
    one_row = Conv2D("", (0,), 1, p.Window(1, 4, pad_left=1), np.zeros((2, 1, 4, 2), np.int8), zeros)
    assert p.scratch_bytes((raw, output), one_row) == 24
    assert p.scratch_bytes((replace(raw, zero_points=np.array([0, 1], np.int8)), output), one_row) == 24 + row_above


def test_a_packed_output_needs_a_transient_row() -> None:
    whole = p.Edge("", 8, 5, 2, p.Storage.MAP, 7, 0, 0, 0, 8 * 12)
    copy = Reshape("", (0,), 1)
    assert p.transient_bytes((whole, whole), copy) == p.transient_bytes((whole, packed_ring(whole, 1)), copy) == 12
    assert p.transient_bytes((whole, p.value_ring(whole, 2)), copy) == 0


@pytest.mark.parametrize(("length_in", "length_out"), [(1, 1), (4, 12), (12, 4), (6, 4), (4, 6), (5, 7), (7, 5), (9, 6), (1, 30), (30, 1)])
def test_a_reshape_keeps_the_rows_that_one_row_of_its_output_spans_and_no_more(length_in: int, length_out: int) -> None:
    values = 2 * length_in * length_out
    source, output = (p.Edge("", values // n, n, 1, p.Storage.MAP, 8, 0, -128, 0, 0) for n in (length_in, length_out))
    op = Reshape("", (0,), 1)
    spans = [span((source, output), op, 0, y) for y in range(output.height)]
    assert input_view(op, source, output).rows == max(end - first for first, end in spans)
