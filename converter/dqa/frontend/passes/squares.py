"""SQUARED_DIFFERENCE of two maps is the square of their SUB: where the network has that, or where one is the mean of the other."""

from __future__ import annotations

from dqa.graph.edit import add_activation
from dqa.graph.model import Graph, Op


def squared_difference(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        output = graph.tensors[op.outputs[0]]
        if op.kind != "SQUARED_DIFFERENCE" or not output.is_map or any(graph.tensors[index].is_constant for index in op.inputs):
            continue
        for other in graph.ops[:place]:
            if other.kind == "SUB" and other.inputs == op.inputs and other.attrs["activation"] == "NONE":
                op.kind, op.inputs = "SQUARE", [other.outputs[0]]
                return True
        mean = graph.producer(op.inputs[1])
        if mean is None or mean.kind != "MEAN" or mean.inputs != op.inputs[:1]:
            continue
        apart = add_activation(graph, f"{op.name}/apart", output.shape)
        graph.ops.insert(place, Op("SUB", f"{op.name}/apart", op.inputs, [apart], {"activation": "NONE"}))
        op.kind, op.inputs = "SQUARE", [apart]
        return True
    return False
