"""A network and what is known of it: all that the formats of its activations are decided from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.graph import Graph
from dqa.graph.twins import twins
from dqa.quantization.formats import Reason
from dqa.quantization.shared_scales import Ties
from dqa.support.arrays import Float64
from dqa.support.settings import ConvertConfig

LIKE = 2.0
"""Ratio of the ranges of activations up to which a layer that makes both is quantized once."""


@dataclass(frozen=True, eq=False)
class BorderFormat:
    """Bytes as the outside has them: `dtype` is "uint8" or "int8", real = (byte - zero_point) * scale, per channel (C,)."""

    dtype: str
    scales: Float64
    zero_points: Float64
    reason: Reason = Reason.INPUT


@dataclass(frozen=True, eq=False)
class Calibrated:
    """statistics: of each activation, by tensor number. inputs: the formats of all the graph's inputs.

    outputs: of outputs whose readers ask for a format (one scale for all channels); tensors tied to them must bear it
    (dqa.partition.copies sees to that).
    """

    graph: Graph
    statistics: Mapping[int, ChannelStatistics]
    inputs: Mapping[int, BorderFormat]
    config: ConvertConfig
    outputs: Mapping[int, BorderFormat] = field(default_factory=dict)

    @cached_property
    def ties(self) -> Ties:
        """Layers that are used several times have the same scales at each use, where what they see is alike."""
        ties = Ties(self.graph)
        found = [kept for one in twins(self.graph) for kept in self._alike(one, ties)]
        return Ties(self.graph, found) if found else ties

    def _alike(self, tensors: Sequence[int], ties: Ties) -> Iterator[list[int]]:
        """Of corresponding activations those that may have one range: of like size, and with it bound to nothing or to outputs alike."""
        members = ties.ranges()
        free = [t for t in tensors if not {*self.graph.inputs, *self.outputs}.intersection(members[ties.range_of(t)])]
        for outside in (False, True):
            same = [t for t in free if outside != set(self.graph.outputs).isdisjoint(members[ties.range_of(t)])]
            if same:
                yield [same[0], *(t for t in same[1:] if like(self.statistics[t], self.statistics[same[0]]))]

    @cached_property
    def values(self) -> int:
        """Of all activations but the inputs, of one sample."""
        return sum(int(np.prod(t.hwc)) for t in self.graph.activations() if t.index not in self.graph.inputs)


def like(a: ChannelStatistics, b: ChannelStatistics) -> bool:
    """Whether one scale costs neither of two activations more than a bit."""
    sizes = [float(np.maximum(np.abs(one.minimum), np.abs(one.maximum)).max()) for one in (a, b)]
    return max(sizes) <= LIKE * min(sizes)
