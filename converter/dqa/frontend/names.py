"""Short names for people: of operators, the Keras layer where the converter's tensor names still tell it; of inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from dqa.graph.model import Graph, Op

# The last part of a name that tells which layer did the work, most telling first.
_WORK = ("convolution", "depthwise", "MatMul", "AvgPool", "MaxPool2d", "Add", "Softmax", "Sigmoid", "concat", "Mean", "Pad", "Tile", "Relu")
_COPY = re.compile(r"_\d+$")
# What TensorFlow calls ends that have no name.
_NAMELESS = re.compile(r"^(StatefulPartitionedCall|PartitionedCall|Identity)(_\d+)?(:\d+)?$")
_PLACE = re.compile(r"^output_(\d{1,6})$")
_SERVING = re.compile(r"^serving_default_(.+?)(:\d+)?$")


def layer_name(tensor_name: str, layers: Collection[str] = ()) -> str | None:
    """The layer in a fused tensor name, None if there is none: "m_1/relu_1/Relu;m_1/conv_1/convolution" -> "conv".

    `layers` are the names of the model's layers, if known: Keras appends one _1, _2 ... to each while it converts.
    """
    parts = [piece.split("/") for piece in tensor_name.split(";") if "/" in piece]
    if not parts:
        return None
    path = min(parts, key=lambda part: _rank(part[-1]))[:-1]
    for part in reversed(path):
        if (plain := _COPY.sub("", part)) in layers:
            return plain  # before the whole: "dense_1" is the copy of "dense", and another layer's name besides
        if part in layers:
            return part
    return None if layers else path[-1]


def _rank(last: str) -> int:
    return next((rank for rank, work in enumerate(_WORK) if last.startswith(work)), len(_WORK))


def unique_names(graph: Graph, layers: Collection[str] = (), outputs: Sequence[str] = ()) -> None:
    """Gives every operator a short name of its own. outputs: the names of the graph's outputs, if known."""
    found = [_best(graph, op, layers) for op in graph.ops]
    last = {index: name for index, name in zip(graph.outputs, outputs, strict=False) if name not in found}
    seen: dict[str, int] = {}
    for op, layer in sorted(zip(graph.ops, found, strict=True), key=lambda pair: pair[0].kind == "CONSTANT"):  # an operand of its layer
        name = layer or last.get(op.outputs[0], op.kind.lower())
        seen[name] = seen.get(name, 0) + 1
        op.name = name if seen[name] == 1 else f"{name}#{seen[name]}"


def name_ends(graph: Graph, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Names the inputs and outputs of a graph whose operators have names; where a list is empty, by the file's own names of the tensors.

    An end that TensorFlow left without a name is called like the operator that gives it.
    """
    for indices, given in ((graph.inputs, inputs), (graph.outputs, outputs)):
        for index, name in zip(indices, given or numbered(_end_name(graph, index) for index in indices), strict=True):
            graph.tensors[index].name = name


def _end_name(graph: Graph, index: int) -> str:
    own, producer = graph.tensors[index].name, graph.producer(index)
    if served := _SERVING.match(own):
        return served[1]
    named = own and not _NAMELESS.match(own) and ";" not in own and "/" not in own
    return own if named or producer is None else producer.name


def numbered(names: Iterable[str]) -> list[str]:
    """The names, those that repeat with _1, _2 ... behind them, so that all differ."""
    names = list(names)
    unique: list[str] = []
    for name in names:
        tried, number = name, 0
        while tried in unique or (number and tried in names):
            number += 1
            tried = f"{name}_{number}"
        unique.append(tried)
    return unique


def in_order(names: Collection[str]) -> list[str]:
    """The outputs of a signature in the order of the model: by number where Keras numbered them ("output_2" before "output_10"), else by
    name, as Keras orders a dictionary."""
    places = {name: int(found[1]) for name in names if (found := _PLACE.match(name))}
    return sorted(names, key=lambda name: (places[name], name) if len(places) == len(names) else (0, name))


def _best(graph: Graph, op: Op, layers: Collection[str]) -> str | None:
    # The output of the model has lost its name; the weights of the last layer still have theirs.
    constants = [index for index in op.inputs if graph.tensors[index].is_constant]
    for index in (op.outputs[0], *constants):
        if name := layer_name(graph.tensors[index].name, layers):
            return name
    return None
