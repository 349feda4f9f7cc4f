"""Which rows of its inputs an operator needs, and how it sees them (docs/format.md, sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dqa.operators.base import Operator
from dqa.operators.records import Edge, Storage
from dqa.operators.windows import padding_after


@dataclass(frozen=True)
class InputView:
    """How an operator sees the rows of an input.

    rows: that one output row needs at most. row_bytes: of each, columns of padding included. padding_row: a row of zero points
    stands for the rows above and below. direct: rows are read where they lie; otherwise they are copied into a ring of the
    operator's own.
    """

    rows: int
    row_bytes: int
    padding_row: bool
    direct: bool


def accumulates(op: Operator, source: Edge) -> bool:
    """Whether an operator takes input rows as they come, into int32 sums, before it writes its only row."""
    return op.accumulates(source)


def input_view(op: Operator, source: Edge, output: Edge) -> InputView:
    """How `op` sees its input `source`."""
    rows, columns, beyond = op.rows_needed(source, output), source.width, op.zero_row(source)
    if (window := op.padded) is not None and not source.pads_with_zeros:
        below, after = padding_after(window, source, output)
        columns, beyond = window.pad_left + source.width + max(0, after), window.pad_top > 0 or below > 0
    in_place = source.storage is Storage.RING or (source.storage is Storage.RAW_INT8 and rows == 1)
    return InputView(rows, columns * source.channels, beyond, in_place and columns == source.width)


def span(edges: Sequence[Edge], op: Operator, index: int, y: int) -> tuple[int, int]:
    """First row and end of the rows of input `index` that output row `y` needs; both never decrease with y, rows may lie outside.

    Of an operator that accumulates: all rows.
    """
    source = edges[op.inputs[index]]
    return (0, source.height) if op.accumulates(source) else op.span(edges, index, y)
