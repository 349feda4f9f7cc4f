"""Edges as rings: of values, padded for their readers, or of packed rows (docs/format.md, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dqa.errors import ProgramError
from dqa.program.maps import minimum_capacity
from dqa.program.model import Edge, ErrorCoding, Operator, Storage
from dqa.program.rows import input_view


def reader_padding(edges: Sequence[Edge], ops: Sequence[Operator], number: int) -> tuple[int, int]:
    """The columns of padding left and right of an edge with which none of its readers needs a copy of its rows."""
    views = [input_view(op, edges[number], edges[op.output]) for op in ops if number in op.inputs]
    return max((view.left for view in views), default=0), max((view.right for view in views), default=0)


def value_ring(edge: Edge, rows: int, left: int = 0, right: int = 0) -> Edge:
    """The edge as a ring of `rows` rows of values with its range; nothing is rounded.

    Raises ProgramError for an edge with a zero point for each channel.
    """
    if edge.zero_points is not None:
        raise ProgramError(f"edge '{edge.name}' has a zero point for each channel: a ring of values has one")
    ring = replace(
        edge,
        storage=Storage.RING,
        code_bits=edge.bits,
        extra_bits=0,
        important=(),
        error_coding=ErrorCoding.NONE,
        expected_extra=0,
        huffman=None,
        ring_rows=rows,
        ring_left=left,
        ring_right=right,
    )
    return replace(ring, capacity=minimum_capacity(ring))


def packed_ring(edge: Edge, rows: int) -> Edge:
    """The edge, a map, as a ring of `rows` packed rows without errors: with extra bits all channels are rounded."""
    if edge.storage is not Storage.MAP:
        raise ProgramError(f"edge '{edge.name}' is no map: its rows cannot be packed")
    ring = replace(edge, important=(), error_coding=ErrorCoding.NONE, expected_extra=0, huffman=None, ring_rows=rows)
    return replace(ring, capacity=minimum_capacity(ring))
