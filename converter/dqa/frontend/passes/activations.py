"""Activations of their own: RELU and its kin go into the operator before them, LOGISTIC times its input is SWISH."""

from __future__ import annotations

from dqa.graph.edit import remove, sole_consumer
from dqa.graph.model import Graph, Op
from dqa.operators.registry import float_operator

_CLAMPING = {"RELU", "RELU6", "RELU_N1_TO_1"}


def fuse_activation(graph: Graph) -> bool:
    for op in graph.ops:
        if op.kind not in _CLAMPING or sole_consumer(graph, op.inputs[0]) is not op:
            continue
        producer = graph.producer(op.inputs[0])
        if producer is None or not float_operator(producer.kind).fuses or producer.attrs["activation"] != "NONE":
            continue
        producer.attrs["activation"] = op.kind
        producer.outputs = op.outputs
        remove(graph, op)
        return True
    return False


def swish_of(graph: Graph, op: Op) -> int | None:
    """x, if an operator is x * LOGISTIC(x)."""
    if op.kind != "MUL" or op.attrs["activation"] != "NONE" or len(op.inputs) != 2:
        return None
    for x, gate in (op.inputs, op.inputs[::-1]):
        logistic = graph.producer(gate)
        if logistic is not None and logistic.kind == "LOGISTIC" and logistic.inputs == [x]:
            return x
    return None


def fuse_swish(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if (x := swish_of(graph, op)) is not None:
            graph.ops[place] = Op("SWISH", op.name, [x], op.outputs)
            return True
    return False
