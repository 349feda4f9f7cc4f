"""SQUARED_DIFFERENCE of two maps is the square of a SUB, that of the network where it has the same one."""

from __future__ import annotations

from dqa.graph.edit import add_activation
from dqa.graph.model import Graph, Op


def squared_difference(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind != "SQUARED_DIFFERENCE" or not graph.tensors[op.outputs[0]].is_map:
            continue
        same = [
            other
            for other in graph.ops[:place]
            if other.kind == "SUB" and other.inputs == op.inputs and other.attrs["activation"] == "NONE"
        ]
        if same:
            difference = same[0].outputs[0]
        else:
            difference = add_activation(graph, f"{op.name}/difference", graph.tensors[op.outputs[0]].shape)
            graph.ops.insert(place, Op("SUB", f"{op.name}/difference", op.inputs, [difference], {"activation": "NONE"}))
        op.kind, op.inputs = "SQUARE", [difference]
        return True
    return False
