"""Layers that a network uses several times (siamese), found by their equal constants, and the activations that correspond by them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass

import numpy as np

from dqa.graph.model import Graph, Op

FEWEST = 32
"""Numbers that a layer holds, unlike ones, to be taken for one: constants of ones and zeros occur by chance."""


def shared_layers(graph: Graph) -> list[tuple[Op, ...]]:
    """The uses of each layer that is used more than once, in order: operators of one kind with equal attributes and constants."""
    found: dict[Hashable, list[Op]] = {}
    for op in graph.ops:
        held = [data for t in op.inputs if (data := graph.tensors[t].data) is not None]
        if sum(data.size for data in held) >= FEWEST and any(np.ptp(data) > 0 for data in held):
            found.setdefault(_function(graph, op), []).append(op)
    return [tuple(uses) for uses in found.values() if len(uses) > 1]


def twins(graph: Graph) -> list[tuple[int, ...]]:
    """Activations that shared layers read or make, and what the same functions make of these; each tensor at most once."""
    classes: dict[int, int] = {}

    def unite(tensors: Sequence[int]) -> None:
        known = {classes.get(t, t) for t in tensors}
        for tensor in {*tensors, *(t for t, c in classes.items() if c in known)}:
            classes[tensor] = min(known)

    layers = shared_layers(graph)
    for uses in layers:
        for place in zip(*(_data(graph, op) for op in uses), strict=True):
            unite([t for t in place if _like(graph, t, place[0])])
    after = {op.outputs[0]: uses for uses in layers for op in uses}
    made: dict[Hashable, list[int]] = {}
    for op in graph.ops:
        given = _data(graph, op)
        if op.outputs[0] in after:
            unite([one.outputs[0] for one in after[op.outputs[0]] if _like(graph, one.outputs[0], op.outputs[0])])
        elif any(t in classes for t in given):
            same = made.setdefault((_function(graph, op), *(classes.get(t, t) for t in given)), [])
            same.append(op.outputs[0])
            if len(same) > 1:
                unite(same)
    members: dict[int, list[int]] = {}
    for tensor in graph.activations():
        if tensor.index in classes:
            members.setdefault(classes[tensor.index], []).append(tensor.index)
    return [tuple(one) for one in members.values() if len(one) > 1]


def _like(graph: Graph, tensor: int, other: int) -> bool:
    return graph.tensors[tensor].hwc[2] == graph.tensors[other].hwc[2]


def _data(graph: Graph, op: Op) -> list[int]:
    return [t for t in op.inputs if not graph.tensors[t].is_constant]


def _function(graph: Graph, op: Op) -> Hashable:
    """What an operator computes, whatever it reads."""
    constants = [_frozen(graph.tensors[t].data) for t in op.inputs]
    return op.kind, _frozen(op.attrs), tuple(constants)


def _frozen(value: object) -> Hashable:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _frozen(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    if is_dataclass(value):
        return tuple(_frozen(getattr(value, field.name)) for field in fields(value))
    return value if isinstance(value, Hashable) else repr(value)
