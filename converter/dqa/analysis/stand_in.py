"""What stands in for calibration where a network is only sized.

Sizes follow from shapes and from what cannot be negative, both of which the graph tells; ranges and distributions decide bits, not bytes.
"""

from __future__ import annotations

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.graph import Graph
from dqa.operators.registry import float_operator
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.shared_range import non_negative
from dqa.quantization.weights.bias_correction import with_biases
from dqa.support.settings import ConvertConfig

BINS = 64
TOKENS = "EMBEDDING"


def unseen(graph: Graph, config: ConvertConfig) -> Calibrated:
    """The network as if all values of -1..1, or of 0..1 where nothing is negative, were as likely; its biases are 0.

    Inputs are int8 and never negative, as images and tokens are.
    """
    biased = {op.outputs[0]: op.inputs[2] for op in graph.ops if float_operator(op.kind).weighted}
    sized = with_biases(graph, {output: np.zeros(graph.tensors[bias].shape) for output, bias in biased.items()})
    statistics = {t.index: _uniform(t.hwc[2], 0.0 if non_negative(graph, t.index) else -1.0) for t in sized.activations()}
    inputs = {tensor: _input(graph, tensor) for tensor in graph.inputs}
    return Calibrated(sized, statistics, inputs, config)


def _uniform(channels: int, low: float) -> ChannelStatistics:
    """low: 0 or -1; the highest value is 1."""
    energy = 1 / 3  # of both
    counts = np.ones((channels, BINS), np.int64)
    spread = np.full(channels, low), np.ones(channels), np.full(channels, (1 + low) / 2), np.full(channels, energy)
    return ChannelStatistics(*spread, counts, BINS)


def _input(graph: Graph, tensor: int) -> BorderFormat:
    """Of a dense layer's uint8 data the bytes are counted once, though it takes them a second time as int8."""
    channels, readers = graph.tensors[tensor].hwc[2], graph.consumers(tensor)
    tokens = bool(readers) and all(op.kind == TOKENS for op in readers)
    return BorderFormat("int8", np.full(channels, 1.0 if tokens else 1 / 255), np.full(channels, -128.0))
