"""A mask in front of a softmax that hides later steps makes it a CAUSAL_SOFTMAX: no number of 8 bits is far enough below the others."""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import remove, sole_consumer
from dqa.graph.model import Graph, Op
from dqa.operators.causal_softmax import visible
from dqa.support.arrays import Array, Bool

_HIDDEN = -1e3
"""What is added to a score, or stands for it, where it is hidden, or less."""


def causal_softmax(graph: Graph) -> bool:
    for op in list(graph.ops):
        if op.kind not in ("SELECT", "SELECT_V2", "ADD") or (found := _mask(graph, op)) is None:
            continue
        softmax, (scores, shown) = sole_consumer(graph, op.outputs[0]), found
        shape = graph.tensors[op.outputs[0]].shape
        if softmax is None or softmax.kind != "SOFTMAX" or graph.tensors[scores].shape != shape or len(shape) not in (3, 4):
            continue
        if (steps := _steps(shown, shape)) is None:
            continue
        softmax.kind, softmax.inputs = "CAUSAL_SOFTMAX", [scores]
        softmax.attrs |= {"seen": steps, "rows": int(len(shape) == 3)}
        remove(graph, op)
        return True
    return False


def _mask(graph: Graph, op: Op) -> tuple[int, Bool] | None:
    """The scores, and which of them are shown."""
    data = [graph.tensors[index].data for index in op.inputs]
    if op.kind == "ADD":
        moving, constants = [i for i, one in zip(op.inputs, data, strict=True) if one is None], [one for one in data if one is not None]
        if len(moving) != 1 or op.attrs["activation"] != "NONE" or not _are_hidden(constants[0][constants[0] != 0]):
            return None
        return moving[0], np.asarray(constants[0] == 0)
    if len(data) != 3 or data[0] is None or data[0].dtype != np.bool_ or data[1] is not None or data[2] is None or not _are_hidden(data[2]):
        return None
    return op.inputs[1], data[0]


def _are_hidden(values: Array) -> bool:
    return values.size > 0 and bool((values <= _HIDDEN).all())


def _steps(shown: Bool, shape: tuple[int, ...]) -> int | None:
    """How many of the last axis the first of the axis before it sees, each that follows one more; None where it is not so."""
    if shown.ndim > len(shape) or any(size not in (1, whole) for size, whole in zip(shown.shape[::-1], shape[::-1], strict=False)):
        return None
    whole = np.broadcast_to(shown, shape).reshape(-1, *shape[-2:])
    seen = int(whole[0, 0].sum())
    alike = seen > 0 and bool((whole == visible(1, shape[-2], shape[-1], seen, 0)).all())
    return seen if alike else None
