"""Bias correction: what storing activations shifts the sums of a layer by, on average, its bias takes back. It costs nothing at run time.

Each layer sees the inputs that the corrected layers before it give (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
and Bias Correction", with means from calibration instead of batch normalization). No labels are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dqa.graph import Graph, Op
from dqa.graph.edit import add_constant
from dqa.graph.execute import run_op
from dqa.quantization.formats import TensorFormat
from dqa.quantization.read_back import storing
from dqa.quantization.walk import Float32, Floats, Replaced, parameters, walk

MAX_VALUES = 24_000_000
"""Of all activations of all samples together: what the correction takes in time."""
MOST_SAMPLES = 128


def samples(graph: Graph) -> int:
    """How many samples the means are taken over."""
    values = sum(int(np.prod(tensor.shape)) for tensor in graph.activations())
    return int(np.clip(MAX_VALUES // max(values, 1), 8, MOST_SAMPLES))


def corrected_biases(
    graph: Graph, formats: Mapping[int, TensorFormat], given: Mapping[int, Float32], replaced: Mapping[int, Replaced] | None = None
) -> dict[int, Floats]:
    """The bias (O,) of each convolution and dense layer, by output tensor, in real units.

    given: samples of all inputs of the graph, float32 (N, *shape), by tensor number.
    replaced: weights and biases with which layers will compute, by output tensor; the others have those of the graph.
    """
    found: dict[int, Floats] = {}

    def correct(op: Op, kept: Float32, real: Float32) -> Replaced:
        float_weights, bias = parameters(graph, op)
        own = (replaced or {}).get(op.outputs[0], Replaced(float_weights, bias))
        shift = _mean_sums(graph, op, own.weights, kept) - _mean_sums(graph, op, float_weights, real)
        found[op.outputs[0]] = _short(bias - shift)
        return Replaced(own.weights, found[op.outputs[0]])

    walk(graph, given, correct, storing(graph, formats))
    return found


def with_biases(graph: Graph, biases: Mapping[int, Floats]) -> Graph:
    """The graph with other biases (O,), by the output tensors of their layers."""
    changed = replace(graph, tensors=dict(graph.tensors), ops=list(graph.ops))
    for place, op in enumerate(graph.ops):
        if op.outputs[0] in biases:
            bias = add_constant(changed, f"{op.name}/bias", biases[op.outputs[0]])
            changed.ops[place] = replace(op, inputs=[*op.inputs[:2], bias])
    return changed


def _short(values: Floats) -> Floats:
    """Values to the seven digits or so of float32, for a recipe to hold."""
    return np.array([float(str(value)) for value in values.astype(np.float32)])


def _mean_sums(graph: Graph, op: Op, weights: Floats, x: Float32) -> Floats:
    """The means (O,) of a layer's sums without its bias. They are linear in x, and so those of the mean map."""
    shapes = (graph.tensors[tensor].shape for tensor in op.inputs[1:3])
    constants = (weights.reshape(next(shapes)).astype(np.float32), np.zeros(next(shapes), np.float32))
    mean = x.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)
    plain = Op(op.kind, op.name, op.inputs, op.outputs, {**op.attrs, "activation": "NONE"})
    sums = run_op(graph, plain, dict(zip(op.inputs, (mean, *constants), strict=True)))
    return np.asarray(sums.reshape(-1, len(constants[1].ravel())).mean(axis=0, dtype=np.float64))
