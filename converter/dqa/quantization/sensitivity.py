"""How strongly the consumers of an activation weigh each of its channels."""

from __future__ import annotations

import numpy as np

from dqa.graph import Graph, Op
from dqa.operators.registry import float_operator
from dqa.operators.weighted import weighted_operator
from dqa.support.arrays import Float64


def sensitivities(graph: Graph, tensor: int) -> Float64:
    """Sum of the squared weights that multiply each channel, float64 (C,), over all consumers.

    Noise of variance v in channel c adds v * sensitivity[c] to the variance of the consumers' sums. Operators without weights pass on
    the sensitivity of their output.
    """
    channels = graph.tensors[tensor].hwc[2]
    total = np.zeros(channels)
    for op in graph.consumers(tensor):
        total += _of_consumer(graph, op, tensor, channels)
    return total if total.any() else np.ones(channels)


def _of_consumer(graph: Graph, op: Op, tensor: int, channels: int) -> Float64:
    room = float_operator(op.kind)
    if room.weighted:
        weights = graph.tensors[op.inputs[1]].data
        assert weights is not None
        return weighted_operator(op.kind).summed_inputs(weights.astype(np.float64) ** 2, channels)
    through = sensitivities(graph, op.outputs[0])
    if room.moves:
        sources = room.channel_sources(op, [graph.tensors[index] for index in op.inputs], op.inputs.index(tensor), len(through))
        if sources is None:  # to other channels
            return np.full(channels, float(through.mean()))
        found = np.zeros(channels)
        np.add.at(found, sources[sources >= 0], through[sources >= 0])
        return found
    return through if len(through) == channels else np.ones(channels)
