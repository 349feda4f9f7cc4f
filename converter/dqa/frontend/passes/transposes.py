"""TRANSPOSE that moves nothing, that another one undoes, or that weights can take in."""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import add_constant, constant, sole_consumer
from dqa.graph.model import Graph, Op

STAYS = (0, 1, 2, 3)


def fold_transpose(graph: Graph) -> bool:
    for op in graph.ops:
        if op.kind != "TRANSPOSE" or not all(graph.tensors[index].is_map for index in (op.inputs[0], op.outputs[0])):
            continue
        if _moves_nothing(graph, op):
            op.kind, op.attrs = "RESHAPE", {}
            return True
        if _joins_the_next(graph, op) or _into_dense(graph, op):
            return True
    return False


def _moves_nothing(graph: Graph, op: Op) -> bool:
    """Only dimensions of size 1 change their places."""
    sizes = (1, *graph.tensors[op.inputs[0]].hwc)
    moved = [axis for axis in op.attrs["perm"] if sizes[axis] > 1]
    return moved == sorted(moved)


def _joins_the_next(graph: Graph, op: Op) -> bool:
    following = sole_consumer(graph, op.outputs[0])
    if following is None or following.kind != "TRANSPOSE":
        return False
    following.inputs = list(op.inputs)
    following.attrs = {"perm": tuple(op.attrs["perm"][axis] for axis in following.attrs["perm"])}
    return True


def _into_dense(graph: Graph, op: Op) -> bool:
    """Dense layers that read the whole map read it as it was: their weights change places."""
    readers = graph.consumers(op.outputs[0])
    if op.outputs[0] in graph.outputs or not readers or any(reader.kind != "FULLY_CONNECTED" for reader in readers):
        return False
    sizes = graph.tensors[op.inputs[0]].hwc
    count = int(np.prod(sizes))
    if any(graph.tensors[reader.inputs[1]].shape[-1] != count or graph.tensors[reader.outputs[0]].hwc[:2] != (1, 1) for reader in readers):
        return False
    source = np.arange(count).reshape(1, *sizes).transpose(op.attrs["perm"]).reshape(-1)
    for reader in readers:
        weights = constant(graph, reader.inputs[1])
        moved = np.empty_like(weights)
        moved[:, source] = weights
        reader.inputs = [op.inputs[0], add_constant(graph, graph.tensors[reader.inputs[1]].name, moved), *reader.inputs[2:]]
    return True
