"""Gradients of a loss with respect to activations, by reverse accumulation through a Graph in numpy: exact, and without TensorFlow.

Only activations are followed: weights stay as they are. Where a function has a kink (ReLU at 0) the derivative is 0 on the flat side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dqa.graph.model import Graph
from dqa.operators.functions import CLAMPS
from dqa.operators.registry import float_operator
from dqa.support.arrays import Float32

Values = Mapping[int, Float32]


def gradients(graph: Graph, values: Values, seeds: Mapping[int, Float32], wanted: Sequence[int]) -> dict[int, Float32]:
    """dL/dx for the tensors `wanted`, arrays (N, ...) like their values.

    values: all activations, as dqa.graph.execute.run gives them. seeds: dL/dx of the tensors the loss reads itself.
    Raises ValueError for an operator that has no derivative here.
    """
    found: dict[int, Float32] = {index: np.asarray(seed, np.float32) for index, seed in seeds.items()}
    for op in reversed(graph.ops):
        gradient = found.get(op.outputs[0])
        if gradient is None:
            continue
        gradient = through_activation(op.attrs.get("activation", "NONE"), gradient, values[op.outputs[0]])
        inputs = [_input(graph, values, index) for index in op.inputs]
        parts = float_operator(op.kind).gradient(op, inputs, values[op.outputs[0]], gradient)
        for index, part in zip(op.inputs, parts, strict=False):
            if part is not None and not graph.tensors[index].is_constant:
                part = part.reshape(values[index].shape).astype(np.float32)
                found[index] = found[index] + part if index in found else part
    return {index: found.get(index, np.zeros_like(values[index])) for index in wanted}


def _input(graph: Graph, values: Values, index: int) -> Float32:
    data = graph.tensors[index].data
    return values[index] if data is None else np.asarray(data, np.float32)


def through_activation(activation: str, gradient: Float32, out: Float32) -> Float32:
    if activation == "TANH":
        return gradient * (1 - out * out)
    low, high = CLAMPS[activation]
    return gradient * ((out > low) & (out < high))
