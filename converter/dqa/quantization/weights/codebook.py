"""The weights of 4 bits that the converter takes: a code book per layer, rounding that compensates its errors, corrected biases."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.graph import Graph, Op
from dqa.operators.weighted import few_bits
from dqa.quantization.coded.read_back import storing
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.compensated import compensate, corrected_bias, descend, rescaled, target
from dqa.quantization.weights.layer_by_layer import Replaced, quantize_layers
from dqa.quantization.weights.levels import BITS, LayerWeights, Levels, largest_scales, round_to
from dqa.quantization.weights.lloydmax import fit
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float32, Float64

DAMPING = 0.2
"""Of `Moments.damped`. What calibration has not seen must not be sacrificed; 0.02 to 1 differ little on ic and kws."""
REFITS = 2
SMALL_SHARE = 0.01
"""Layers with at most this share of the weights of all layers keep 8 bits: they cost nothing and often carry the answer."""


def small_layers(graph: Graph) -> frozenset[int]:
    """The output tensors of the layers with few weights, among those whose weights may have 4 bits."""
    sizes = {op.outputs[0]: int(np.prod(graph.tensors[op.inputs[1]].shape)) for op in graph.ops if few_bits(op.kind)}
    return frozenset(tensor for tensor, size in sizes.items() if size <= SMALL_SHARE * sum(sizes.values()))


def compensated_codebook(weights: Float64, moments: Moments, damping: float = DAMPING, bits: int = BITS) -> Levels:
    """Levels of weights (O, K), all inputs in steps of like size."""
    covariance = moments.damped(damping)
    wanted = target(weights, moments, covariance)
    most = largest_scales(weights)
    book, scales = fit(wanted, bits, np.diag(covariance))
    levels = compensate(wanted, round_to(wanted, np.minimum(scales, most), book), covariance)
    for _ in range(REFITS):
        levels = rescaled(wanted, levels, covariance)
        levels = descend(wanted, Levels(levels.weights, np.minimum(levels.scales, most), book), covariance)
    return levels


def choose_weights(graph: Graph, formats: Mapping[int, TensorFormat], given: Mapping[int, Float32]) -> dict[int, LayerWeights]:
    """The weights of each layer of 4 bits, by its output tensor; each is made for the activations that the program will have.

    given: calibration samples of all inputs of the graph, float32 (N, *shape), by tensor number.
    """
    small = small_layers(graph)
    found: dict[int, LayerWeights] = {}

    def quantize(op: Op, weights: Float64, bias: Float64, moments: Moments) -> Replaced:
        if op.outputs[0] in small:
            return Replaced(weights, bias)
        steps = _steps(formats[op.inputs[0]], weights.shape[1])
        levels = compensated_codebook(weights * steps, moments.scaled(1 / steps))
        values = levels.values / steps
        found[op.outputs[0]] = LayerWeights(levels, corrected_bias(bias, weights, values, moments))
        return Replaced(values, found[op.outputs[0]].bias)

    quantize_layers(graph, given, quantize, storing(graph, formats))
    return found


def in_real_units(graph: Graph, formats: Mapping[int, TensorFormat], weights: Mapping[int, LayerWeights]) -> dict[int, Replaced]:
    """Chosen weights as the float network would have them, by output tensor."""
    found = {}
    for op in graph.ops:
        if (chosen := weights.get(op.outputs[0])) is not None:
            values = chosen.levels.values
            found[op.outputs[0]] = Replaced(values / _steps(formats[op.inputs[0]], values.shape[1]), chosen.bias)
    return found


def _steps(fmt: TensorFormat, inputs: int) -> Float64:
    """The step of each of the K inputs that an output of a layer weighs."""
    return np.tile(fmt.scales, inputs // len(fmt.scales))
