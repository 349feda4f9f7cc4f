"""Runs a Graph in float32 with numpy: the reference for passes and tests, not fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from dqa.graph.functions import UNARY_KINDS, activate, unary
from dqa.graph.model import Graph, Op

Float32 = npt.NDArray[np.float32]
Inputs = list[Float32]


def run(graph: Graph, x: Float32) -> dict[int, Float32]:
    """Every activation of the graph by tensor number, for x (N, *input shape without batch); arrays have N first.

    Raises ValueError for an operator that is not known here, or an x of another shape.
    """
    entry = graph.tensors[graph.inputs[0]]
    if x.shape[1:] != entry.shape[1:]:
        raise ValueError(f"x has shape {x.shape}, expected (N, {', '.join(map(str, entry.shape[1:]))})")
    values: dict[int, Float32] = {entry.index: x.astype(np.float32)}
    for op in graph.ops:
        values[op.outputs[0]] = run_op(graph, op, values)
    return values


def run_op(graph: Graph, op: Op, values: Mapping[int, Float32]) -> Float32:
    """The output of one operator, (N, *shape). values: its inputs by tensor number, N first; they take the place of the graph's constants.

    Raises ValueError for an operator that is not known here.
    """
    inputs = [_value(graph, values, index) for index in op.inputs]
    if op.kind in UNARY_KINDS:
        result = unary(op.kind, op.attrs, inputs[0])
    elif op.kind in _OPERATORS:
        result = _OPERATORS[op.kind](op, inputs)
    else:
        raise ValueError(f"operator {op.kind} ('{op.name}') cannot be run here")
    samples = next(len(values[index]) for index in op.inputs if not graph.tensors[index].is_constant)
    return np.ascontiguousarray(result, np.float32).reshape(samples, *graph.tensors[op.outputs[0]].shape[1:])


def patches(op: Op, x: Float32, weights: Float32) -> Float32:
    """What each output of a CONV_2D or FULLY_CONNECTED weighs, (N * positions, K): the order of K is that of weights (O, ...) flattened."""
    if op.kind == "FULLY_CONNECTED":
        return x.reshape(-1, weights.shape[1])
    windows = _windows(op, x, (weights.shape[1], weights.shape[2]), 0.0)
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weights[0].size)


def _value(graph: Graph, values: Mapping[int, Float32], index: int) -> Float32:
    data = graph.tensors[index].data
    return values[index] if data is None or index in values else data


def _nhwc(x: Float32) -> Float32:
    dims = x.shape[1:]
    return x.reshape(len(x), *(1,) * (3 - len(dims)), *dims)


def _windows(op: Op, x: Float32, kernel: tuple[int, int], fill: float) -> npt.NDArray[np.float32]:
    """(N, out height, out width, C, kernel_h, kernel_w)"""
    attrs = op.attrs
    dilation_h, dilation_w = attrs.get("dilation_h", 1), attrs.get("dilation_w", 1)
    pads = ((0, 0), (attrs["pad_top"], attrs["pad_bottom"]), (attrs["pad_left"], attrs["pad_right"]), (0, 0))
    padded = np.pad(_nhwc(x), pads, constant_values=fill)
    reach = ((kernel[0] - 1) * dilation_h + 1, (kernel[1] - 1) * dilation_w + 1)
    windows = sliding_window_view(padded, reach, axis=(1, 2))
    return windows[:, :: attrs["stride_h"], :: attrs["stride_w"], :, ::dilation_h, ::dilation_w]


def _conv_2d(op: Op, inputs: Inputs) -> Float32:
    x, weights, bias = inputs
    out = patches(op, x, weights) @ weights.reshape(len(weights), -1).T + bias
    return activate(op.attrs["activation"], out)


def _depthwise_conv_2d(op: Op, inputs: Inputs) -> Float32:
    x, weights, bias = inputs
    _, kernel_h, kernel_w, out = weights.shape
    windows = _windows(op, x, (kernel_h, kernel_w), 0.0)
    split = weights[0].reshape(kernel_h, kernel_w, windows.shape[3], -1)
    result = np.einsum("nyxchw,hwcm->nyxcm", windows, split, optimize=True)
    return activate(op.attrs["activation"], result.reshape(*result.shape[:3], out) + bias)


def _average_pool_2d(op: Op, inputs: Inputs) -> Float32:
    kernel = (op.attrs["kernel_h"], op.attrs["kernel_w"])
    total = _windows(op, inputs[0], kernel, 0.0).sum(axis=(4, 5))
    count = _windows(op, np.ones_like(inputs[0][:1]), kernel, 0.0).sum(axis=(4, 5))
    return activate(op.attrs["activation"], total / count)


def _max_pool_2d(op: Op, inputs: Inputs) -> Float32:
    windows = _windows(op, inputs[0], (op.attrs["kernel_h"], op.attrs["kernel_w"]), -math.inf)
    return activate(op.attrs["activation"], windows.max(axis=(4, 5)))


def _fully_connected(op: Op, inputs: Inputs) -> Float32:
    x, weights, bias = inputs
    return activate(op.attrs["activation"], x.reshape(-1, weights.shape[1]) @ weights.T + bias)


def _concatenation(op: Op, inputs: Inputs) -> Float32:
    return activate(op.attrs["activation"], np.concatenate([_nhwc(x) for x in inputs], axis=op.attrs["axis"]))


def _resize_nearest_neighbor(op: Op, inputs: Inputs) -> Float32:
    return _nhwc(inputs[0])[:, op.attrs["rows"]][:, :, op.attrs["columns"]]


def _softmax(op: Op, inputs: Inputs) -> Float32:
    x = inputs[0] * np.float32(op.attrs["beta"])
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Op, Inputs], Float32]:
    return lambda op, inputs: activate(op.attrs["activation"], function(inputs[0], inputs[1]))


_OPERATORS: dict[str, Callable[[Op, Inputs], Float32]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "AVERAGE_POOL_2D": _average_pool_2d,
    "MAX_POOL_2D": _max_pool_2d,
    "FULLY_CONNECTED": _fully_connected,
    "CONCATENATION": _concatenation,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest_neighbor,
    "SOFTMAX": _softmax,
    "ADD": _binary(np.add),
    "SUB": _binary(np.subtract),
    "MUL": _binary(np.multiply),
    "DIV": _binary(np.divide),
    "PAD": lambda op, inputs: np.pad(_nhwc(inputs[0]), op.attrs["paddings"]),
    "MEAN": lambda op, inputs: _nhwc(inputs[0]).mean(axis=op.attrs["axes"], dtype=np.float32),
    "TILE": lambda op, inputs: np.tile(inputs[0], op.attrs["repeats"]),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), lambda op, inputs: inputs[0]),
}
