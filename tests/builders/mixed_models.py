"""Small float networks with operators that DQA leaves to TFLite builtins."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from builders.graphs import read_graph
from dqa import ConvertConfig, convert
from tflite_builder import Net, options

SCALE = 1 / 255


TALL = 65
"""Rows of a kernel, more than DQA's operators take."""


def transpose_conv(net: Net, x: int, out: int, weights: int | None = None) -> int:
    """Twice as high and wide; its kernel is too tall for DQA."""
    _, height, width, channels = net.shape(x)
    size = (1, 2 * height, 2 * width, out)
    inputs = [net.constant(list(size)), net.weights(out, TALL, 2, channels) if weights is None else weights, x]
    return net.op("TRANSPOSE_CONV", inputs, size, options("TransposeConvOptions", padding=0, strideW=2, strideH=2))


def difference(net: Net, a: int, b: int) -> int:
    """Its square."""
    shape = np.broadcast_shapes(net.shape(a), net.shape(b))
    return net.op("SQUARED_DIFFERENCE", [a, b], shape, options("SquaredDifferenceOptions"))


def maximum(net: Net, a: int, b: int) -> int:
    """b has one channel, which DQA does not repeat here."""
    return net.op("MAXIMUM", [a, b], net.shape(a), options("MaximumMinimumOptions"))


def concatenation(net: Net, *parts: int) -> int:
    shape = (*net.shape(parts[0])[:3], sum(net.shape(part)[3] for part in parts))
    return net.op("CONCATENATION", list(parts), shape, options("ConcatenationOptions", axis=3))


def mean(net: Net, x: int) -> int:
    return net.op("MEAN", [x, net.constant([1, 2])], (1, net.shape(x)[3]), options("ReducerOptions", keepDims=False))


def softmax(net: Net, x: int) -> int:
    return net.op("SOFTMAX", [x], net.shape(x), options("SoftmaxOptions", beta=1.0))


def gates() -> bytes:
    """Groups and builtins in turn, a skip past a builtin from group to group, three builtins of which two follow each other."""
    net = Net(1, 8, 8, 3)
    a = net.conv(net.input, 8, padding="SAME", activation="RELU")
    b = net.conv(net.input, 1, padding="SAME", activation="RELU6")
    c = net.conv(transpose_conv(net, maximum(net, a, b), 6), 8, stride=2, padding="SAME", activation="RELU")
    total = net.binary("ADD", c, a)
    gate = net.reshape(net.unary("LOGISTIC", mean(net, total)), 1, 1, 1, 8)
    return net.build(net.dense(net.conv(difference(net, total, gate), 4), 10))


def builtin_first_and_last() -> bytes:
    """The model's input and output are a builtin's."""
    net = Net(1, 6, 6, 2)
    a = difference(net, net.input, net.weights(2))
    return net.build(difference(net, net.conv(a, 2, padding="SAME"), net.input))


def softmax_before() -> bytes:
    """A builtin reads a softmax, whose output has one format only."""
    net = Net(1, 6, 6, 3)
    gate = softmax(net, net.conv(net.input, 5))
    return net.build(net.conv(difference(net, gate, net.conv(net.input, 5)), 4))


def shared_scale() -> bytes:
    """MAXIMUM wants one scale for two inputs, of which one has a fused activation that the other's range does not clamp to."""
    net = Net(1, 6, 6, 3)
    clamped = net.conv(net.input, 4, activation="RELU6")
    wide = net.conv(net.input, 1)
    return net.build(net.conv(maximum(net, clamped, wide), 3))


def concatenated() -> bytes:
    """A DQA concatenation of what two builtins and a convolution give, each with its own scale."""
    net = Net(1, 4, 4, 3)
    x = net.conv(net.input, 4, padding="SAME", activation="RELU")
    square = difference(net, x, net.weights(4))
    fourth = difference(net, square, x)
    both = concatenation(net, square, net.conv(x, 2, padding="SAME"), fourth)
    return net.build(net.conv(both, 3), net.conv(square, 2))


def pooled() -> bytes:
    """From one builtin to the next through operators that only move values."""
    net = Net(1, 8, 8, 3)
    x = net.conv(net.input, 4, padding="SAME", activation="RELU")
    pool = options("Pool2DOptions", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    y = net.op("MAX_POOL_2D", [difference(net, x, net.weights(4))], (1, 4, 4, 4), pool)
    return net.build(transpose_conv(net, net.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2))


def split_in_two() -> bytes:
    """A builtin of two outputs, and an activation in an operator of its own after a builtin."""
    net = Net(1, 4, 4, 3)
    x = net.conv(net.input, 6)
    first = net.op("SPLIT", [net.constant(np.array(3, np.int32)), x], (*net.shape(x)[:3], 3), options("SplitOptions", numSplits=2))
    second = net.tensor(net.shape(first))
    net.graph.operators[-1].outputs.append(second)
    scale = net.reshape(mean(net, second), 1, 1, 1, 3)
    return net.build(net.conv(net.unary("RELU", net.binary("ADD", first, scale)), 3, kernel=1))


def half_precision() -> bytes:
    """The weights of a builtin are widened at run time."""
    net = Net(1, 4, 4, 3)
    half = net.tensor((2, TALL, 2, 4), net.random.normal(0, 0.5, (2, TALL, 2, 4)).astype(np.float16))
    return net.build(net.conv(transpose_conv(net, net.conv(net.input, 4), 2, net.op("DEQUANTIZE", [half], (2, TALL, 2, 4))), 3))


def large() -> bytes:
    """A builtin of more than 256 kB."""
    net = Net(1, 2, 2, 3)
    return net.build(net.conv(transpose_conv(net, net.conv(net.input, 300, kernel=1), 8), 3))


NETWORKS = (
    gates,
    builtin_first_and_last,
    softmax_before,
    shared_scale,
    concatenated,
    pooled,
    split_in_two,
    half_precision,
    large,
)


def convert_bytes(tflite: bytes, folder: Path, config: ConvertConfig | None = None, samples: int = 48) -> Path:
    """OUT of a network of a uint8 input, calibrated with noise; x.npz (with labels 0 and 1) lies beside it."""
    (folder / "model.tflite").write_bytes(tflite)
    graph = read_graph(tflite, "model.tflite")
    x = np.random.default_rng(0).integers(0, 256, (samples, *graph.tensors[graph.inputs[0]].shape[1:])).astype(np.uint8)
    np.savez(folder / "x.npz", x=x, y=np.arange(samples) % 2)
    config = config or ConvertConfig(maps="planes", method="direct", bits=8, input_scale=SCALE)
    convert(folder / "model.tflite", folder / "x.npz", folder / "out", config)
    return folder / "out"
