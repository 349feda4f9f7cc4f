"""Functions of one number that a model writes as several operators (SELU, softplus, mish, ...) become one, run by one table.

What lies between a tensor and one that follows from it alone, element by element, is such a function. Only those are put together in which
something has no operator of its own: what can be folded into convolutions or clamped by them is.
"""

from __future__ import annotations

from dqa.frontend.passes.activations import swish_of
from dqa.frontend.passes.regions import between, is_whole, replace, sources
from dqa.graph.model import Graph, Op
from dqa.operators.functions import UNARY
from dqa.operators.steps import CONSTANT, KINDS, TRUTHS, Step


def compose(graph: Graph) -> bool:
    """All of them at once, before other passes change what they are made of."""
    changed = False
    while _compose_one(graph):
        changed = True
    return changed


def _compose_one(graph: Graph) -> bool:
    found = sources(graph, _is_step)
    for op in reversed(graph.ops):
        for source in reversed(found[op.outputs[0]][1:]):  # the farthest first
            region = between(graph, source, op.outputs[0])
            if op.kind not in TRUTHS and is_whole(graph, region) and any(_is_foreign(graph, one) for one in region):
                replace(graph, region, Op("COMPOSED", op.name, [source], op.outputs, {"steps": _steps(graph, source, region)}))
                return True
    return False


def _is_step(graph: Graph, op: Op) -> bool:
    """Whether it works element by element on tensors of one shape and on single numbers."""
    if op.kind not in KINDS or len(op.outputs) != 1:
        return False
    shape = graph.tensors[op.outputs[0]].shape
    tensors = [graph.tensors[index] for index in op.inputs]
    moving = [tensor for tensor in tensors if tensor.data is None]
    if op.kind == "CAST" and ((producer := graph.producer(op.inputs[0])) is None or producer.kind not in TRUTHS):
        return False
    single = all(tensor.data.size > 0 and (tensor.data == tensor.data.flat[0]).all() for tensor in tensors if tensor.data is not None)
    return bool(moving) and single and all(tensor.shape == shape for tensor in moving)


def _is_foreign(graph: Graph, op: Op) -> bool:
    """Whether there is neither a table of its own for it, nor a way to fold it into others."""
    if op.kind in UNARY or op.kind == "ADD" or swish_of(graph, op) is not None:
        return False
    with_number = any(graph.tensors[index].is_constant for index in op.inputs)
    return not (with_number and (op.kind in ("SUB", "MUL") or (op.kind == "DIV" and graph.tensors[op.inputs[1]].is_constant)))


def _steps(graph: Graph, source: int, region: list[Op]) -> tuple[Step, ...]:
    steps, numbers = list[Step](), {source: 0}
    for op in region:
        for index in op.inputs:
            if index not in numbers and (data := graph.tensors[index].data) is not None:
                steps.append(Step(CONSTANT, attrs={"value": float(data.flat[0])}))
                numbers[index] = len(steps)
        steps.append(Step(op.kind, tuple(numbers[index] for index in op.inputs), op.attrs))
        numbers[op.outputs[0]] = len(steps)
    return tuple(steps)
