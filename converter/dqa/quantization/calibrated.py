"""A network and what is known of it: all that the formats of its activations are decided from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.graph import Graph
from dqa.quantization.formats import Reason
from dqa.quantization.shared_scales import Ties
from dqa.support.arrays import Float64
from dqa.support.settings import ConvertConfig


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
        return Ties(self.graph)

    @cached_property
    def values(self) -> int:
        """Of all activations but the inputs, of one sample."""
        return sum(int(np.prod(t.hwc)) for t in self.graph.activations() if t.index not in self.graph.inputs)
