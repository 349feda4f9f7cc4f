"""What every activation of a Graph can be, whatever comes in: interval arithmetic, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.graph.model import Graph, Op
from dqa.operators.bounds import Bounds
from dqa.operators.network import Tensor
from dqa.operators.registry import float_operator


def intervals(graph: Graph, given: Mapping[int, tuple[float, float]]) -> dict[int, Bounds]:
    """The bounds of each activation, by tensor number. given: lowest and highest value of each input."""
    found: dict[int, Bounds] = {}
    for tensor, (low, high) in given.items():
        ones = np.ones(graph.tensors[tensor].shape[-1])
        found[tensor] = Bounds.between(low * ones, high * ones)
    for op in graph.ops:
        before = before_activation(graph, op, found)
        found[op.outputs[0]] = before.activated(op.attrs.get("activation", "NONE"))
    return found


def before_activation(graph: Graph, op: Op, found: Mapping[int, Bounds]) -> Bounds:
    """The bounds of what an operator gives before its fused activation."""
    return float_operator(op.kind).bounds(op, [found[t] for t in op.inputs if t in found], ends(graph, op))


def ends(graph: Graph, op: Op) -> list[Tensor]:
    """The tensors of an operator: its inputs, then its output."""
    return [graph.tensors[t] for t in (*op.inputs, *op.outputs)]
