"""Short names of operators, for people: the Keras layer where the converter's tensor names still tell it."""

from __future__ import annotations

import re
from collections.abc import Collection

from dqa.graph.model import Graph, Op

# The last part of a name that tells which layer did the work, most telling first.
_WORK = ("convolution", "depthwise", "MatMul", "AvgPool", "MaxPool2d", "Add", "Softmax", "Sigmoid", "concat", "Mean", "Pad", "Tile", "Relu")
_COPY = re.compile(r"_\d+$")


def layer_name(tensor_name: str, layers: Collection[str] = ()) -> str | None:
    """The layer in a fused tensor name, None if there is none: "m_1/relu_1/Relu;m_1/conv_1/convolution" -> "conv".

    `layers` are the names of the model's layers, if known: Keras appends _1, _2 ... to them while it converts.
    """
    parts = [piece.split("/") for piece in tensor_name.split(";") if "/" in piece]
    if not parts:
        return None
    path = min(parts, key=lambda part: _rank(part[-1]))[:-1]
    for part in reversed(path):
        if (plain := _COPY.sub("", part)) in layers:
            return plain
    return None if layers else path[-1]


def _rank(last: str) -> int:
    return next((rank for rank, work in enumerate(_WORK) if last.startswith(work)), len(_WORK))


def unique_names(graph: Graph, layers: Collection[str] = ()) -> None:
    """Gives every operator a short name of its own."""
    seen: dict[str, int] = {}
    for op in graph.ops:
        name = _best(graph, op, layers)
        seen[name] = seen.get(name, 0) + 1
        op.name = name if seen[name] == 1 else f"{name}#{seen[name]}"


def _best(graph: Graph, op: Op, layers: Collection[str]) -> str:
    # The output of the model has lost its name; the weights of the last layer still have theirs.
    constants = [index for index in op.inputs if graph.tensors[index].is_constant]
    for index in (op.outputs[0], *constants):
        if name := layer_name(graph.tensors[index].name, layers):
            return name
    return op.kind.lower()
