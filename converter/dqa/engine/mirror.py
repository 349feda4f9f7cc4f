"""The executor in numpy: slow, literal, and written from docs/format.md alone. The tests hold the C against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.engine.mirror_map import store
from dqa.errors import DataError
from dqa.program import (
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
    Program,
    Requantization,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    Storage,
    Window,
    dilated_kernel,
    padding_after,
)

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MirrorResult:
    """One run: outputs as stored bytes, and of every edge the values its readers see and the rows dropped."""

    outputs: list[npt.NDArray[np.generic]]
    edges: list[Int8]
    dropped: list[int]


def requantize(acc: Int64, multiplier: Int64, shift: Int64) -> Int64:
    """floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), exactly, for int32 sums."""
    # In two steps, since product and rounding together overflow int64; the floor of a floor is the floor.
    return ((acc * multiplier >> 31) + (np.int64(1) << shift)) >> (shift + 1)


def _zero_points(edge: Edge) -> Int64:
    points = np.full(edge.channels, edge.zero_point) if edge.zero_points is None else edge.zero_points
    return points.astype(np.int64)


def _finish(acc: Int64, values: Requantization, output: Edge) -> Int8:
    """Sums (height, width, channels) as values of the output edge."""
    total = acc + values.bias
    scaled = requantize(total, values.multiplier.astype(np.int64), values.shift.astype(np.int64))
    clamped: Int8 = np.clip(scaled + _zero_points(output), output.low, output.high).astype(np.int8)
    return clamped


def _windows(window: Window, values: Int8, source: Edge, output: Edge, fill: npt.ArrayLike) -> Int64:
    """(out height, out width, kernel_h, kernel_w, channels) with `fill` outside the input."""
    kernel_h, kernel_w = dilated_kernel(window)
    bottom, right = (max(0, after) for after in padding_after(window, source, output))
    padded = np.empty((window.pad_top + source.height + bottom, window.pad_left + source.width + right, source.channels), np.int64)
    padded[:] = fill
    padded[window.pad_top :, window.pad_left :][: source.height, : source.width] = values
    views = np.lib.stride_tricks.sliding_window_view(padded, (kernel_h, kernel_w), axis=(0, 1))
    chosen = views[:: window.stride_h, :: window.stride_w][: output.height, : output.width, :, :: window.dilation_h, :: window.dilation_w]
    return np.moveaxis(chosen, 2, 4)


def _average(total: Int64, count: Int64 | int) -> Int64:
    return total * ((32768 + count // 2) // count)


def _sums(op: Operator, inputs: list[Int8], source: Edge, output: Edge) -> Int64:
    """The accumulators (height, width, channels), without the bias, of operators that requantize."""
    x = inputs[0].astype(np.int64)
    match op:
        case Conv2D():
            windows = _windows(op.window, inputs[0], source, output, _zero_points(source))
            sums: Int64 = np.einsum("yxhwi,ohwi->yxo", windows, op.weights.astype(np.int64))
            return sums
        case DepthwiseConv2D():
            windows = _windows(op.window, inputs[0], source, output, _zero_points(source))
            repeated = np.repeat(windows, output.channels // source.channels, axis=4)
            sums = np.einsum("yxhwo,hwo->yxo", repeated, op.weights.astype(np.int64))
            return sums
        case FullyConnected():
            return (op.weights.astype(np.int64) @ x.reshape(-1)).reshape(1, 1, -1)
        case Add():
            return x * op.weights_a + inputs[1].astype(np.int64) * op.weights_b
        case AveragePool2D():
            count = _windows(op.window, np.ones_like(inputs[0]), source, output, 0).sum(axis=(2, 3))
            return _average(_windows(op.window, inputs[0], source, output, 0).sum(axis=(2, 3)), count)
        case Mean():
            return _average(x.sum(axis=(0, 1), keepdims=True), source.height * source.width)
        case _:
            raise TypeError(type(op).__name__)


def _softmax(table: npt.NDArray[np.uint16], values: Int8) -> Int8:
    x = values.astype(np.int64)
    e = table.astype(np.int64)[x.max(axis=2, keepdims=True) - x]
    total = e.sum(axis=2, keepdims=True)
    share: Int8 = (np.minimum(255, (e * 256 + total // 2) // total) - 128).astype(np.int8)
    return share


def _apply(op: Operator, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
    """The values an operator writes, (height, width, channels) of its output."""
    x = inputs[0]
    match op:
        case MaxPool2D():
            largest: Int8 = _windows(op.window, x, source, output, -129).max(axis=(2, 3)).astype(np.int8)
            return largest
        case Pad():
            y = np.empty((output.height, output.width, output.channels), np.int8)
            y[:] = _zero_points(output)
            height, width, channels = x.shape
            y[op.top : op.top + height, op.left : op.left + width, op.before : op.before + channels] = x
            return y
        case Concatenation():
            return np.concatenate(inputs, axis=op.axis)
        case ResizeNearestNeighbor():
            return x[op.rows][:, op.columns]
        case Reshape():
            return x.reshape(output.height, output.width, output.channels)
        case Lut():
            return op.table[x.astype(np.int64) + 128]
        case Softmax():
            return _softmax(op.table, x)
        case Conv2D() | DepthwiseConv2D() | FullyConnected() | Add() | AveragePool2D() | Mean():
            return _finish(_sums(op, inputs, source, output), op.requantization, output)
        case _:
            raise TypeError(type(op).__name__)


def _input_values(edge: Edge, data: npt.NDArray[np.generic]) -> Int8:
    dtype = np.dtype(np.uint8 if edge.storage is Storage.RAW_UINT8 else np.int8)
    if data.dtype != dtype or data.size != edge.values:
        raise DataError(f"input '{edge.name}' is {data.dtype} of {data.size} values; expected {dtype} of {edge.values}")
    signed = data.astype(np.int16) - (128 if edge.storage is Storage.RAW_UINT8 else 0)
    return signed.astype(np.int8).reshape(edge.height, edge.width, edge.channels)


def _output_bytes(edge: Edge, values: Int8) -> npt.NDArray[np.generic]:
    return (values.astype(np.int16) + 128).astype(np.uint8) if edge.storage is Storage.RAW_UINT8 else values


def run(program: Program, inputs: Sequence[npt.NDArray[np.generic]]) -> MirrorResult:
    """Runs once on raw inputs (int8 or uint8, as their edges say). Raises DataError for inputs that do not fit."""
    if len(inputs) != program.input_count:
        raise DataError(f"{len(inputs)} inputs; expected {program.input_count}")
    values: dict[int, Int8] = {i: _input_values(program.edges[i], data) for i, data in enumerate(inputs)}
    dropped = [0] * len(program.edges)
    for op in program.ops:
        output = program.edges[op.output]
        written = _apply(op, [values[i] for i in op.inputs], program.edges[op.inputs[0]], output)
        values[op.output], dropped[op.output] = store(output, written)
    outputs = [_output_bytes(edge, values[program.input_count + i]) for i, edge in enumerate(program.outputs)]
    return MirrorResult(outputs, [values[i] for i in range(len(program.edges))], dropped)
