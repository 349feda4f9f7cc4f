"""Checks of an operator's parameters and shapes (docs/format.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError
from dqa.program.kinds import COPIES
from dqa.program.model import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Edge,
    FullyConnected,
    Lut,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Requantization,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    Window,
)
from dqa.program.rows import dilated_kernel, padding_after
from dqa.program.weights import book_shape, encoding_of, pack

MAX_DILATED_ROWS = 64
MAX_POOLED = 1 << 15
MAX_PADDED_ROW = 1 << 18
POOL_SUM = ADD_SUM = 1 << 23
PRODUCT = 128 * 128


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ProgramError(message)


def _shape(edge: Edge) -> tuple[int, int, int]:
    return edge.height, edge.width, edge.channels


def _check_array(array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...], what: str) -> None:
    _require(array.dtype == dtype and array.shape == shape, f"{what} is {array.dtype}{array.shape}; expected {np.dtype(dtype)}{shape}")


def _check_window(window: Window, source: Edge, output: Edge) -> None:
    counts = (window.kernel_h, window.kernel_w, window.stride_h, window.stride_w, window.dilation_h, window.dilation_w)
    _require(all(1 <= n <= 255 for n in counts), "a kernel, stride or dilation is not 1..255")
    kernel_h, kernel_w = dilated_kernel(window)
    _require(kernel_h <= MAX_DILATED_ROWS, f"a kernel spans {kernel_h} rows; at most {MAX_DILATED_ROWS}")
    pads = 0 <= window.pad_top < min(256, kernel_h) and 0 <= window.pad_left < min(256, kernel_w)
    bottom, right = padding_after(window, source, output)
    _require(pads and bottom < kernel_h and right < kernel_w, "padding as large as the kernel")


def _check_padded_window(window: Window, source: Edge, output: Edge) -> None:
    _check_window(window, source, output)
    right = max(0, padding_after(window, source, output)[1])
    row = (window.pad_left + source.width + right) * source.channels
    _require(row <= MAX_PADDED_ROW, f"a padded row of {row} values; at most {MAX_PADDED_ROW}")


def _check_book(op: Conv2D | FullyConnected, channels: int) -> None:
    """A code book has its shape and holds every weight."""
    if op.book is not None:
        _check_array(op.book, np.int8, book_shape(encoding_of(op), channels), "code book")
        try:
            pack(op.weights, op.book)
        except ValueError as error:
            raise ProgramError(str(error)) from None


def _check_requantization(requantization: Requantization, channels: int, largest_sum: int) -> None:
    bias, multiplier, shift = requantization.bias, requantization.multiplier, requantization.shift
    _check_array(bias, np.int32, (channels,), "bias")
    _check_array(multiplier, np.int32, (channels,), "multiplier")
    _check_array(shift, np.uint8, (channels,), "shift")
    _require(int(np.abs(bias.astype(np.int64)).max()) + largest_sum < 1 << 31, "a bias lets the accumulator overflow")
    _require(int(multiplier.min()) >= 0, "a negative multiplier")
    _require(int(shift.min()) >= 1 and int(shift.max()) <= 31, "a shift outside 1..31")


def _check_sum(op: Operator, inputs: Sequence[Edge], output: Edge) -> None:
    """Operators that multiply, accumulate and requantize."""
    source = inputs[0]
    match op:
        case Conv2D(window=window, weights=weights, requantization=requantization):
            _check_padded_window(window, source, output)
            _check_array(weights, np.int8, (output.channels, window.kernel_h, window.kernel_w, source.channels), "weights")
            _check_book(op, output.channels)
            largest = PRODUCT * window.kernel_h * window.kernel_w * source.channels
        case DepthwiseConv2D(window=window, weights=weights, requantization=requantization):
            _check_padded_window(window, source, output)
            _require(output.channels % source.channels == 0, "the output's channels are no multiple of the input's")
            _check_array(weights, np.int8, (window.kernel_h, window.kernel_w, output.channels), "weights")
            largest = PRODUCT * window.kernel_h * window.kernel_w
        case FullyConnected(weights=weights, requantization=requantization):
            _require((output.height, output.width) == (1, 1), "the output is not 1 x 1")
            _check_array(weights, np.int8, (output.channels, source.values), "weights")
            _check_book(op, output.channels)
            largest = PRODUCT * source.values
        case Add(weights_a=a, weights_b=b, requantization=requantization):
            _require(_shape(source) == _shape(inputs[1]) == _shape(output), "the shapes differ")
            _check_array(a, np.int16, (output.channels,), "weights_a")
            _check_array(b, np.int16, (output.channels,), "weights_b")
            largest = ADD_SUM
        case AveragePool2D(window=window, requantization=requantization):
            _check_pool(window, source, output)
            largest = POOL_SUM
        case Mean(requantization=requantization):
            _require(_shape(output) == (1, 1, source.channels), "the output is not 1 x 1 of the input's channels")
            _require(source.height * source.width <= MAX_POOLED, f"a mean over more than {MAX_POOLED} pixels")
            largest = POOL_SUM
        case _:
            raise ProgramError(f"'{type(op).__name__}' is no operator of the format")
    _check_requantization(requantization, output.channels, largest)


def _check_pool(window: Window, source: Edge, output: Edge) -> None:
    _check_window(window, source, output)
    _require((window.dilation_h, window.dilation_w) == (1, 1), "a pool has no dilation")
    _require(source.channels == output.channels, "a pool keeps the channels")


def _check_concatenation(axis: int, inputs: Sequence[Edge], output: Edge) -> None:
    _require(axis in (0, 1, 2), f"axis {axis}; expected 0, 1 or 2")
    shapes, expected = [_shape(edge) for edge in inputs], list(_shape(output))
    rest = [i for i in range(3) if i != axis]
    _require(all(shape[i] == expected[i] for shape in shapes for i in rest), "the shapes differ beside the axis")
    _require(sum(shape[axis] for shape in shapes) == expected[axis], "the inputs do not fill the output")


def _check_resize(op: ResizeNearestNeighbor, source: Edge, output: Edge) -> None:
    _require(source.channels == output.channels, "a resize keeps the channels")
    for index, count, limit, what in ((op.rows, output.height, source.height, "rows"), (op.columns, output.width, source.width, "columns")):
        _check_array(index, np.uint16, (count,), what)
        ascending = bool((np.diff(index.astype(np.int32)) >= 0).all())
        _require(ascending and int(index.max()) < limit, f"{what} are not ascending numbers of the input's")


def check_operator(op: Operator, inputs: Sequence[Edge], output: Edge) -> None:
    """Raises ProgramError where parameters or shapes break the format."""
    source = inputs[0]
    if not isinstance(op, Concatenation):
        wanted = 2 if isinstance(op, Add) else 1
        _require(len(inputs) == wanted, f"{len(inputs)} inputs; expected {wanted}")
    if isinstance(op, COPIES):
        _require(all((edge.low, edge.bits) == (output.low, output.bits) for edge in inputs), "inputs and output have different ranges")
    match op:
        case MaxPool2D(window=window):
            _check_pool(window, source, output)
        case Pad(top=top, left=left, before=before):
            offsets = zip((top, left, before), _shape(source), _shape(output), strict=True)
            _require(all(at >= 0 and at + size <= room for at, size, room in offsets), "the input does not fit in the output")
        case Concatenation(axis=axis):
            _check_concatenation(axis, inputs, output)
        case ResizeNearestNeighbor():
            _check_resize(op, source, output)
        case Reshape():
            _require(source.values == output.values, "the number of values changes")
        case Lut(table=table):
            _require(_shape(source) == _shape(output), "the shapes differ")
            _check_array(table, np.int8, (256,), "table")
            _require(int(table.min()) >= output.low and int(table.max()) <= output.high, "the table leaves the output's range")
        case Softmax(table=table):
            _require(_shape(source) == _shape(output), "the shapes differ")
            _require((output.low, output.bits) == (-128, 8), "the output has not the full range of int8")
            _check_array(table, np.uint16, (256,), "table")
            _require(int(table[0]) > 0, "the table begins with 0")
        case _:
            _check_sum(op, inputs, output)
