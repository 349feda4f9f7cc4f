"""Scratch memory of an operator: rows of its inputs, accumulators, one output row (docs/format.md, section 7)."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.program.maps import align
from dqa.program.model import (
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Edge,
    FullyConnected,
    MaxPool2D,
    Mean,
    Operator,
    Reshape,
    Window,
)


def dilated_kernel(window: Window) -> tuple[int, int]:
    """Rows and columns a window spans."""
    return (window.kernel_h - 1) * window.dilation_h + 1, (window.kernel_w - 1) * window.dilation_w + 1


def padding_after(window: Window, source: Edge, output: Edge) -> tuple[int, int]:
    """Rows below and columns right of the input that the last window covers; negative where it ends before."""
    kernel_h, kernel_w = dilated_kernel(window)
    bottom = (output.height - 1) * window.stride_h + kernel_h - source.height - window.pad_top
    right = (output.width - 1) * window.stride_w + kernel_w - source.width - window.pad_left
    return bottom, right


def input_rows(op: Operator, source: Edge, output: Edge) -> tuple[int, int, bool]:
    """Of an input's ring: its rows, their width in pixels, and whether a row of padding stands beside it."""
    match op:
        case Conv2D(window=window) | DepthwiseConv2D(window=window):
            bottom, right = padding_after(window, source, output)
            width = window.pad_left + source.width + max(0, right)
            return dilated_kernel(window)[0], width, window.pad_top > 0 or bottom > 0
        case AveragePool2D(window=window) | MaxPool2D(window=window):
            return window.kernel_h, source.width, False
        case Reshape():
            rows = -(-(output.row_values - 1) // source.row_values) + 1
            return min(source.height, rows), source.width, False
        case _:
            return 1, source.width, False


def scratch_bytes(edges: Sequence[Edge], op: Operator) -> int:
    """Bytes of scratch `op` needs; `edges` are those of its program."""
    output = edges[op.output]
    total = align(output.row_values)
    for number in op.inputs:
        source = edges[number]
        rows, width, padding = input_rows(op, source, output)
        total += align(rows * width * source.channels) + (align(width * source.channels) if padding else 0)
    if isinstance(op, FullyConnected | Mean):
        total += 4 * output.channels
    return total
