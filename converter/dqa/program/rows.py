"""Which rows of its inputs an operator needs, and how it sees them (docs/format.md, sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from dqa.program.model import (
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Edge,
    FullyConnected,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Reshape,
    ResizeNearestNeighbor,
    Storage,
    Window,
)


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


def dilated_kernel(window: Window) -> tuple[int, int]:
    """Rows and columns a window spans."""
    return (window.kernel_h - 1) * window.dilation_h + 1, (window.kernel_w - 1) * window.dilation_w + 1


def padding_after(window: Window, source: Edge, output: Edge) -> tuple[int, int]:
    """Rows below and columns right of the input that the last window covers; negative where it ends before."""
    kernel_h, kernel_w = dilated_kernel(window)
    bottom = (output.height - 1) * window.stride_h + kernel_h - source.height - window.pad_top
    right = (output.width - 1) * window.stride_w + kernel_w - source.width - window.pad_left
    return bottom, right


def accumulates(op: Operator, source: Edge) -> bool:
    """Whether an operator takes input rows as they come, into int32 sums, before it writes its only row."""
    return isinstance(op, Mean) or (isinstance(op, FullyConnected) and source.height > 1)


def input_view(op: Operator, source: Edge, output: Edge) -> InputView:
    """How `op` sees its input `source`."""
    rows, columns, beyond = 1, source.width, False
    match op:
        case Conv2D(window=window) | DepthwiseConv2D(window=window):
            rows = dilated_kernel(window)[0]
            if not source.pads_with_zeros:
                below, after = padding_after(window, source, output)
                columns, beyond = window.pad_left + source.width + max(0, after), window.pad_top > 0 or below > 0
        case AveragePool2D(window=window) | MaxPool2D(window=window):
            rows = window.kernel_h
        case Reshape():
            # Output rows begin at every multiple of the divisor in an input row; from the last the span is longest.
            rows = -(-(output.row_values - gcd(output.row_values, source.row_values)) // source.row_values) + 1
    in_place = source.storage is Storage.RING or (source.storage is Storage.RAW_INT8 and rows == 1)
    return InputView(rows, columns * source.channels, beyond, in_place and columns == source.width)


def span(edges: Sequence[Edge], op: Operator, index: int, y: int) -> tuple[int, int]:
    """First row and end of the rows of input `index` that output row `y` needs; both never decrease with y, rows may lie outside.

    Of an operator that accumulates: all rows.
    """
    source, output = edges[op.inputs[index]], edges[op.output]
    if accumulates(op, source):
        return 0, source.height
    match op:
        case Conv2D(window=window) | DepthwiseConv2D(window=window) | AveragePool2D(window=window) | MaxPool2D(window=window):
            first = y * window.stride_h - window.pad_top
            return first, first + dilated_kernel(window)[0]
        case Reshape():
            start = y * output.row_values
            return start // source.row_values, (start + output.row_values - 1) // source.row_values + 1
        case Pad(top=top):
            return y - top, y - top + 1
        case Concatenation(axis=0):
            before = sum(edges[i].height for i in op.inputs[:index])
            return y - before, y - before + 1
        case ResizeNearestNeighbor(rows=rows):
            return int(rows[y]), int(rows[y]) + 1
        case _:
            return y, y + 1
