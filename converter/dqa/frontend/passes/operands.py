"""Constants that are one operand of a sum, a product, ... become an operator that gives them, row by row.

What is one number per channel never gets here: it is part of a convolution (dqa.frontend.passes.affine).
"""

from __future__ import annotations

import numpy as np

from dqa.frontend.passes.reshapes import OPERANDS
from dqa.graph.edit import add_activation, add_constant
from dqa.graph.model import Graph, Op
from dqa.operators.network import as_map

READERS = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "CONCATENATION")


def aligned_operands(graph: Graph) -> bool:
    """An operand that lacks dimensions is repeated along the first ones: where a map has its axes elsewhere it gets them by a RESHAPE."""
    for place, op in enumerate(graph.ops):
        output = graph.tensors[op.outputs[0]]
        if op.kind not in OPERANDS or not output.is_map:
            continue
        for number, tensor in enumerate(graph.tensors[index] for index in op.inputs):
            shape = (1,) * (len(output.shape) - len(tensor.shape)) + tensor.shape
            if tensor.is_constant or not tensor.is_map or as_map(shape[1:]) == tensor.hwc:
                continue
            op.inputs[number] = add_activation(graph, f"{op.name}/operand", shape)
            graph.ops.insert(place, Op("RESHAPE", f"{op.name}/operand", [tensor.index], [op.inputs[number]]))
            return True
    return False


def constant_operands(graph: Graph) -> None:
    """Does that to all of them; the passes have had their turn."""
    ops: list[Op] = []
    for op in graph.ops:
        if op.kind == "DIV":
            _divide(graph, op)
        if op.kind in READERS:
            ops += _made(graph, op)
        ops.append(op)
    graph.ops = ops


def _divide(graph: Graph, op: Op) -> None:
    """By constants is to multiply by their inverses."""
    data = graph.tensors[op.inputs[1]].data
    if data is not None and data.dtype == np.float32 and data.all():
        op.kind, op.inputs = "MUL", [op.inputs[0], add_constant(graph, graph.tensors[op.inputs[1]].name, np.reciprocal(data))]


def _made(graph: Graph, op: Op) -> list[Op]:
    """An operator for each constant of one; none where they are not maps."""
    output = graph.tensors[op.outputs[0]]
    moving = [index for index in op.inputs if not graph.tensors[index].is_constant]
    found: list[Op] = []
    for place, index in enumerate(op.inputs):
        data = graph.tensors[index].data
        if data is None or data.dtype != np.float32 or not moving or not output.is_map:
            continue
        values = data.reshape((1,) * (len(output.shape) - data.ndim) + data.shape)
        if op.kind in ("MINIMUM", "MAXIMUM"):  # an operator that takes no map of one channel
            values = np.broadcast_to(values, (*values.shape[:-1], output.shape[-1]))
        if values.shape[0] != 1 or values.ndim != len(output.shape):
            continue
        op.inputs[place] = add_activation(graph, graph.tensors[index].name, values.shape)
        attributes = {"values": np.ascontiguousarray(values)}
        found.append(Op("CONSTANT", f"{op.name}/constant", moving[:1], [op.inputs[place]], attributes))
    return found
