"""Outputs that are the place of the largest score: the network ends with the scores, and says of which outputs they are.

Integers of 8 bits keep the order of scores, not their differences: the place is told where the answer is read, from the program's output.
"""

from __future__ import annotations

from dqa.graph.model import Graph, Op

_CARRIES = frozenset({"CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""What may stand between the place and the output."""
_KEEP_ORDER = frozenset({"SOFTMAX", "LOGISTIC"})
"""The largest of a pixel's channels is where it was before."""


def scores_of(graph: Graph, output: int) -> int | None:
    """The scores whose largest an output names; None of another output. Raises ValueError for an axis that is not the last."""
    op = graph.producer(output)
    while op is not None and op.kind in _CARRIES:
        op = graph.producer(op.inputs[0])
    if op is None or op.kind != "ARG_MAX" or len(op.inputs) != 2:
        return None
    scores, axis = op.inputs[0], graph.tensors[op.inputs[1]].data
    rank = len(graph.tensors[scores].shape)
    if axis is None or axis.size != 1 or int(axis.ravel()[0]) not in (-1, rank - 1):
        raise ValueError("not over the last axis, the scores of a sample, a step or a pixel")
    while (before := graph.producer(scores)) is not None and (before.kind in _KEEP_ORDER or _keeps_scores(graph, before)):
        scores = before.inputs[0]
    return scores


def _keeps_scores(graph: Graph, op: Op) -> bool:
    """A reshape that adds or leaves out dimensions of size 1, the last one not."""
    before, after = (graph.tensors[index].shape for index in (op.inputs[0], op.outputs[0]))
    return op.kind in _CARRIES - {"CAST"} and before[-1:] == after[-1:] and _others(before) == _others(after)


def _others(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape[:-1] if size != 1]


def argmax_notes(graph: Graph) -> list[str]:
    """What a user should know of such outputs."""
    names = [graph.tensors[graph.outputs[place]].name for place in graph.argmax]
    return [f"output '{name}' is an argmax: its scores are computed and measured, the index of the largest is the answer" for name in names]
