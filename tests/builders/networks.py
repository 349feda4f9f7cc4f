"""Small float networks for tests, with images, statistics of their tensors, and what a conversion makes of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.calibration import ChannelStatistics
from dqa.graph import Graph, Op, Tensor
from dqa.graph.execute import run
from dqa.lowering.build import build
from dqa.lowering.planned import Planner
from dqa.program import LayoutName, Program
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.decide import decide
from dqa.support.settings import ConvertConfig


class Net:
    """Builds small float graphs: every method adds an operator and gives its output's number."""

    def __init__(self, seed: int, height: int, width: int, channels: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph({0: Tensor(0, "input", (1, height, width, channels))}, [], [0], [])

    def tensor(self, shape: tuple[int, ...], data: np.ndarray | None = None) -> int:
        index = len(self.graph.tensors)
        self.graph.tensors[index] = Tensor(index, f"t{index}", shape, data)
        return index

    def constant(self, *shape: int, spread: float = 1.0) -> int:
        return self.tensor(shape, (self.rng.normal(size=shape) * spread).astype(np.float32))

    def op(self, kind: str, inputs: list[int], shape: tuple[int, ...], **attrs: Any) -> int:
        output = self.tensor(shape)
        self.graph.ops.append(Op(kind, f"{kind.lower()}_{output}", inputs, [output], attrs))
        return output

    def conv(self, x: int, channels: int, kernel: int = 3, stride: int = 1, activation: str = "RELU", dilation: int = 1) -> int:
        _, h, w, c = self.graph.tensors[x].shape
        weights = self.constant(channels, kernel, kernel, c, spread=1 / (kernel * np.sqrt(c)))
        return self._window("CONV_2D", [x, weights, self.constant(channels)], h, w, channels, kernel, stride, activation, dilation)

    def depthwise(self, x: int, multiplier: int = 1, kernel: int = 3, stride: int = 1, activation: str = "RELU6") -> int:
        _, h, w, c = self.graph.tensors[x].shape
        weights = self.constant(1, kernel, kernel, c * multiplier, spread=1 / kernel)
        inputs = [x, weights, self.constant(c * multiplier)]
        return self._window("DEPTHWISE_CONV_2D", inputs, h, w, c * multiplier, kernel, stride, activation, 1, depth_multiplier=multiplier)

    def _window(
        self,
        kind: str,
        inputs: list[int],
        h: int,
        w: int,
        channels: int,
        kernel: int,
        stride: int,
        activation: str,
        dilation: int,
        **more: Any,
    ) -> int:
        span = (kernel - 1) * dilation + 1
        oh, ow = -(-h // stride), -(-w // stride)
        ph, pw = max((oh - 1) * stride + span - h, 0), max((ow - 1) * stride + span - w, 0)
        return self.op(
            kind, inputs, (1, oh, ow, channels),
            stride_h=stride, stride_w=stride, dilation_h=dilation, dilation_w=dilation,
            pad_top=ph // 2, pad_bottom=ph - ph // 2, pad_left=pw // 2, pad_right=pw - pw // 2, activation=activation, **more,
        )  # fmt: skip

    def finish(self, x: int, classes: int = 5) -> Graph:
        c = self.graph.tensors[x].shape[-1]
        pooled = self.op("MEAN", [x], (1, c), axes=(1, 2), keep_dims=False)
        weights, bias = self.constant(classes, c, spread=0.2), self.constant(classes)
        logits = self.op("FULLY_CONNECTED", [pooled, weights, bias], (1, classes), activation="NONE")
        self.graph.outputs = [self.op("SOFTMAX", [logits], (1, classes), beta=1.0)]
        return self.graph


def statistics_of(graph: Graph, x: np.ndarray) -> dict[int, ChannelStatistics]:
    values = run(graph, x)
    result = {}
    for tensor in graph.activations():
        rows = values[tensor.index].reshape(-1, tensor.shape[-1]).astype(np.float64)
        low, high = rows.min(axis=0), rows.max(axis=0)
        counts = np.stack([np.histogram(rows[:, c], 256, (low[c], max(high[c], low[c] + 1e-9)))[0] for c in range(rows.shape[1])])
        result[tensor.index] = ChannelStatistics(low, high, rows.mean(axis=0), (rows**2).mean(axis=0), counts, len(rows))
    return result


def convert(graph: Graph, x: np.ndarray, config: ConvertConfig) -> tuple[Program, dict[int, Any]]:
    given = BorderFormat("uint8", np.full(x.shape[-1], 1 / 255), np.zeros(x.shape[-1]))
    formats = decide(Calibrated(graph, statistics_of(graph, scaled(x)), {0: given}, config))
    return build(graph, formats), formats


def images(seed: int, count: int, graph: Graph) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(count, *graph.tensors[0].shape[1:]), dtype=np.uint8)


def scaled(pixels: np.ndarray) -> npt.NDArray[np.float32]:
    """Images as the float network takes them: 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)


def residual(seed: int) -> Graph:
    net = Net(seed, 9, 11, 3)
    a = net.conv(0, 8)
    b = net.conv(a, 8, activation="NONE")
    c = net.op("ADD", [a, b], net.graph.tensors[a].shape, activation="RELU")
    d = net.depthwise(c, multiplier=2, stride=2)
    _, h, w, channels = net.graph.tensors[d].shape
    e = net.op(
        "MAX_POOL_2D", [d], (1, h // 2, w // 2, channels),
        kernel_h=2, kernel_w=2, stride_h=2, stride_w=2, pad_top=0, pad_bottom=0, pad_left=0, pad_right=0, activation="NONE",
    )  # fmt: skip
    up = net.op("RESIZE_NEAREST_NEIGHBOR", [e], (1, h, w, channels), rows=[0, 0, 1, 1, 1][:h], columns=[0, 0, 1, 1, 2, 2][:w])
    f = net.op("CONCATENATION", [up, d], (1, h, w, 2 * channels), axis=3, activation="NONE")
    return net.finish(net.conv(f, 10, dilation=2))


EIGHT = ConvertConfig(maps="planes", method="direct", bits=8)


@cache
def planner(layout: LayoutName = "internal") -> Planner:
    """Of a small residual network with a skip that joins two widths."""
    graph = residual(1)
    statistics = statistics_of(graph, scaled(images(1, 16, graph)))
    given = BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))
    return Planner(Calibrated(graph, statistics, {0: given}, ConvertConfig()), layout=layout)
