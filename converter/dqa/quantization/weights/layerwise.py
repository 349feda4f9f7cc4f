"""Quantizes the weights of layers one after the other, each from the inputs that the quantized layers before it give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dqa.graph import Graph, Op
from dqa.operators.weighted import few_bits, weighted_operator
from dqa.quantization.weights import layer_by_layer as network
from dqa.quantization.weights.layer_by_layer import Replaced, batches, parameters
from dqa.quantization.weights.moments import Moments, MomentSum
from dqa.support.arrays import Float32, Float64

Quantizer = Callable[[Op, Float64, Float64, Moments], Replaced]
"""(operator, weights (O, K), bias (O,), moments of its inputs) -> weights (O, K) and bias of the quantized layer."""


def walk(
    graph: Graph,
    given: Mapping[int, Float32],
    quantize: Quantizer,
    store: Callable[[int, Float32], Float32] = lambda _tensor, values: values,
) -> None:
    """Calls `quantize` for each operator whose weights may have 4 bits, in order; given, store: as in `layer_by_layer`."""

    def layer(op: Op, kept: Float32, real: Float32) -> Replaced | None:
        if not few_bits(op.kind):
            return None
        weights, bias = parameters(graph, op)
        return quantize(op, weights.reshape(len(weights), -1), bias, _moments(op, weights, kept, real))

    network.walk(graph, given, layer, store)


def _moments(op: Op, weights: Float64, kept: Float32, real: Float32) -> Moments:
    room, shape = weighted_operator(op.kind), np.empty(weights.shape, np.float32)
    total = MomentSum(weights[0].size, max(float(np.abs(kept).max()), float(np.abs(real).max())))
    for part in batches(len(kept)):
        total.add(room.patches(op, kept[part], shape), room.patches(op, real[part], shape))
    return total.moments()
