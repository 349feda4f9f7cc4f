"""Operators that only change the scale of a tensor, where two formats meet that cannot be one.

A copy is a depthwise 1 x 1 convolution by ones: it belongs to a DQA group and ends what ties its input to its output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dqa.graph import Graph, Op, Tensor
from dqa.graph.edit import UNIT_WINDOW, add_constant
from dqa.operators.registry import float_operator
from dqa.partition.partition import builtins, groups, joined
from dqa.quantization.calibrated import BorderFormat
from dqa.quantization.shared_scales import Ties

_LIMITS = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
"""What a fused activation keeps values within; the executor clamps to the range of the output's format."""


class CopiedGraph:
    """A graph (its own; the one given stays as it is) with copies.

    origin: the tensor, by number, whose values each new tensor has.
    """

    def __init__(self, graph: Graph) -> None:
        ops = [replace(op, inputs=list(op.inputs), outputs=list(op.outputs)) for op in graph.ops]
        self.graph = Graph(dict(graph.tensors), ops, list(graph.inputs), list(graph.outputs))
        self.origin: dict[int, int] = {}

    def free_inputs(self) -> None:
        """No builtin reads an input of the model: its format is the user's, that of a builtin's input the quantizer's."""
        for tensor in self.graph.inputs:
            if readers := [op for op, _ in builtins(self.graph) if tensor in op.inputs]:
                self._after(tensor, readers)

    def part_ranges(self) -> None:
        """No operator is forced into a range that is not its own.

        Tensors that must be of one format share its range. Where the values of several operators meet (a concatenation), that range must
        not be
        fixed by one of them (an input of the model, softmax and other tables), and it must clamp as each one's fused activation does.
        """
        ties = Ties(self.graph)
        for members in ties.ranges().values():
            roots = _roots(self.graph, members)
            if len(roots) < 2 or _share(self.graph, ties, roots):
                continue
            for tensor in roots:
                if _is_bound(self.graph.producer(tensor)):
                    self._after(tensor, [op for op in self.graph.consumers(tensor) if float_operator(op.kind).moves])

    def separate(self, given: Mapping[int, BorderFormat]) -> None:
        """Every tensor at a builtin can bear the format given for it, and no other tensor is forced into it.

        Tensors that must be of one format (dqa.quantization.shared_scales) are parted where different ones are given, where their values
        come from several operators, and where the given range does not clamp as a fused activation does.
        """
        part = joined(self.graph, groups(self.graph))
        for members in Ties(part).ranges().values():
            kept = _borne(part, members, given)
            for tensor in members:
                if tensor not in given or _key(given[tensor]) == kept:
                    continue
                if tensor in part.inputs:
                    self._after(tensor, [op for op in part.ops if tensor in op.inputs])
                else:
                    self._before(tensor, part)

    def _after(self, tensor: int, readers: list[Op]) -> None:
        """The readers read a copy of the tensor."""
        new = self._tensor(tensor)
        for op in readers:
            op.inputs = [new if index == tensor else index for index in op.inputs]
        self._insert(tensor, new, after=tensor)

    def _before(self, tensor: int, part: Graph) -> None:
        """The operator that wrote the tensor writes a new one, which DQA operators go on to read; the tensor becomes a copy of it."""
        new = self._tensor(tensor)
        for op in part.ops:
            op.inputs = [new if index == tensor else index for index in op.inputs]
            op.outputs = [new if index == tensor else index for index in op.outputs]
        self._insert(new, tensor, after=new)

    def _tensor(self, tensor: int) -> int:
        old = self.graph.tensors[tensor]
        new = max(self.graph.tensors) + 1
        self.graph.tensors[new] = Tensor(new, f"{old.name}/copy", old.shape)
        self.origin[new] = self.origin.get(tensor, tensor)
        return new

    def _insert(self, source: int, target: int, after: int) -> None:
        producer = self.graph.producer(after)
        name = f"{producer.name if producer is not None else 'input'}/copy"
        channels = self.graph.tensors[source].hwc[2]
        weights = add_constant(self.graph, f"{name}/weights", np.ones((1, 1, 1, channels), np.float32))
        bias = add_constant(self.graph, f"{name}/bias", np.zeros(channels, np.float32))
        copy = Op("DEPTHWISE_CONV_2D", name, [source, weights, bias], [target], {**UNIT_WINDOW, "activation": "NONE"})
        place = next((number for number, op in enumerate(self.graph.ops, 1) if op is producer), 0)
        self.graph.ops.insert(place, copy)


def _roots(graph: Graph, members: list[int]) -> list[int]:
    """The tensors whose values the others hold copies of."""
    return [t for t in members if (op := graph.producer(t)) is None or not float_operator(op.kind).moves]


def _is_bound(op: Op | None) -> bool:
    """Whether what an operator (None: an input of the model) writes has a range of its own."""
    return op is None or float_operator(op.kind).fixed_output is not None or op.attrs.get("activation", "NONE") in _LIMITS


def _share(graph: Graph, ties: Ties, roots: list[int]) -> bool:
    """Whether one range serves all: none is bound, or all are rectified alike and none shares a channel's scale with another."""
    producers = [graph.producer(t) for t in roots]
    if not any(_is_bound(op) for op in producers):
        return True
    scales = [set(ties.channels(t).tolist()) for t in roots]
    apart = sum(len(s) for s in scales) == len(set().union(*scales))
    rectified = all(op is not None and op.attrs.get("activation", "NONE") in {"RELU", "RELU6"} for op in producers)
    return rectified and (apart or all(op is not None and op.attrs["activation"] == "RELU" for op in producers))


def _key(fmt: BorderFormat) -> tuple[str, float, float]:
    return fmt.dtype, float(fmt.scales[0]), float(fmt.zero_points[0])


def _borne(part: Graph, members: list[int], given: Mapping[int, BorderFormat]) -> object:
    """The one given format that all members can bear, None if there is none."""
    roots = _roots(part, members)
    if len(roots) != 1:
        return None
    producer = part.producer(roots[0])
    if producer is None:
        return _key(given[roots[0]]) if roots[0] in given else None
    if producer.kind == "SOFTMAX":  # its output has one format only
        return None
    return next((_key(given[t]) for t in members if t in given and _clamps(producer, given[t])), None)


def _clamps(op: Op, fmt: BorderFormat) -> bool:
    """Whether clamping to the format's range is the operator's fused activation."""
    low, high = _LIMITS.get(op.attrs.get("activation", "NONE"), (-np.inf, np.inf))
    _, scale, zero = _key(fmt)
    return scale * (-128 - zero) >= low - scale / 2 and scale * (127 - zero) <= high + scale / 2
