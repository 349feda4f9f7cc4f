"""Small float graphs for tests, built operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from dqa.frontend.tflite import read_model
from dqa.graph import Graph, Op, Tensor
from dqa.graph.shapes import output_shape


def read_graph(data: bytes, source: str) -> Graph:
    """The network of a .tflite, as the front end reads it."""
    return read_model(data, source)[0]


class Build:
    """A graph under construction; methods give tensor numbers. Weights are drawn from `seed`."""

    def __init__(self, *input_shape: int, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.graph = Graph({0: Tensor(0, "x", input_shape)}, [], [0], [])

    def shape(self, index: int) -> tuple[int, ...]:
        return self.graph.tensors[index].shape

    def constant(self, data: Any) -> int:
        index = len(self.graph.tensors)
        self.graph.tensors[index] = Tensor(index, f"c{index}", np.shape(data), np.asarray(data, np.float32))
        return index

    def op(self, kind: str, inputs: list[int], shape: tuple[int, ...] | None = None, **attrs: Any) -> int:
        op = Op(kind, f"{kind.lower()}_{len(self.graph.ops)}", inputs, [len(self.graph.tensors)], attrs)
        shape = shape or output_shape(op, self.graph)
        assert shape is not None
        self.graph.tensors[op.outputs[0]] = Tensor(op.outputs[0], op.name, shape)
        self.graph.ops.append(op)
        return op.outputs[0]

    def conv(self, x: int, out: int, kernel: int = 3, stride: int = 1, pads: tuple[int, int, int, int] = (1, 1, 1, 1), **attrs: Any) -> int:
        channels = self.shape(x)[-1]
        weights = self.random.normal(0, (kernel * kernel * channels) ** -0.5, (out, kernel, kernel, channels))
        return self._window("CONV_2D", [x, self.constant(weights), self._bias(out)], stride, pads, {"activation": "RELU"} | attrs)

    def depthwise(self, x: int, multiplier: int = 1, stride: int = 1, **attrs: Any) -> int:
        channels = self.shape(x)[-1] * multiplier
        weights = self.constant(self.random.normal(0, 0.4, (1, 3, 3, channels)))
        attrs = {"activation": "RELU6", "depth_multiplier": multiplier} | attrs
        return self._window("DEPTHWISE_CONV_2D", [x, weights, self._bias(channels)], stride, (1, 1, 1, 1), attrs)

    def pool(self, kind: str, x: int) -> int:
        attrs = {"kernel_h": 2, "kernel_w": 2, "activation": "NONE"}
        return self._window(f"{kind}_POOL_2D", [x], 2, (0, 0, 0, 0), attrs)

    def binary(self, kind: str, a: int, b: int, activation: str = "NONE") -> int:
        return self.op(kind, [a, b], self.shape(a), activation=activation)

    def dense(self, x: int, out: int) -> int:
        size = int(np.prod(self.shape(x)))
        return self.op(
            "FULLY_CONNECTED",
            [x, self.constant(self.random.normal(0, size**-0.5, (out, size))), self._bias(out)],
            (1, out),
            activation="NONE",
        )

    def done(self, *outputs: int) -> Graph:
        self.graph.outputs = list(outputs)
        return self.graph

    def _bias(self, size: int) -> int:
        return self.constant(self.random.normal(0, 0.1, size))

    def _window(self, kind: str, inputs: list[int], stride: int, pads: tuple[int, int, int, int], attrs: dict[str, Any]) -> int:
        sides: dict[str, Any] = dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), pads, strict=True))
        return self.op(kind, inputs, stride_h=stride, stride_w=stride, **sides, **attrs)


def residual(seed: int = 0) -> tuple[Graph, list[int]]:
    """(8, 8, 2) -> 4 probabilities, with two residual blocks; and the block outputs, of 6 channels. Channel 0 of the last is dead."""
    net = Build(1, 8, 8, 2, seed=seed)
    x = net.conv(net.graph.inputs[0], 6)
    blocks = []
    for _ in range(2):
        branch = net.conv(net.conv(x, 6), 6, activation="NONE")
        bias = net.graph.ops[-1].inputs[2]
        x = net.binary("ADD", branch, x, "RELU")
        blocks.append(x)
    data = net.graph.tensors[bias].data
    assert data is not None
    data[0] = -100
    mean = net.op("MEAN", [x], (1, 6), axes=(1, 2), keep_dims=False)
    return net.done(net.op("SOFTMAX", [net.dense(mean, 4)], (1, 4), beta=1.0)), blocks


def samples(graph: Graph, count: int, seed: int = 1) -> np.ndarray:
    """Normal numbers, float32 (count, *input shape)."""
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    return np.random.default_rng(seed).normal(0, 1, (count, *shape)).astype(np.float32)


def everything(tile: bool = True) -> Graph:
    """Every operator the runner knows, unary ones left out."""
    net = Build(1, 9, 8, 3)
    x = net.conv(0, 4, stride=2, pads=(1, 0, 1, 0), activation="TANH")  # pads that TFLite has no word for
    x = net.conv(x, 4, pads=(2, 2, 2, 2), activation="RELU6", dilation_h=2, dilation_w=2)
    x = net.depthwise(x, 2)
    up = net.op("RESIZE_NEAREST_NEIGHBOR", [x], rows=[0, 0, 1, 1, 2, 2, 3, 3], columns=[0, 0, 1, 1, 2, 2, 3, 3])
    y = net.op("PAD", [net.conv(0, 3, pads=(1, 0, 1, 1))], paddings=((0, 0), (0, 0), (0, 0), (1, 1)))
    joined = net.op("CONCATENATION", [up, y], axis=3, activation="NONE")
    z = net.op("CONCATENATION", [net.pool("MAX", joined), net.pool("AVERAGE", joined)], axis=2, activation="NONE")
    z = net.binary("SUB", net.binary("MUL", z, net.constant(net.random.normal(0, 1, 13))), net.constant(np.ones(13)), "RELU")
    z = net.binary("DIV", z, net.constant(np.full(13, 3.0)))
    z = net.op("TILE", [z], repeats=(1, 2, 1, 1)) if tile else z
    z = net.op("MEAN", [z], (1, 8, 13), axes=(1,), keep_dims=False)
    z = net.op("RESHAPE", [z], (1, 104))
    return net.done(net.op("SOFTMAX", [net.dense(z, 5)], (1, 5), beta=0.7))
