"""What a network answers: the tensors by which its outputs are compared."""

from __future__ import annotations

from dqa.graph.model import Graph

_SQUASHING = {"SOFTMAX", "LOGISTIC"}


def answers(graph: Graph) -> tuple[int, ...]:
    """The outputs, and what goes into the softmax or logistic function where one gives an output: there a small change stays visible."""
    return tuple(dict.fromkeys(_before_squashing(graph, tensor) for tensor in graph.outputs))


def _before_squashing(graph: Graph, tensor: int) -> int:
    op = graph.producer(tensor)
    return op.inputs[0] if op is not None and op.kind in _SQUASHING else tensor
