"""Cuts a network into DQA groups and TFLite builtins, ready to be decided and built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dqa.frontend.model import FloatModel
from dqa.graph import Graph, Op
from dqa.partition import partition
from dqa.partition.builtins import QuantizedBuiltins, Range, quantize
from dqa.partition.copies import CopiedGraph
from dqa.partition.extract import extract

Ranges = Mapping[int, Range]


@dataclass(frozen=True, eq=False)
class Split:
    """A network and who runs what.

    graph: the network; with builtins, with copies (dqa.partition.copies). origin: the file's tensor whose values a copy has.
    part: what DQA runs, as one graph. groups: the same as a graph for each DQA operator of the .tflite.
    left: the operators that stay builtins, with the reasons. builtins: these quantized, by `ranges` of the file's tensors.
    ranges: also of what operators keep inside.
    """

    graph: Graph
    part: Graph
    groups: Sequence[Graph]
    origin: Mapping[int, int] = field(default_factory=dict)
    left: Sequence[tuple[Op, str]] = ()
    builtins: QuantizedBuiltins | None = None
    ranges: Ranges = field(default_factory=dict)


def split(model: FloatModel, ranges_of: Callable[[Sequence[int]], Ranges]) -> Split:
    """ranges_of: the ranges of tensors of the file, by number; asked only for builtins and for what operators keep inside.

    Raises ModelError for an operator that neither DQA nor a builtin can run at int8, ToolError if ai-edge-quantizer is needed and missing.
    """
    left = partition.builtins(model.graph)
    copied = CopiedGraph(model.graph)
    copied.part_ranges()
    inside = [op for op in copied.graph.ops if "inside" in op.attrs]
    if not left:
        partition.check_ends([copied.graph])
        ranges = ranges_of([op.attrs["inside"] for op in inside]) if inside else {}
        _reach(inside, ranges)
        return Split(copied.graph, copied.graph, [copied.graph], copied.origin, ranges=ranges)
    copied.free_inputs()
    part = extract(model.tflite, copied.graph, copied.origin)
    ranges = ranges_of([*part.ranged, *(op.attrs["inside"] for op in inside)])
    _reach(inside, ranges)
    builtins = quantize(part, {t: ranges[t] for t in part.ranged}, copied.graph, copied.origin)
    copied.separate(builtins.formats)
    groups = partition.groups(copied.graph)
    return Split(copied.graph, partition.joined(copied.graph, groups), groups, copied.origin, left, builtins, ranges)


def _reach(ops: Sequence[Op], ranges: Ranges) -> None:
    """Tells operators the largest value they keep inside."""
    for op in ops:
        if (found := ranges.get(op.attrs["inside"])) is not None:
            op.attrs = op.attrs | {"reach": max(map(abs, found))}
