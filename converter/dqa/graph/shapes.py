"""The shape an operator's output must have."""

from __future__ import annotations

from dqa.graph.model import Graph, Op
from dqa.operators.float_base import Shape
from dqa.operators.registry import float_operator


def output_shape(op: Op, graph: Graph) -> Shape | None:
    """Shape of the output by inputs and attributes; None for kinds not known here.

    Shapes may differ from the tensor's in dimensions of size 1. Raises ValueError if the inputs do not fit the operator.
    """
    return float_operator(op.kind).shape(op, [graph.tensors[index] for index in op.inputs])
