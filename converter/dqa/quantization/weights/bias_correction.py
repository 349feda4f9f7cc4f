"""Bias correction: what storing activations shifts the sums of a layer by, on average, its bias takes back. It costs nothing at run time.

Each layer sees the inputs that the corrected layers before it give (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
and Bias Correction", with means from calibration instead of batch normalization). No labels are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dqa.graph import Graph, Op
from dqa.graph.answers import answers
from dqa.graph.edit import add_constant
from dqa.quantization.coded.read_back import storing
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.layer_by_layer import Replaced, mean_sums, parameters, replace_layers
from dqa.support.arrays import Float32, Float64

SAMPLE_VALUES = 24_000_000
"""Of all activations of all samples together: what the correction takes in time."""
MOST_SAMPLES = 128


def samples(graph: Graph) -> int:
    """How many samples the means are taken over."""
    values = sum(int(np.prod(tensor.shape)) for tensor in graph.activations())
    return int(np.clip(SAMPLE_VALUES // max(values, 1), 8, MOST_SAMPLES))


def corrected_biases(
    graph: Graph, formats: Mapping[int, TensorFormat], given: Mapping[int, Float32], replaced: Mapping[int, Replaced] | None = None
) -> dict[int, Float64]:
    """The bias (O,) of each convolution and dense layer, by output tensor, in real units. None where the answers were nearer before:
    what a shift undoes in a layer's sums, its activation function and storage may make worse.

    given: samples of all inputs of the graph, float32 (N, *shape), by tensor number.
    replaced: weights and biases with which layers will compute, by output tensor; the others have those of the graph.
    """
    own, store, judged = replaced or {}, storing(graph, formats), answers(graph)
    before = replace_layers(graph, given, lambda op, _kept, _real: own.get(op.outputs[0]), store, judged)
    found: dict[int, Float64] = {}
    after = replace_layers(graph, given, Centered(graph, own, found), store, judged)
    return found if _change(after) < _change(before) else {}


@dataclass(frozen=True, eq=False)
class Centered:
    """A layer for `walk`: its sums have the means of the float network; `found` gets its bias."""

    graph: Graph
    replaced: Mapping[int, Replaced]
    found: dict[int, Float64]

    def __call__(self, op: Op, kept: Float32, real: Float32) -> Replaced:
        weights, bias = parameters(self.graph, op)
        own = self.replaced.get(op.outputs[0])
        if own is None:
            shifts = mean_sums(self.graph, op, weights, kept - real)
        else:
            shifts = mean_sums(self.graph, op, own.weights, kept) - mean_sums(self.graph, op, weights, real)
        self.found[op.outputs[0]] = _short(bias - _certain(shifts))
        return Replaced(weights if own is None else own.weights, self.found[op.outputs[0]])


def _change(values: Mapping[int, tuple[Float32, Float32]]) -> float:
    """The squared change of the answers relative to their variance."""
    changes = (np.mean((kept - real) ** 2, dtype=np.float64) / max(float(real.var()), 1e-30) for kept, real in values.values())
    return float(sum(changes))


def with_biases(graph: Graph, biases: Mapping[int, Float64]) -> Graph:
    """The graph with other biases (O,), by the output tensors of their layers."""
    changed = replace(graph, tensors=dict(graph.tensors), ops=list(graph.ops))
    for place, op in enumerate(graph.ops):
        if op.outputs[0] in biases:
            bias = add_constant(changed, f"{op.name}/bias", biases[op.outputs[0]])
            changed.ops[place] = replace(op, inputs=[*op.inputs[:2], bias])
    return changed


def _short(values: Float64) -> Float64:
    """Values to the seven digits or so of float32, for a recipe to hold."""
    return np.array([float(str(value)) for value in values.astype(np.float32)])


def _certain(shifts: Float64) -> Float64:
    """The mean (O,) of shifts (N, O), less what may be chance: shrunk by the share of its square that is its own error (James, Stein)."""
    mean = shifts.mean(axis=0)
    error = shifts.var(axis=0) / max(len(shifts) - 1, 1)
    return np.asarray(mean * np.maximum(1 - error / np.maximum(mean**2, 1e-30), 0))
