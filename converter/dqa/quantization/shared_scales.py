"""Which channels must share a scale and which tensors a value range.

Operators that only move values (pooling by maximum, padding, concatenation, resizing, reshaping) give their output the scales of their
input,
channel by channel, so that no requantization happens; operators with one table for all channels (softmax, logistic) need one scale per
tensor on both sides,
and so do the outputs of the model, which users read with one scale. So may activations of layers that are used several times, whose
weights are then the same numbers each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dqa.graph import Graph, Op
from dqa.operators.registry import float_operator
from dqa.support.arrays import Int64


class _Sets:
    """Union-find over integers; the representative of a set is its smallest member."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def unite(self, a: int, b: int) -> None:
        low, high = sorted((self.find(a), self.find(b)))
        self._parent[high] = low


class Ties:
    """The shared scales of a graph's activations.

    `channels(t)` gives the scale variable of each channel of tensor t, an int64 array of shape (C,);
    `range_of(t)` the number of the set of tensors that share a value range (low, n + m) with t.
    twins: tensors of as many channels each that share all scales besides.
    """

    def __init__(self, graph: Graph, twins: Iterable[Sequence[int]] = ()) -> None:
        self._tensors = [tensor.index for tensor in graph.activations()]
        self._base: dict[int, int] = {}
        total = 0
        for index in self._tensors:
            self._base[index] = total
            total += graph.tensors[index].hwc[2]
        self._graph = graph
        self._variables = _Sets(total)
        self._ranges = _Sets(len(self._tensors))
        self._position = {index: i for i, index in enumerate(self._tensors)}
        for op in graph.ops:
            room = float_operator(op.kind)
            if room.moves:
                self._tie(op)
            elif room.by_table:
                for index in (*op.inputs, *op.outputs):
                    if index in self._base:  # no constant
                        self._one_scale(index)
        for index in graph.outputs:
            self._one_scale(index)
        for first, *others in twins:
            for other in others:
                self._ranges.unite(self._position[first], self._position[other])
                for c in range(graph.tensors[first].hwc[2]):
                    self._variables.unite(self._base[first] + c, self._base[other] + c)

    def channels(self, tensor: int) -> Int64:
        base = self._base[tensor]
        count = self._graph.tensors[tensor].hwc[2]
        return np.array([self._variables.find(base + c) for c in range(count)], dtype=np.int64)

    def range_of(self, tensor: int) -> int:
        return self._ranges.find(self._position[tensor])

    def ranges(self) -> dict[int, list[int]]:
        """The tensors of each range, in graph order."""
        members: dict[int, list[int]] = {}
        for index in self._tensors:
            members.setdefault(self.range_of(index), []).append(index)
        return members

    def _one_scale(self, tensor: int) -> None:
        base = self._base[tensor]
        for c in range(1, self._graph.tensors[tensor].hwc[2]):
            self._variables.unite(base, base + c)

    def _tie(self, op: Op) -> None:
        room, inputs, output = float_operator(op.kind), [self._graph.tensors[index] for index in op.inputs], op.outputs[0]
        out_channels = self._graph.tensors[output].hwc[2]
        for place, tensor in enumerate(op.inputs):
            if tensor not in self._base:  # a constant
                continue
            self._ranges.unite(self._position[tensor], self._position[output])
            sources = room.channel_sources(op, inputs, place, out_channels)
            if sources is None:
                self._one_scale(tensor)
                self._one_scale(output)
                sources = np.zeros(1, np.int64)
            for c, source in enumerate(sources.tolist()):
                if source >= 0:
                    self._variables.unite(self._base[tensor] + source, self._base[output] + c)
