"""Edges as rings, of values or of packed rows (docs/format.md, section 2)."""

from __future__ import annotations

from dataclasses import replace

from dqa.errors import ProgramError
from dqa.operators.records import Edge, ErrorCoding, Storage
from dqa.program.maps import minimum_capacity


def value_ring(edge: Edge, rows: int) -> Edge:
    """The edge as a ring of `rows` rows of values (all, if it has fewer) with its range; nothing is rounded.

    Raises ProgramError for an edge with a zero point for each channel.
    """
    if edge.zero_points is not None:
        raise ProgramError(f"edge '{edge.name}' has a zero point for each channel: a ring of values has one")
    ring = replace(
        edge,
        coding=None,
        storage=Storage.RING,
        code_bits=edge.bits,
        extra_bits=0,
        important=(),
        error_coding=ErrorCoding.NONE,
        expected_extra=0,
        huffman=None,
        ring_rows=min(rows, edge.height),
    )
    return replace(ring, capacity=minimum_capacity(ring))
