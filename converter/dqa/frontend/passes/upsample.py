"""Moves of data that follow each other and take whole rows, columns and channels to other places are one.

Nearest-neighbour up-sampling (Keras 3: RESHAPE, TILE, RESHAPE, TILE, RESHAPE) becomes RESIZE_NEAREST_NEIGHBOR, a
shuffle of channels (RESHAPE, TRANSPOSE, RESHAPE) and other orders GATHER.
"""

from __future__ import annotations

import math

import numpy as np

from dqa.graph.model import Graph, Op
from dqa.operators.network import MAP_AXES, as_map
from dqa.support.arrays import Int64

_PICKS = {"GATHER", "SLICE", "STRIDED_SLICE"}
_MOVES = {"RESHAPE", "TILE", "CONCATENATION", "EXPAND_DIMS", "SQUEEZE", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE", *_PICKS}
_MAX_ELEMENTS = 1 << 22


def upsample(graph: Graph) -> bool:
    for first in graph.ops:
        chain = _chain(graph, first)
        # The longest stretch first: the whole up-sampling, not the half of it in one direction.
        for end in range(len(chain), 0 if first.kind == "TILE" else 1, -1):
            if _replace(graph, chain[:end]):
                return True
    return False


def _chain(graph: Graph, op: Op) -> list[Op]:
    """Moves that follow each other, each the only reader of the one before."""
    chain: list[Op] = []
    following: Op | None = op
    while following is not None and _is_move(following):
        chain.append(following)
        following = sole_consumer_or_same(graph, following.outputs[0])
    return chain


def _is_move(op: Op) -> bool:
    if op.kind in _PICKS and "rows" not in op.attrs:
        return False
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
    rows, columns, order = moved[0, :, 0, 0] // (width * channels), moved[0, 0, :, 0] // channels % width, moved[0, 0, 0] % channels
    expected = (rows[:, None, None] * width + columns[None, :, None]) * channels + order
    if not np.array_equal(moved[0], expected) or (np.diff(rows) < 0).any():
        return False
    place, kind, attributes = graph.ops.index(chain[-1]), "RESIZE_NEAREST_NEIGHBOR", {"rows": rows, "columns": columns}
    if not np.array_equal(order, np.arange(channels)) or (np.diff(columns) < 0).any():
        kind, attributes = "GATHER", attributes | {"channels": order}
    elif np.array_equal(rows, np.arange(height)) and np.array_equal(columns, np.arange(width)):
        kind, attributes = "RESHAPE", {}
    graph.ops[place] = Op(kind, chain[0].name, [source.index], [target.index], attributes)
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
        case "TRANSPOSE":
            return (x if x.ndim > 4 else _as_map(x)).transpose(op.attrs["perm"]).reshape(graph.tensors[op.outputs[0]].shape)
        case "GATHER" | "SLICE" | "STRIDED_SLICE":
            taken = _as_map(x)[:, op.attrs["rows"]][:, :, op.attrs["columns"]][:, :, :, op.attrs["channels"]]
            return taken.reshape(graph.tensors[op.outputs[0]].shape)
    return x.reshape(graph.tensors[op.outputs[0]].shape)


def _as_map(x: Int64) -> Int64:
    return x.reshape(1, *as_map(x.shape[1:]))
