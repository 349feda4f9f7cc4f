"""Nearest-neighbour up-sampling written as moves of data (Keras 3: RESHAPE, TILE, RESHAPE, TILE, RESHAPE) -> RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import math

import numpy as np

from dqa.graph.model import Graph, Op
from dqa.operators.network import MAP_AXES
from dqa.support.arrays import Int64

_MOVES = {"RESHAPE", "TILE", "CONCATENATION", "EXPAND_DIMS", "SQUEEZE", "RESIZE_NEAREST_NEIGHBOR"}
_MAX_ELEMENTS = 1 << 22


def upsample(graph: Graph) -> bool:
    for first in graph.ops:
        chain = _chain(graph, first)
        # The longest stretch first: the whole up-sampling, not the half of it in one direction.
        for end in range(len(chain), 1, -1):
            if _replace(graph, chain[:end]):
                return True
    return False


def _chain(graph: Graph, op: Op) -> list[Op]:
    """Moves that follow each other, each the only reader of the one before; at least two of them."""
    chain: list[Op] = []
    following: Op | None = op
    while following is not None and _is_move(following):
        chain.append(following)
        following = sole_consumer_or_same(graph, following.outputs[0])
    return chain


def _is_move(op: Op) -> bool:
    return op.kind in _MOVES and len(set(op.inputs)) == 1 and op.attrs.get("activation", "NONE") == "NONE"


def sole_consumer_or_same(graph: Graph, tensor: int) -> Op | None:
    """The one operator that reads a tensor, however often it does."""
    consumers = graph.consumers(tensor)
    return consumers[0] if len(consumers) == 1 and tensor not in graph.outputs else None


def _replace(graph: Graph, chain: list[Op]) -> bool:
    source, target = graph.tensors[chain[0].inputs[0]], graph.tensors[chain[-1].outputs[0]]
    if source.is_constant or len(source.shape) != len(target.shape) or math.prod(target.shape) > _MAX_ELEMENTS:
        return False
    if len(source.shape) not in (3, 4) or not (source.is_map and target.is_map):
        return False
    height, width, channels = source.hwc
    moved = np.arange(height * width * channels, dtype=np.int64).reshape(source.shape)
    for op in chain:
        moved = _move(graph, op, moved)
    moved = moved.reshape(1, *target.hwc)
    rows, columns = moved[0, :, 0, 0] // (width * channels), moved[0, 0, :, 0] // channels % width
    expected = (rows[:, None, None] * width + columns[None, :, None]) * channels + np.arange(channels)
    if moved.shape[3] != channels or not np.array_equal(moved[0], expected) or (np.diff(rows) < 0).any() or (np.diff(columns) < 0).any():
        return False
    place = graph.ops.index(chain[-1])
    attributes = {"rows": rows, "columns": columns}
    graph.ops[place] = Op("RESIZE_NEAREST_NEIGHBOR", chain[0].name, [source.index], [target.index], attributes)
    inner = {id(op) for op in chain}
    graph.ops = [op for op in graph.ops if id(op) not in inner]
    return True


def _move(graph: Graph, op: Op, x: Int64) -> Int64:
    match op.kind:
        case "TILE":
            return np.tile(x, op.attrs["repeats"])
        case "CONCATENATION":
            return np.concatenate([x] * len(op.inputs), axis=MAP_AXES[x.ndim].index(op.attrs["axis"]))
        case "RESIZE_NEAREST_NEIGHBOR":
            return x[:, op.attrs["rows"]][:, :, op.attrs["columns"]]
    return x.reshape(graph.tensors[op.outputs[0]].shape)
