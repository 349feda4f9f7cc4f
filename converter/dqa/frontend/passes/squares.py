"""SQUARED_DIFFERENCE of two maps is the square of their SUB, where the network has that, as normalizations over groups do."""

from __future__ import annotations

from dqa.graph.model import Graph


def squared_difference(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind != "SQUARED_DIFFERENCE" or not graph.tensors[op.outputs[0]].is_map:
            continue
        for other in graph.ops[:place]:
            if other.kind == "SUB" and other.inputs == op.inputs and other.attrs["activation"] == "NONE":
                op.kind, op.inputs = "SQUARE", [other.outputs[0]]
                return True
    return False
