"""Builds the DQA program of a graph whose formats are decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dqa.errors import ModelError
from dqa.graph import Graph, Op
from dqa.graph.functions import UNARY_KINDS, unary
from dqa.lowering import arithmetic
from dqa.lowering.supported import why_not
from dqa.planning.layout import Ends, plan
from dqa.program import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
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
    Window,
)
from dqa.program.schedule import simulate
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weight_methods.chosen import BITS, LayerWeights, small_layers
from dqa.quantization.weights import FoldedWeights, fold


def edge_order(graph: Graph) -> list[int]:
    """Tensor numbers in the order of the program's edges: inputs, outputs, then the rest as they are written."""
    border = [*graph.inputs, *graph.outputs]
    return border + [t.index for t in graph.activations() if t.index not in border]


def build(
    graph: Graph,
    formats: Mapping[int, TensorFormat],
    phases: Sequence[int] | None = None,
    *,
    weight_bits: int = 8,
    weights: Mapping[int, LayerWeights] | None = None,
) -> Program:
    """The program of a graph with the formats of `decide`; phases: of each operator, None: each by itself.

    weights: the layers of 4 bits and their weights, by output tensor; None: all but small ones, the nearest equidistant levels.

    Raises ModelError naming the layer if an operator cannot be converted.
    """
    for op in graph.ops:
        if reason := why_not(graph, op):
            raise ModelError(f"layer '{op.name}': {op.kind} cannot be converted: {reason}")
    order = edge_order(graph)
    numbers = {tensor: i for i, tensor in enumerate(order)}
    names = graph.activation_names()
    edges = tuple(formats[t].edge(names[t], graph.tensors[t].hwc) for t in order)
    wide = small_layers(graph) if weights is None else {op.outputs[0] for op in graph.ops}.difference(weights)
    ops = tuple(
        _Lowering(graph, formats, numbers, op, 8 if op.outputs[0] in wide else weight_bits, (weights or {}).get(op.outputs[0])).operator()
        for op in graph.ops
    )
    steps = tuple(phases) if phases is not None else tuple(range(len(ops)))
    ends = Ends(len(graph.inputs), len(graph.outputs))
    internal, external = (plan(edges, ops, steps, e) for e in (ends, replace(ends, inputs_inside=False, outputs_inside=False)))
    pushed = None
    rings: dict[int, int | None] = {i: edge.ring_rows for i, edge in enumerate(edges) if edge.ring_rows}
    if ends.inputs == 1 and simulate(edges, ops, steps, rings, pushed=True).complete:
        pushed = plan(edges, ops, steps, replace(ends, inputs_inside=False, pushed=True))
    return Program(edges, ops, ends.inputs, ends.outputs, internal, external, phases=None if phases is None else steps, pushed=pushed)


def folded_weights(
    graph: Graph,
    op: Op,
    formats: Mapping[int, TensorFormat],
    weight_bits: int,
    chosen: LayerWeights | None = None,
    *,
    limited: bool = True,
) -> FoldedWeights:
    """The integer weights of a CONV_2D (O, kh, kw, I), DEPTHWISE_CONV_2D (O, kh, kw, 1) or FULLY_CONNECTED (O, H * W, I).

    weight_bits: 8, or 4; those of a DEPTHWISE_CONV_2D are few and always have 8. chosen: None: the nearest levels.
    limited: accumulators as fine as the requantization to the output's scales asks for (see `fold`).
    """
    weights = graph.tensors[op.inputs[1]].data
    assert weights is not None
    real = weights.astype(np.float64)
    source = formats[op.inputs[0]]
    scales, zeros = source.scales, source.zero_points
    channels = len(scales)
    if op.kind == "DEPTHWISE_CONV_2D":
        real = np.moveaxis(real[0], 2, 0)[..., None]  # (O, kh, kw, 1)
        multiplier = real.shape[0] // channels
        outputs = real.shape[0]
        scales = np.repeat(scales, multiplier).reshape(outputs, 1, 1, 1)
        zeros = np.repeat(zeros, multiplier).reshape(outputs, 1, 1, 1)
    elif op.kind == "FULLY_CONNECTED":
        real = real.reshape(real.shape[0], -1, channels)
    bias = np.zeros(real.shape[0])
    if len(op.inputs) > 2:
        constant = graph.tensors[op.inputs[2]].data
        assert constant is not None
        bias = constant.astype(np.float64).ravel()
    target = formats[op.outputs[0]].scales
    most = arithmetic.coarsest(target) if limited else None
    if chosen is not None:
        return fold(real, chosen.bias, scales, zeros, bits=BITS, levels=chosen.levels, output_scales=target, most=most)
    bits = 8 if op.kind == "DEPTHWISE_CONV_2D" else weight_bits
    return fold(real, bias, scales, zeros, bits=bits, output_scales=target, most=most)


class _Lowering:
    """One operator: its float form in, its integer form out."""

    def __init__(
        self,
        graph: Graph,
        formats: Mapping[int, TensorFormat],
        numbers: Mapping[int, int],
        op: Op,
        weight_bits: int,
        chosen: LayerWeights | None,
    ) -> None:
        self.graph, self.formats, self.op = graph, formats, op
        self.weight_bits, self.chosen = weight_bits, chosen
        self.name = op.name
        data = [t for t in op.inputs if not graph.tensors[t].is_constant]
        self.inputs = tuple(numbers[t] for t in data)
        self.output = numbers[op.outputs[0]]
        self.source = formats[data[0]]
        self.second = formats[data[-1]]
        self.target = formats[op.outputs[0]]

    def operator(self) -> Operator:
        name = "unary" if self.op.kind in UNARY_KINDS else self.op.kind.lower()
        handler: Callable[[], Operator] = getattr(self, f"_{name}")
        return handler()

    def _window(self, kernel_h: int, kernel_w: int) -> Window:
        a = self.op.attrs
        return Window(
            kernel_h,
            kernel_w,
            a["stride_h"],
            a["stride_w"],
            a.get("dilation_h", 1),
            a.get("dilation_w", 1),
            a["pad_top"],
            a["pad_left"],
        )

    def _conv_2d(self) -> Operator:
        folded = folded_weights(self.graph, self.op, self.formats, self.weight_bits, self.chosen)
        window = self._window(*folded.weights.shape[1:3])
        requantization = arithmetic.requantize_sum(folded, self.target.scales, self.target.rounded_by_writer)
        return Conv2D(self.name, self.inputs, self.output, window, folded.weights, requantization, folded.book)

    def _depthwise_conv_2d(self) -> Operator:
        folded = folded_weights(self.graph, self.op, self.formats, self.weight_bits, self.chosen)
        window = self._window(*folded.weights.shape[1:3])
        weights = np.ascontiguousarray(np.moveaxis(folded.weights[..., 0], 0, 2))
        requantization = arithmetic.requantize_sum(folded, self.target.scales, self.target.rounded_by_writer)
        return DepthwiseConv2D(self.name, self.inputs, self.output, window, weights, requantization)

    def _fully_connected(self) -> Operator:
        folded = folded_weights(self.graph, self.op, self.formats, self.weight_bits, self.chosen)
        requantization = arithmetic.requantize_sum(folded, self.target.scales, self.target.rounded_by_writer)
        weights = folded.weights.reshape(folded.weights.shape[0], -1)
        return FullyConnected(self.name, self.inputs, self.output, weights, requantization, folded.book)

    def _add(self) -> Operator:
        a, b = self.source, self.second
        t = self.target
        weights_a, weights_b, requantization = arithmetic.add(
            a.scales, a.zero_points, b.scales, b.zero_points, t.scales, t.rounded_by_writer
        )
        return Add(self.name, self.inputs if len(self.inputs) == 2 else self.inputs * 2, self.output, weights_a, weights_b, requantization)

    def _average(self, count: int) -> Requantization:
        s, t = self.source, self.target
        return arithmetic.average(s.scales, s.zero_points, t.scales, count, t.rounded_by_writer)

    def _average_pool_2d(self) -> Operator:
        a = self.op.attrs
        requantization = self._average(a["kernel_h"] * a["kernel_w"])
        return AveragePool2D(self.name, self.inputs, self.output, self._window(a["kernel_h"], a["kernel_w"]), requantization)

    def _mean(self) -> Operator:
        height, width, _ = self.graph.tensors[self.op.inputs[0]].hwc
        return Mean(self.name, self.inputs, self.output, self._average(height * width))

    def _max_pool_2d(self) -> Operator:
        a = self.op.attrs
        return MaxPool2D(self.name, self.inputs, self.output, self._window(a["kernel_h"], a["kernel_w"]))

    def _pad(self) -> Operator:
        pads = self.op.attrs["paddings"]
        return Pad(self.name, self.inputs, self.output, pads[1][0], pads[2][0], pads[3][0])

    def _concatenation(self) -> Operator:
        return Concatenation(self.name, self.inputs, self.output, self.op.attrs["axis"] - 1)

    def _resize_nearest_neighbor(self) -> Operator:
        rows = np.asarray(self.op.attrs["rows"], dtype=np.uint16)
        columns = np.asarray(self.op.attrs["columns"], dtype=np.uint16)
        return ResizeNearestNeighbor(self.name, self.inputs, self.output, rows, columns)

    def _reshape(self) -> Operator:
        return Reshape(self.name, self.inputs, self.output)

    def _softmax(self) -> Operator:
        step = float(self.source.scales[0]) * float(self.op.attrs.get("beta", 1.0))
        table = np.rint(65535 * np.exp(-step * np.arange(256))).astype(np.uint16)
        return Softmax(self.name, self.inputs, self.output, table)

    def _unary(self) -> Operator:
        values = np.arange(-128, 128)
        real = (values - self.source.zero_points[0]) * self.source.scales[0]
        result = unary(self.op.kind, self.op.attrs, real) / self.target.scales[0] + self.target.zero_points[0]
        table = np.clip(np.rint(result), self.target.low, self.target.high).astype(np.int8)
        return Lut(self.name, self.inputs, self.output, table)
