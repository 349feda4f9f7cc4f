"""Small steps in which passes change a Graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.graph.model import Graph, Op, Tensor
from dqa.support.arrays import Array, Float32

UNIT_WINDOW = {
    **{"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "depth_multiplier": 1},
    **{"pad_top": 0, "pad_bottom": 0, "pad_left": 0, "pad_right": 0},
}
"""Attributes of a DEPTHWISE_CONV_2D of 1 x 1 that works on each channel alone."""


def add_constant(graph: Graph, name: str, data: Array) -> int:
    """A new constant tensor, numbered past all others."""
    index = max(graph.tensors, default=-1) + 1
    graph.tensors[index] = Tensor(index, name, tuple(data.shape), data)
    return index


def add_activation(graph: Graph, name: str, shape: Sequence[int]) -> int:
    """A new tensor that an operator is to write, numbered past all others."""
    index = max(graph.tensors, default=-1) + 1
    graph.tensors[index] = Tensor(index, name, tuple(shape), made=True)
    return index


def constant(graph: Graph, index: int) -> Float32:
    """The float data of a constant tensor. Raises ValueError if it is not one."""
    data = graph.tensors[index].data
    if data is None or data.dtype != np.float32:
        raise ValueError(f"tensor '{graph.tensors[index].name}' is not a float constant")
    return data


def sole_consumer(graph: Graph, tensor: int) -> Op | None:
    """The one operator that reads a tensor, once; None if there are more, none, or the tensor is an output of the graph."""
    consumers = graph.consumers(tensor)
    if len(consumers) != 1 or tensor in graph.outputs or consumers[0].inputs.count(tensor) != 1:
        return None
    return consumers[0]


def replace_uses(graph: Graph, old: int, new: int) -> None:
    """Every operator that read `old` reads `new`."""
    for op in graph.ops:
        op.inputs = [new if index == old else index for index in op.inputs]


def remove(graph: Graph, op: Op) -> None:
    """Takes an operator (this very object) out of the list."""
    graph.ops = [other for other in graph.ops if other is not op]


def prune(graph: Graph) -> None:
    """Drops operators whose results nobody reads, then tensors that nothing refers to."""
    needed = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if needed.intersection(op.outputs):
            kept.append(op)
            needed.update(op.inputs)
    graph.ops = kept[::-1]
    for op in graph.ops:
        needed.update(op.outputs)
    graph.tensors = {index: tensor for index, tensor in graph.tensors.items() if index in needed or index in graph.inputs}
