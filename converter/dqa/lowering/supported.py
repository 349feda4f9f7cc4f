"""Which operators of a graph DQA operators can run, and why others cannot."""

from __future__ import annotations

from dqa.graph import Graph, Op
from dqa.operators.registry import float_operator
from dqa.support.limits import MAX_DIMENSION, MAX_ROW_VALUES, MAX_VALUES

FUSED = frozenset({"NONE", "RELU", "RELU6", "RELU_N1_TO_1"})


def why_not(graph: Graph, op: Op) -> str:
    """Empty if DQA runs the operator, else the reason it does not."""
    room = float_operator(op.kind)
    if not room.lowers:
        return "no DQA operator of this kind"
    activation = op.attrs.get("activation", "NONE")
    if activation not in FUSED:
        return f"fused activation {activation}"
    inputs, output = [graph.tensors[index] for index in op.inputs], graph.tensors[op.outputs[0]]
    for tensor in [*(inputs[:1] if room.weighted or room.marks else inputs), *(graph.tensors[index] for index in op.outputs)]:
        try:
            height, width, channels = tensor.hwc
        except ValueError as error:
            return str(error)
        if width * channels > MAX_ROW_VALUES or height * width * channels > MAX_VALUES or max(height, width, channels) > MAX_DIMENSION:
            return f"tensor '{tensor.name}' of shape {tensor.shape} is too large"
    return room.why_not(op, inputs, output)
