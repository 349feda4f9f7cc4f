"""GATHER from a table of constants by the network's input is an EMBEDDING of tokens."""

from __future__ import annotations

from dqa.graph.model import Graph, Op
from dqa.operators.gather import TOKENS


def embed(graph: Graph) -> bool:
    changed = False
    for place, op in enumerate(graph.ops):
        if op.kind != "GATHER" or op.attrs.get("why") != TOKENS:
            continue
        table = graph.tensors[op.inputs[0]]
        tokens = _cast(graph, op.inputs[1])
        if tokens is None or table.data is None or table.data.ndim != 2 or len(graph.tensors[tokens].shape) != 2:
            continue
        graph.ops[place] = Op("EMBEDDING", op.name, [tokens], op.outputs, {"table": table.data})
        changed = True
    return changed


def _cast(graph: Graph, tensor: int) -> int | None:
    """What a tensor of whole numbers was cast from; Keras counts negative ones from the end, which tokens are not."""
    op = graph.producer(tensor)
    if op is None:
        return None
    if op.kind == "CAST":
        return op.inputs[0]
    if op.kind in ("SELECT", "SELECT_V2") and (negative := graph.producer(op.inputs[0])) is not None and negative.kind == "LESS":
        return _cast(graph, op.inputs[2])
    return None
