"""Splits a graph into DQA groups and the operators between them, which stay TFLite builtins."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.errors import ModelError
from dqa.frontend import FloatModel
from dqa.frontend.dead_channels import DeadChannels, without_dead_channels
from dqa.graph import Graph, Op
from dqa.lowering.supported import why_not
from dqa.support.limits import MAX_ENDS

"""Inputs, and outputs, of a program (docs/format.md)."""


def builtins(graph: Graph) -> list[tuple[Op, str]]:
    """The operators DQA does not run, in order, each with the reason."""
    return [(op, reason) for op in graph.ops if (reason := why_not(graph, op))]


def slim(model: FloatModel) -> tuple[FloatModel, DeadChannels | None]:
    """The model without channels that cannot matter, and what went; as it is where builtins run a part of it."""
    return without_dead_channels(model) if not builtins(model.graph) else (model, None)


def groups(graph: Graph) -> list[Graph]:
    """The connected parts that DQA runs, each as a graph of its own (tensors are shared), in an order in which they can run.

    Every step from DQA to a builtin or back raises the level; operators of one level belong together if one reads another's result. So no
    group waits for a builtin that waits for the group. A graph without builtins is one group: itself.
    Raises ModelError if a group has more ends than a program may have.
    """
    if not builtins(graph):
        return [graph]
    found = [_subgraph(graph, ops) for ops in _levels(graph)]
    check_ends(found)
    return found


def check_ends(found: Sequence[Graph]) -> None:
    """Raises ModelError for a group of more ends than a program may have."""
    for group in found:
        if max(len(group.inputs), len(group.outputs)) > MAX_ENDS:
            raise ModelError(
                f"the operators around layer '{group.ops[0].name}' have {len(group.inputs)} inputs and {len(group.outputs)} outputs, "
                f"a DQA group has at most {MAX_ENDS}",
                hint="give the model fewer outputs, or replace the builtin operators between which they lie",
            )


def joined(graph: Graph, parts: Sequence[Graph]) -> Graph:
    """All groups as one graph, so that one decision serves a tensor wherever it is read; what crosses a border is input or output."""
    ops = [op for part in parts for op in part.ops]
    written = {tensor for op in ops for tensor in op.outputs}
    inputs = dict.fromkeys(tensor for part in parts for tensor in part.inputs if tensor not in written)
    outputs = dict.fromkeys(tensor for part in parts for tensor in part.outputs)
    return Graph(graph.tensors, ops, list(inputs), list(outputs))


def _levels(graph: Graph) -> list[list[Op]]:
    """The operators of each group: by level, then by the first operator."""
    writers: dict[int, int] = {}  # tensor -> position of the operator that writes it
    levels: list[int] = []
    firsts = list(range(len(graph.ops)))  # the first operator of each operator's group
    builtin = [bool(why_not(graph, op)) for op in graph.ops]
    for place, op in enumerate(graph.ops):
        before = [writers[tensor] for tensor in op.inputs if tensor in writers]
        levels.append(max((levels[p] + (builtin[p] != builtin[place]) for p in before), default=0))
        writers.update(dict.fromkeys(op.outputs, place))
        for p in before:
            if levels[p] == levels[place] and builtin[p] == builtin[place]:
                pair = firsts[p], firsts[place]
                firsts = [min(pair) if first in pair else first for first in firsts]
    found: dict[tuple[int, int], list[Op]] = {}
    for place, op in enumerate(graph.ops):
        if not builtin[place]:
            found.setdefault((levels[place], firsts[place]), []).append(op)
    return [found[key] for key in sorted(found)]


def _subgraph(graph: Graph, ops: list[Op]) -> Graph:
    inside = {id(op) for op in ops}
    written = {tensor for op in ops for tensor in op.outputs}
    outside = {tensor for op in graph.ops if id(op) not in inside for tensor in op.inputs} | set(graph.outputs)
    read = dict.fromkeys(t for op in ops for t in op.inputs if not graph.tensors[t].is_constant and t not in written)
    return Graph(graph.tensors, ops, list(read), [t for op in ops for t in op.outputs if t in outside])
