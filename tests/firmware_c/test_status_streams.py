"""What the loader says of rings, phases, transient rows and the layout for pushed rows that break the format."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from builders.c_tools import EDGE, HEADER, LAYOUT, OK, OPERATOR, edge_at, load, operator_at, patched
from builders.endless import endless
from builders.programs import place
from builders.streams import chain
from dqa import program as p

STREAM_CASES = [
    ("a ring without rows", edge_at, 2, 32, "<H", 0, EDGE),
    ("a ring of more rows than its bytes", edge_at, 2, 32, "<H", 4, EDGE),
    ("a ring of more bytes than its rows", edge_at, 2, 12, "<I", 32, EDGE),
    ("a ring with extra bits", edge_at, 2, 9, "<B", 1, EDGE),
    ("a ring with zero points", edge_at, 2, 16, "<I", 64, EDGE),
    ("reserved bytes of a ring", edge_at, 2, 35, "<B", 1, EDGE),
    ("reserved bytes of packed rows", edge_at, 3, 34, "<B", 1, EDGE),
    ("more packed rows than bytes", edge_at, 3, 32, "<H", 2, EDGE),
    ("rows of a raw edge", edge_at, 0, 32, "<H", 6, EDGE),
    ("a first phase that is not 0", operator_at, 0, 20, "<H", 1, OPERATOR),
    ("a ring read in another phase", operator_at, 2, 20, "<H", 1, OPERATOR),
    ("a phase before the one before", operator_at, 1, 20, "<H", 0xFFFF, OPERATOR),
]


@pytest.mark.parametrize(
    ("record", "number", "at", "form", "value", "status"), [c[1:] for c in STREAM_CASES], ids=[c[0] for c in STREAM_CASES]
)
def test_a_wrong_stream_is_refused(record: Callable[[bytes, int], int], number: int, at: int, form: str, value: int, status: int) -> None:
    data = p.write(chain())
    assert load(data) == load(data, 1) == load(data, 2) == OK
    assert load(patched(data, record(data, number) + at, form, value)) == status


def test_transient_rows_are_placed_where_maps_are_written_and_only_there() -> None:
    data, layouts = p.write(chain()), [struct.unpack_from("<I", p.write(chain()), 32)[0] + 40 * i for i in range(3)]
    for at in layouts:
        assert load(patched(data, at + 4 * 8, "<I", 0xFFFFFFFF)) == LAYOUT
        assert load(patched(data, at + 4 * 8, "<I", 1 << 20)) == LAYOUT
        assert load(patched(data, at + 4 * 7, "<I", 0)) == LAYOUT


def test_a_layout_for_pushed_rows_is_whole_or_absent_and_its_input_is_read_in_the_first_phase() -> None:
    data = p.write(chain())
    for layout in range(3):
        assert load(patched(data, 44, "<I", 0xFFFFFFFF), layout) == LAYOUT
    assert load(p.write(replace(chain(), pushed=None)), 2) == LAYOUT
    ops = (*chain().ops[:2], replace(chain().ops[2], inputs=(0,)))
    edges = list(chain().edges)
    for phase, status in ((0, OK), (1, LAYOUT)):
        layouts = [place(edges, list(ops), skip) for skip in (0, 2, 1)]
        read = replace(chain(), ops=ops, phases=(0, 0, phase), internal=layouts[0], external=layouts[1], pushed=None)
        pushed = layouts[2]
        places = [0xFFFFFFFF if at is None else at for at in (*pushed.edges, *pushed.scratch, *pushed.transient)]
        data = patched(p.write(read), struct.unpack_from("<I", p.write(read), 32)[0] + 80, "<10I", *places)
        assert load(patched(data, 44, "<I", pushed.arena_size)) == status


def test_a_program_whose_rows_cannot_go_on_is_refused() -> None:
    """A period, where rings, phases or operators are not made for it; and rows without end, where there is no period."""
    stream = next(q for q in map(endless, range(20)) if max(edge.ring_rows for edge in q.edges) > 1)
    data, period = p.write(stream), stream.period
    assert load(data, 3) == OK
    assert load(patched(data, 48, "<I", period + 1), 2) == OPERATOR
    assert load(patched(data, 48, "<I", 2 * period), 3) == OK
    assert load(patched(data, 48, "<I", (1 << 21) // period * period + period), 3) == OPERATOR
    assert load(patched(data, 48, "<I", 0), 3) == LAYOUT
    assert load(patched(data, 52, "<I", 1), 3) == HEADER
    windowed = p.write(chain())
    assert load(windowed, 3) == LAYOUT
    assert load(patched(windowed, 48, "<I", 6), 2) == OPERATOR  # its output has 6 rows
