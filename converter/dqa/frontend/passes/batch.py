"""Tensors that left out the batch get it again.

The batch is 1, and the converter takes it off where what follows works without: a RESHAPE before the addition of a vector, dense layers
of every step. Where only numbers, or the last axis, matter, a dimension in front changes nothing: operands are aligned at their last axes.
"""

from __future__ import annotations

from dqa.frontend.passes.reshapes import RESHAPES
from dqa.graph.model import Graph, Op
from dqa.operators.steps import KINDS

_LAST_AXIS = KINDS | {"FULLY_CONNECTED", "SOFTMAX"}
_MAX_RANK = 3


def with_batch(graph: Graph) -> bool:
    """Does that to all tensors behind a reshape at once; False where there is none that may."""
    for op in graph.ops:
        if op.kind in RESHAPES and _lacks_batch(graph, op.outputs[0]) and (found := _behind(graph, op)) is not None:
            for index in found:
                graph.tensors[index].shape = (1, *graph.tensors[index].shape)
            return True
    return False


def _lacks_batch(graph: Graph, index: int) -> bool:
    tensor = graph.tensors[index]
    return not tensor.is_constant and not tensor.is_map and len(tensor.shape) <= _MAX_RANK


def _behind(graph: Graph, reshape: Op) -> list[int] | None:
    """The tensors without batch that follow from a reshape's, up to other reshapes; None where one is an end or its axes have places."""
    found, left = [reshape.outputs[0]], [reshape.outputs[0]]
    while left:
        index = left.pop()
        if index in (*graph.inputs, *graph.outputs):
            return None
        for op in graph.ops:
            if index not in (*op.inputs, *op.outputs) or op.kind in RESHAPES:
                continue
            if op.kind not in _LAST_AXIS:
                return None
            new = {i for i in (*op.inputs, *op.outputs) if _lacks_batch(graph, i) and i not in found}
            found += new
            left += new
    return found
