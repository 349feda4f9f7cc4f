"""The integer weights that the converter takes: rounding that compensates its errors, biases that keep the means of the sums.

Weights of 8 bits keep the scales of plain rounding; those of 4 bits have a code book per layer (dqa.quantization.weights.codebook). What a
channel of wide range in the input makes an output lose, where activation scales are folded into weights, the other weights make up for.
Kinds whose weights are few, depthwise convolutions, are rounded plainly.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.graph import Graph, Op
from dqa.graph.twins import shared_layers
from dqa.operators.weighted import few_bits, weighted_operator
from dqa.quantization.coded.read_back import storing
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.affine import compensated_affine
from dqa.quantization.weights.codebook import compensated_codebook
from dqa.quantization.weights.compensated import compensate, corrected_bias, target
from dqa.quantization.weights.layer_by_layer import Replaced, blocks, mean_sums, moments_of, parameters, replace_layers
from dqa.quantization.weights.levels import BITS, FULL, TINY, WHOLE, LayerWeights, Levels, round_to
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float32, Float64

SMALL_SHARE = 0.01
"""Layers with at most this share of the weights of all layers keep 8 bits: they cost nothing and often carry the answer."""
FINE_DAMPING = 0.01
"""Of `Moments.damped`, for weights of 8 bits."""


def small_layers(graph: Graph) -> frozenset[int]:
    """The output tensors of the layers with few weights, among those whose weights may have 4 bits."""
    sizes = {op.outputs[0]: int(np.prod(graph.tensors[op.inputs[1]].shape)) for op in graph.ops if few_bits(op.kind)}
    return frozenset(tensor for tensor, size in sizes.items() if size <= SMALL_SHARE * sum(sizes.values()))


def choose_weights(
    graph: Graph, formats: Mapping[int, TensorFormat], given: Mapping[int, Float32], weight_bits: int
) -> dict[int, LayerWeights]:
    """The weights of each layer, by its output tensor; each is made for the activations that the program will have.

    A layer that is used several times, on inputs of one scale, has the weights of its first use each time: the program stores them once.
    given: calibration samples of all inputs of the graph, float32 (N, *shape), by tensor number. weight_bits: 8 or 4.
    """
    small = small_layers(graph)
    found: dict[int, LayerWeights] = {}
    first = {op.outputs[0]: uses[0] for uses in shared_layers(graph) for op in uses}
    done_once: dict[int, Replaced] = {}

    def layer(op: Op, kept: Float32, real: Float32) -> Replaced:
        twin = first.get(op.outputs[0], op)
        if twin is not op and _same_input(formats[op.inputs[0]], formats[twin.inputs[0]]):
            found[op.outputs[0]] = found[twin.outputs[0]]
            return done_once[twin.outputs[0]]
        done_once[op.outputs[0]] = done = own(op, kept, real)
        return done

    def own(op: Op, kept: Float32, real: Float32) -> Replaced:
        if not few_bits(op.kind):
            done = _nearest(graph, op, formats[op.inputs[0]], kept, real)
            found[op.outputs[0]] = LayerWeights(None, done.bias)
            return done
        weights, bias = parameters(graph, op)
        flat, steps = weights.reshape(len(weights), -1), input_steps(formats[op.inputs[0]], weights[0].size)
        if weight_bits == BITS and op.outputs[0] not in small:
            moments = moments_of(op, weights, kept, real)
            choose = compensated_affine if weighted_operator(op.kind).affine else compensated_codebook
            levels = choose(flat * steps, moments.scaled(1 / steps))
            values = levels.values / steps
            bias = corrected_bias(bias, flat, values, moments)
        else:
            scales = np.maximum(np.abs(flat * steps).max(axis=1), TINY) / FULL
            codes = np.empty(flat.shape, np.int8)
            for part in blocks(flat.shape[1]):
                moments = moments_of(op, weights, kept, real, part)
                own = compensated_whole((flat * steps)[:, part], scales, moments.scaled(1 / steps[part]))
                codes[:, part] = own.weights
                bias = corrected_bias(bias, flat[:, part], own.values / steps[part], moments)
            levels = Levels(codes, scales, WHOLE)
            values = levels.values / steps
        found[op.outputs[0]] = LayerWeights(levels, bias)
        return Replaced(values, bias)

    replace_layers(graph, given, layer, storing(graph, formats))
    return found


def compensated_whole(weights: Float64, scales: Float64, moments: Moments, damping: float = FINE_DAMPING) -> Levels:
    """Levels of 8 bits of weights (O, K), of given scales (O,)."""
    covariance = moments.damped(damping)
    wanted = target(weights, moments, covariance)
    return compensate(wanted, round_to(wanted, scales, WHOLE), covariance)


def in_real_units(graph: Graph, formats: Mapping[int, TensorFormat], weights: Mapping[int, LayerWeights]) -> dict[int, Replaced]:
    """Chosen weights as the float network would have them, by output tensor."""
    found = {}
    for op in graph.ops:
        if (chosen := weights.get(op.outputs[0])) is not None and chosen.levels is not None:
            values = chosen.levels.values
            found[op.outputs[0]] = Replaced(values / input_steps(formats[op.inputs[0]], values.shape[1]), chosen.bias)
    return found


def _nearest(graph: Graph, op: Op, fmt: TensorFormat, kept: Float32, real: Float32) -> Replaced:
    """The nearest weights of 8 bits as `fold` makes them, and the bias that keeps the means of the sums."""
    room, (weights, bias) = weighted_operator(op.kind), parameters(graph, op)
    folded = room.scaled_inputs(weights, fmt.scales)
    arranged = np.abs(room.arranged(folded, len(fmt.scales))[0])
    scales = np.maximum(arranged.reshape(len(arranged), -1).max(axis=1), TINY) / FULL
    integers = np.rint(room.scaled_outputs(folded, 1 / scales))
    values = room.scaled_inputs(room.scaled_outputs(integers, scales), 1 / fmt.scales)
    return Replaced(values, bias + mean_sums(graph, op, weights, real).mean(axis=0) - mean_sums(graph, op, values, kept).mean(axis=0))


def _same_input(a: TensorFormat, b: TensorFormat) -> bool:
    return np.array_equal(a.scales, b.scales) and np.array_equal(a.zero_points, b.zero_points)


def input_steps(fmt: TensorFormat, inputs: int) -> Float64:
    """The step of each of the K inputs that an output of a layer weighs."""
    return np.tile(fmt.scales, inputs // len(fmt.scales))
