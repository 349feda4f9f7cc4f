"""Short names of operators, for people: the Keras layer where the converter's tensor name still tells it."""

from __future__ import annotations

import re

from dqa.graph.model import Graph

# The last part of a name that tells which layer did the work, most telling first.
_WORK = ("convolution", "depthwise", "MatMul", "AvgPool", "MaxPool2d", "Add", "Softmax", "Sigmoid", "concat", "Mean", "Pad", "Tile", "Relu")


def layer_name(tensor_name: str) -> str | None:
    """The layer in a fused tensor name, None if there is none: "m_1/relu_1/Relu;m_1/conv_1/convolution" -> "conv_1"."""
    parts = [piece.split("/") for piece in tensor_name.split(";") if "/" in piece]
    if not parts:
        return None
    ranked = sorted(parts, key=lambda part: _rank(part[-1]))
    return ranked[0][-2]


def _rank(last: str) -> int:
    return next((rank for rank, work in enumerate(_WORK) if last.startswith(work)), len(_WORK))


def unique_names(graph: Graph) -> None:
    """Gives every operator a short name of its own."""
    seen: dict[str, int] = {}
    for op in graph.ops:
        name = layer_name(graph.tensors[op.outputs[0]].name) or op.kind.lower()
        seen[name] = seen.get(name, 0) + 1
        op.name = name if seen[name] == 1 else f"{name}#{seen[name]}"
