"""DIV of two maps is the product of one and the inverses of the other, which a table gives."""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import add_activation, add_constant
from dqa.graph.model import Graph, Op


def quotient(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind != "DIV" or any(graph.tensors[index].is_constant or not graph.tensors[index].is_map for index in op.inputs):
            continue
        name, (over, under) = f"{op.name}/inverse", op.inputs
        inverse, one = add_activation(graph, name, graph.tensors[under].shape), add_constant(graph, name, np.ones(1, np.float32))
        graph.ops.insert(place, Op("DIV", name, [one, under], [inverse], {"activation": "NONE"}))
        op.kind, op.inputs = "MUL", [over, inverse]
        return True
    return False
