"""Reshapes that move nothing: the same height, width and channels, or a flattening before a fully connected operator."""

from __future__ import annotations

from dqa.graph.edit import remove, replace_uses
from dqa.graph.model import Graph, Op, Tensor
from dqa.operators.network import as_map

OPERANDS = {"ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE"}
RESHAPES = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS"}


def drop_reshape(graph: Graph) -> bool:
    for op in graph.ops:
        if op.kind == "RESHAPE" and _flattens(graph, op):
            graph_input = op.inputs[0]
            remove(graph, op)
            replace_uses(graph, op.outputs[0], graph_input)
            return True
        if op.kind in RESHAPES:
            if _keeps_places(graph, op) and not _aligns(graph, op) and _drop(graph, op):
                return True
            if op.kind != "RESHAPE":
                op.kind = "RESHAPE"
                return True
    return False


def _keeps_places(graph: Graph, op: Op) -> bool:
    before, after = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    return before.is_map and after.is_map and before.hwc == after.hwc


def _aligns(graph: Graph, op: Op) -> bool:
    """Whether an operand that is repeated would have other axes without it: operands are aligned at their last ones."""
    before = graph.tensors[op.inputs[0]]
    for reader in graph.consumers(op.outputs[0]):
        missing = len(graph.tensors[reader.outputs[0]].shape) - len(before.shape)
        if reader.kind in OPERANDS and missing > 0 and as_map((1,) * missing + before.shape[1:]) != before.hwc:
            return True
    return False


def _flattens(graph: Graph, op: Op) -> bool:
    """All readers are fully connected operators that read the whole map, whatever its shape."""
    result = op.outputs[0]
    readers = graph.consumers(result)
    return (
        result not in graph.outputs
        and bool(readers)
        and graph.tensors[op.inputs[0]].is_map
        and all(reader.kind == "FULLY_CONNECTED" and _is_vector(graph.tensors[reader.outputs[0]]) for reader in readers)
    )


def _is_vector(tensor: Tensor) -> bool:
    return tensor.is_map and tensor.hwc[:2] == (1, 1)


def _drop(graph: Graph, op: Op) -> bool:
    before, after = op.inputs[0], op.outputs[0]
    if after not in graph.outputs:
        remove(graph, op)
        replace_uses(graph, after, before)
        return True
    producer = graph.producer(before)
    if producer is None or before in graph.outputs:
        return False
    # The result keeps the output's number; other readers of the old tensor follow.
    remove(graph, op)
    producer.outputs = [after if index == before else index for index in producer.outputs]
    replace_uses(graph, before, after)
    return True
