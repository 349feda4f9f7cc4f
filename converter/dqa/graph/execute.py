"""Runs a Graph in float32 with numpy: the reference for passes and tests, not fast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.graph.model import Graph, Op
from dqa.operators.registry import float_operator
from dqa.support.arrays import Float32


def run(graph: Graph, x: Float32) -> dict[int, Float32]:
    """Every activation of the graph by tensor number, for x as dqa.data.entries.Entries has samples; arrays have N first.

    Raises ValueError for an operator that is not known here, or an x of another shape.
    """
    shape = graph.entries.shape
    if x.shape[1:] != shape[1:]:
        raise ValueError(f"x has shape {x.shape}, expected (N, {', '.join(map(str, shape[1:]))})")
    values: dict[int, Float32] = {index: part.astype(np.float32) for index, part in graph.given(x).items()}
    for op in graph.ops:
        values[op.outputs[0]] = run_op(graph, op, values)
    return values


def run_op(graph: Graph, op: Op, values: Mapping[int, Float32]) -> Float32:
    """The output of one operator, (N, *shape). values: its inputs by tensor number, N first; they take the place of the graph's constants.

    Raises ValueError for an operator that is not known here.
    """
    result = float_operator(op.kind).run(op, [_value(graph, values, index) for index in op.inputs])
    samples = next(len(values[index]) for index in op.inputs if not graph.tensors[index].is_constant)
    return np.ascontiguousarray(result, np.float32).reshape(samples, *graph.tensors[op.outputs[0]].shape[1:])


def _value(graph: Graph, values: Mapping[int, Float32], index: int) -> Float32:
    data = graph.tensors[index].data
    return values[index] if data is None or index in values else data
