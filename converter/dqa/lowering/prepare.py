"""Graph rewrites that make the DQA operators fit: done once, before calibration decides anything."""

from __future__ import annotations

from dataclasses import replace

from dqa.graph import Graph, Op, Tensor


def prepare(graph: Graph) -> Graph:
    """A copy of the graph with flattening folded into FULLY_CONNECTED and reshapes that move nothing removed."""
    ops = [Op(op.kind, op.name, list(op.inputs), list(op.outputs), dict(op.attrs)) for op in graph.ops]
    tensors: dict[int, Tensor] = {i: replace(t) for i, t in graph.tensors.items()}
    result = Graph(tensors, ops, list(graph.inputs), list(graph.outputs))
    for op in list(result.ops):
        if op.kind == "FULLY_CONNECTED":
            _flatten_into(result, op)
        elif op.kind == "RESHAPE" and _is_identity(result, op):
            _bypass(result, op)
    return _without_unused(result)


def _flatten_into(graph: Graph, op: Op) -> None:
    """FULLY_CONNECTED reads its whole input map in NHWC order, so that a reshape before it changes nothing."""
    producer = graph.producer(op.inputs[0])
    if producer is not None and producer.kind == "RESHAPE" and op.inputs[0] not in graph.outputs:
        op.inputs[0] = producer.inputs[0]


def _is_identity(graph: Graph, op: Op) -> bool:
    source, target = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    return len(source.shape) <= 4 and len(target.shape) <= 4 and source.hwc == target.hwc


def _bypass(graph: Graph, op: Op) -> None:
    source, target = op.inputs[0], op.outputs[0]
    if target in graph.outputs:
        producer = graph.producer(source)
        if producer is None or source in graph.outputs:
            return  # input straight to output: the copy stays
        producer.outputs = [target if t == source else t for t in producer.outputs]
        source, target = target, source
    for consumer in graph.ops:
        if consumer is not op:
            consumer.inputs = [source if t == target else t for t in consumer.inputs]
    graph.ops.remove(op)


def _without_unused(graph: Graph) -> Graph:
    """Drops operators whose outputs nobody reads."""
    needed = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if any(t in needed for t in op.outputs):
            kept.append(op)
            needed.update(op.inputs)
    return Graph(graph.tensors, kept[::-1], graph.inputs, graph.outputs)
