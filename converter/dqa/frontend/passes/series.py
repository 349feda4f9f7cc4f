"""Time runs along rows: series that Keras computes as maps of one row become maps of one column.

Keras writes a layer of one dimension as one of two with a row put in front: (1, T, C) -> (1, 1, T, C) -> CONV_2D of 1 x k -> (1, T, C). A
program computes row by row, so that time has to be its rows: then a ring of as many steps as the kernel reaches is all that is kept.
"""

from __future__ import annotations

import numpy as np

from dqa.frontend.passes.reshapes import RESHAPES
from dqa.graph.edit import add_constant, constant
from dqa.graph.model import Graph, Op
from dqa.operators.registry import float_operator


def time_as_rows(graph: Graph) -> bool:
    """Turns what lies behind one such reshape, as far as rows of one map reach; False where there is none that can be turned."""
    for op in graph.ops:
        if op.kind in RESHAPES and _makes_a_row(graph, op):
            found = _connected(graph, op.outputs[0])
            if found is not None:
                _turn(graph, *found)
                return True
    return False


def _makes_a_row(graph: Graph, op: Op) -> bool:
    after = graph.tensors[op.outputs[0]].shape
    return op.outputs[0] not in graph.outputs and len(after) == 4 and after[1] == 1 < after[2]


def _connected(graph: Graph, start: int) -> tuple[list[int], list[Op]] | None:
    """The maps of one row that operators connect with `start`, and these operators; None where one cannot be turned."""
    maps, ops, left = [start], list[Op](), [start]
    ends = {*graph.inputs, *graph.outputs}
    while left:
        tensor = left.pop()
        for op in graph.ops:
            if tensor not in (*op.inputs, *op.outputs) or op.kind in RESHAPES or any(op is other for other in ops):
                continue
            room = float_operator(op.kind)
            if not room.turns or not (room.lowers or room.computes):
                return None
            ops.append(op)
            for index in (*op.inputs, *op.outputs):
                other = graph.tensors[index]
                if other.is_constant or index in maps or (other.is_map and other.hwc[:2] == (1, 1)):
                    continue
                if index in ends or len(other.shape) != 4 or not other.is_map or other.shape[1] != 1:
                    return None
                maps.append(index)
                left.append(index)
    return maps, ops


def _turn(graph: Graph, maps: list[int], ops: list[Op]) -> None:
    for index in maps:
        tensor = graph.tensors[index]
        tensor.shape = (tensor.shape[0], *tensor.shape[2:])
    for op in ops:
        room = float_operator(op.kind)
        op.attrs = room.turned(op.attrs)
        if room.weighted:
            weights = constant(graph, op.inputs[1])
            if weights.ndim == 4:
                op.inputs[1] = add_constant(graph, graph.tensors[op.inputs[1]].name, np.ascontiguousarray(weights.swapaxes(1, 2)))
        else:
            op.inputs = [_without_row(graph, index) for index in op.inputs]


def _without_row(graph: Graph, index: int) -> int:
    """An operand that is constant loses the row that the map beside it lost; others stay as they are."""
    data = graph.tensors[index].data
    if data is None or data.ndim != 4 or data.shape[1] != 1:
        return index
    return add_constant(graph, graph.tensors[index].name, data[:, 0])
