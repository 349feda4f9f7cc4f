"""Memory of an operator beside its edges (docs/format.md, section 7)."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.operators.base import Operator
from dqa.operators.records import Edge, Storage
from dqa.program.maps import align
from dqa.program.rows import input_view

STATE_BYTES = 16
INPUT_STATE_BYTES = 8


def own_rows_bytes(op: Operator, source: Edge, output: Edge) -> int:
    """Bytes of the rows that `op` keeps of its input `source`: a ring, unless it reads them where they lie, and a row of padding."""
    view = input_view(op, source, output)
    return (0 if view.direct else align(view.rows * view.row_bytes)) + (align(view.row_bytes) if view.padding_row else 0)


def scratch_bytes(edges: Sequence[Edge], op: Operator) -> int:
    """Bytes that `op` keeps through its phase: state, rings of its own, rows of padding, what it keeps from row to row."""
    output = edges[op.output]
    total = STATE_BYTES + INPUT_STATE_BYTES * len(op.inputs)
    for source in (edges[number] for number in op.inputs):
        total += own_rows_bytes(op, source, output)
    return total + op.kept_bytes(edges[op.inputs[0]], output)


def decoded_bytes(op: Operator) -> int:
    """Bytes of the weights of two output channels, which a convolution decodes ahead of a row; else 0."""
    return align(2 * op.decoded_weights())


def transient_bytes(edges: Sequence[Edge], op: Operator) -> int:
    """Bytes that `op` needs while it writes a row: the row before it is packed or coded, and decoded weights or its block."""
    output = edges[op.output]
    row = align(output.row_values) if output.storage in (Storage.MAP, Storage.CODED) else 0
    return row + max(decoded_bytes(op), align(op.block_bytes(edges[op.inputs[0]], output)))
