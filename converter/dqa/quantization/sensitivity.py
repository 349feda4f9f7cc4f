"""How strongly the consumers of an activation weigh each of its channels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.graph import Graph, Op
from dqa.quantization.ties import MOVES

Floats = npt.NDArray[np.float64]


def sensitivities(graph: Graph, tensor: int) -> Floats:
    """Sum of the squared weights that multiply each channel, float64 (C,), over all consumers.

    Noise of variance v in channel c adds v * sensitivity[c] to the variance of the consumers' sums. Operators without weights pass on
    the sensitivity of their output.
    """
    channels = graph.tensors[tensor].hwc[2]
    total = np.zeros(channels)
    for op in graph.consumers(tensor):
        total += _of_consumer(graph, op, tensor, channels)
    return total if total.any() else np.ones(channels)


def _of_consumer(graph: Graph, op: Op, tensor: int, channels: int) -> Floats:
    if op.kind in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}:
        weights = graph.tensors[op.inputs[1]].data
        assert weights is not None
        squares = weights.astype(np.float64) ** 2
        if op.kind == "DEPTHWISE_CONV_2D":  # (1, kh, kw, O), O = I * multiplier
            return np.asarray(squares.reshape(-1, channels, squares.shape[-1] // channels).sum(axis=(0, 2)))
        return np.asarray(squares.reshape(-1, channels).sum(axis=0))
    through = sensitivities(graph, op.outputs[0])
    if op.kind == "PAD":
        first = op.attrs["paddings"][3][0]
        return through[first : first + channels]
    if op.kind == "CONCATENATION" and op.attrs["axis"] == 3:
        first = 0
        for other in op.inputs:
            if other == tensor:
                return through[first : first + channels]
            first += graph.tensors[other].hwc[2]
    if op.kind in MOVES and len(through) != channels:  # RESHAPE to another number of channels
        return np.full(channels, float(through.mean()))
    return through if len(through) == channels else np.ones(channels)
