"""Gradients of a loss with respect to activations, by reverse accumulation through a Graph in numpy: exact, and without TensorFlow.

Only activations are followed: weights stay as they are. Where a function has a kink (ReLU at 0) the derivative is 0 on the flat side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dqa.graph.functions import CLAMPS, UNARY_KINDS, unary
from dqa.graph.model import Graph, Op

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Values = Mapping[int, Float32]

_STEP = 1e-5


def gradients(graph: Graph, values: Values, seeds: Mapping[int, Float32], wanted: Sequence[int]) -> dict[int, Float32]:
    """dL/dx for the tensors `wanted`, arrays (N, ...) like their values.

    values: all activations, as dqa.graph.execute.run gives them. seeds: dL/dx of the tensors the loss reads itself.
    Raises ValueError for an operator that has no derivative here.
    """
    found: dict[int, Float32] = {index: np.asarray(seed, np.float32) for index, seed in seeds.items()}
    for op in reversed(graph.ops):
        gradient = found.get(op.outputs[0])
        if gradient is None:
            continue
        gradient = _through_activation(op.attrs.get("activation", "NONE"), gradient, values[op.outputs[0]])
        for index, part in zip(op.inputs, _backward(graph, op, values, gradient), strict=False):
            if part is not None and not graph.tensors[index].is_constant:
                part = part.reshape(values[index].shape).astype(np.float32)
                found[index] = found[index] + part if index in found else part
    return {index: found.get(index, np.zeros_like(values[index])) for index in wanted}


def _backward(graph: Graph, op: Op, values: Values, gradient: Float32) -> list[Float32 | None]:
    """dL/d(input) for each input of an operator, None for constants."""
    inputs = [values[index] if graph.tensors[index].data is None else _constant(graph, index) for index in op.inputs]
    if op.kind in UNARY_KINDS:
        return [gradient * _derivative(op, inputs[0])]
    if op.kind not in _BACKWARD:
        raise ValueError(f"operator {op.kind} ('{op.name}') has no derivative here")
    return _BACKWARD[op.kind](op, inputs, values[op.outputs[0]], gradient)


def _constant(graph: Graph, index: int) -> Float32:
    return np.asarray(graph.tensors[index].data, np.float32)


def _through_activation(activation: str, gradient: Float32, out: Float32) -> Float32:
    if activation == "TANH":
        return gradient * (1 - out * out)
    low, high = CLAMPS[activation]
    return gradient * ((out > low) & (out < high))


def _derivative(op: Op, x: Float32) -> Float32:
    """Of a unary function; by central difference where it is smooth."""
    if op.kind in CLAMPS:
        low, high = CLAMPS[op.kind]
        return ((x > low) & (x < high)).astype(np.float32)
    wide = x.astype(np.float64)
    difference = unary(op.kind, op.attrs, wide + _STEP) - unary(op.kind, op.attrs, wide - _STEP)
    return np.asarray(difference / (2 * _STEP), np.float32)


def _nhwc(x: Float32) -> Float32:
    dims = x.shape[1:]
    return x.reshape(len(x), *(1,) * (3 - len(dims)), *dims)


class _Window:
    """The places of a padded map that a kernel position reads."""

    def __init__(self, op: Op, x: Float32, gradient: Float32) -> None:
        self.attrs = op.attrs
        samples, self.height, self.width, channels = _nhwc(x).shape
        self.out_h, self.out_w = _nhwc(gradient).shape[1:3]
        pads = self.attrs["pad_top"] + self.attrs["pad_bottom"], self.attrs["pad_left"] + self.attrs["pad_right"]
        self.sum = np.zeros((samples, self.height + pads[0], self.width + pads[1], channels), np.float32)

    def at(self, i: int, j: int) -> tuple[slice, slice, slice]:
        """Of kernel row i, column j, for all outputs."""
        top, left = i * self.attrs.get("dilation_h", 1), j * self.attrs.get("dilation_w", 1)
        stride_h, stride_w = self.attrs["stride_h"], self.attrs["stride_w"]
        rows = slice(top, top + (self.out_h - 1) * stride_h + 1, stride_h)
        return slice(None), rows, slice(left, left + (self.out_w - 1) * stride_w + 1, stride_w)

    def inner(self, padded: Float32) -> Float32:
        top, left = self.attrs["pad_top"], self.attrs["pad_left"]
        return padded[:, top : top + self.height, left : left + self.width]

    def padded(self, x: Float32, fill: float) -> Float32:
        a = self.attrs
        return np.pad(_nhwc(x), ((0, 0), (a["pad_top"], a["pad_bottom"]), (a["pad_left"], a["pad_right"]), (0, 0)), constant_values=fill)


Parts = list["Float32 | None"]


def _conv_2d(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    x, weights = inputs[:2]
    window = _Window(op, x, gradient)
    for i, j in np.ndindex(*weights.shape[1:3]):
        window.sum[window.at(i, j)] += _nhwc(gradient) @ weights[:, i, j]
    return [window.inner(window.sum)]


def _depthwise_conv_2d(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    x, weights = inputs[:2]
    window, channels = _Window(op, x, gradient), _nhwc(x).shape[3]
    for i, j in np.ndindex(*weights.shape[1:3]):
        scaled = _nhwc(gradient) * weights[0, i, j]
        window.sum[window.at(i, j)] += scaled.reshape(*scaled.shape[:3], channels, -1).sum(axis=4)
    return [window.inner(window.sum)]


def _average_pool_2d(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    kernel = range(op.attrs["kernel_h"]), range(op.attrs["kernel_w"])
    window = _Window(op, inputs[0], gradient)
    inside = window.padded(np.ones_like(inputs[0][:1]), 0.0)
    count = np.asarray(sum(inside[window.at(i, j)] for i in kernel[0] for j in kernel[1]), np.float32)
    for i in kernel[0]:
        for j in kernel[1]:
            window.sum[window.at(i, j)] += _nhwc(gradient) / count
    return [window.inner(window.sum)]


def _max_pool_2d(op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
    """Equal maxima share the gradient."""
    kernel = [(i, j) for i in range(op.attrs["kernel_h"]) for j in range(op.attrs["kernel_w"])]
    window = _Window(op, inputs[0], gradient)
    padded = window.padded(inputs[0], -np.inf)
    winners = [padded[window.at(i, j)] == _nhwc(out) for i, j in kernel]
    share = _nhwc(gradient) / np.maximum(np.sum(winners, axis=0, dtype=np.float32), 1)
    for (i, j), won in zip(kernel, winners, strict=True):
        window.sum[window.at(i, j)] += share * won
    return [window.inner(window.sum)]


def _fully_connected(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    return [gradient.reshape(-1, len(inputs[1])) @ inputs[1]]


def _concatenation(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    axis = op.attrs["axis"]
    ends = np.cumsum([_nhwc(x).shape[axis] for x in inputs])
    return list(np.split(_nhwc(gradient), ends[:-1], axis=axis))


def _resize_nearest_neighbor(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    _, height, width, _ = _nhwc(inputs[0]).shape
    rows = np.equal.outer(np.arange(height), op.attrs["rows"]).astype(np.float32)
    columns = np.equal.outer(np.arange(width), op.attrs["columns"]).astype(np.float32)
    return [np.einsum("yr,xc,nrck->nyxk", rows, columns, _nhwc(gradient), optimize=True)]


def _softmax(op: Op, _inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
    return [np.float32(op.attrs["beta"]) * out * (gradient - (gradient * out).sum(axis=-1, keepdims=True))]


def _mean(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    x, axes = _nhwc(inputs[0]), tuple(op.attrs["axes"])
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    count = np.prod([x.shape[axis] for axis in axes])
    return [np.broadcast_to(gradient.reshape(shape) / np.float32(count), x.shape)]


def _pad(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    places = zip(op.attrs["paddings"], _nhwc(inputs[0]).shape, strict=True)
    return [_nhwc(gradient)[tuple(slice(before, before + size) for (before, _after), size in places)]]


def _like(gradient: Float32, x: Float32) -> Float32:
    """The gradient of a broadcast operand: summed where it was repeated."""
    if x.shape == gradient.shape:
        return gradient
    shape = (1,) * (gradient.ndim - x.ndim) + x.shape
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=axes, keepdims=True))


def _add(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    return [_like(gradient, x) for x in inputs]


def _sub(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    return [_like(gradient, inputs[0]), _like(-gradient, inputs[1])]


def _mul(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    return [_like(gradient * inputs[1], inputs[0]), _like(gradient * inputs[0], inputs[1])]


def _div(op: Op, inputs: list[Float32], _: Float32, gradient: Float32) -> Parts:
    return [_like(gradient / inputs[1], inputs[0]), _like(-gradient * inputs[0] / inputs[1] ** 2, inputs[1])]


_BACKWARD: dict[str, Callable[[Op, list[Float32], Float32, Float32], Parts]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "AVERAGE_POOL_2D": _average_pool_2d,
    "MAX_POOL_2D": _max_pool_2d,
    "FULLY_CONNECTED": _fully_connected,
    "CONCATENATION": _concatenation,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest_neighbor,
    "SOFTMAX": _softmax,
    "MEAN": _mean,
    "PAD": _pad,
    "ADD": _add,
    "SUB": _sub,
    "MUL": _mul,
    "DIV": _div,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), lambda op, inputs, out, gradient: [gradient]),
}
