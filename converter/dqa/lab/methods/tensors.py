"""Which activation tensors of a network a study quantizes."""

from __future__ import annotations

from typing import Literal

from dqa.graph import Graph, Op
from dqa.operators.registry import float_operator

Which = Literal["block", "all"]

_MOVING = {"SOFTMAX", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}


def choose_tensors(graph: Graph, which: Which) -> list[int]:
    """Tensor numbers, in the order they are written.

    "block", as in the paper: outputs of residual additions, and of convolutions that read a depthwise convolution and no addition alone
    reads (the bottlenecks of MobileNet); of a network without either, all.
    "all": every map that is computed and not consumed in passing by an addition or an activation, up to the logits.
    """
    computed = [op.outputs[0] for op in graph.ops if float_operator(op.kind).computes and not _in_passing(graph, op)]
    blocks = [index for index in computed if _ends_block(graph, index)]
    return blocks if which == "block" and blocks else computed


def _in_passing(graph: Graph, op: Op) -> bool:
    readers = graph.consumers(op.outputs[0])
    if len(readers) == 1 and (reader := float_operator(readers[0].kind)).computes and not reader.weighted:
        return True
    return _is_output(graph, op.outputs[0])


def _is_output(graph: Graph, index: int) -> bool:
    """Whether a tensor is an output, but for softmax and reshapes."""
    if index in graph.outputs:
        return True
    readers = graph.consumers(index)
    return len(readers) == 1 and readers[0].kind in _MOVING and _is_output(graph, readers[0].outputs[0])


def _ends_block(graph: Graph, index: int) -> bool:
    op = graph.producer(index)
    if op is None:
        return False
    if op.kind == "ADD":
        return not any(graph.tensors[operand].is_constant for operand in op.inputs)
    before = graph.producer(op.inputs[0])
    return op.kind == "CONV_2D" and before is not None and before.kind == "DEPTHWISE_CONV_2D"
