"""What lies between a tensor and one that follows from it alone."""

from __future__ import annotations

from collections.abc import Callable

from dqa.graph.model import Graph, Op


def sources(graph: Graph, is_step: Callable[[Graph, Op], bool]) -> dict[int, list[int]]:
    """Of each tensor those that it follows from alone, by operators that are steps: itself, then farther and farther ones."""
    found = {index: [index] for index in graph.tensors}
    for op in graph.ops:
        if not is_step(graph, op):
            continue
        first, *others = (found[index] for index in op.inputs if not graph.tensors[index].is_constant)
        found[op.outputs[0]] = [op.outputs[0], *(index for index in first if all(index in other for other in others))]
    return found


def between(graph: Graph, source: int, target: int) -> list[Op]:
    """The operators from one tensor to another, in order."""
    needed, region = {target}, list[Op]()
    for op in reversed(graph.ops):
        if op.outputs[0] in needed and op.outputs[0] != source:
            region.insert(0, op)
            needed.update(index for index in op.inputs if index != source)
    return region


def is_whole(graph: Graph, region: list[Op]) -> bool:
    """Whether nobody else reads what is made on the way to the last of the operators."""
    inside = {id(op) for op in region}
    inner = [op.outputs[0] for op in region[:-1]]
    return not any(index in graph.outputs or any(id(op) not in inside for op in graph.consumers(index)) for index in inner)


def replace(graph: Graph, region: list[Op], made: Op) -> None:
    """Puts one operator in the place of several."""
    inner = {id(op) for op in region[:-1]}
    graph.ops = [made if op is region[-1] else op for op in graph.ops if id(op) not in inner]
