"""Predicted cost in accuracy of storing an activation with few bits.

Rounding errors act as noise of known power on the sums that read them. With e[c] the mean squared rounding error of channel c, a[c] its mean
square and g[c] the sum of the squared weights that multiply it, the ratio sum(e g) / sum(a g) is the noise that the edge adds to its consumers'
sums, relative to their power. Noises of different edges are independent to first order, so the losses of the edges of a network add up; the
planner compares sums, it does not predict percentages.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.graph import Graph
from dqa.quantization.clipping import best_step
from dqa.quantization.decide import non_negative
from dqa.quantization.histogram import Histogram
from dqa.quantization.sensitivity import sensitivities

BITS = range(2, 9)


def edge_losses(graph: Graph, statistics: Mapping[int, ChannelStatistics], tensor: int) -> dict[int, float]:
    """Noise-to-signal ratio of the consumers' sums for codes of 2 to 8 bits, by number of bits."""
    counts, centers = Histogram.stack(Histogram.of_channels(statistics[tensor], bins=256))
    total = np.maximum(counts.sum(axis=1), 1)
    weights = sensitivities(graph, tensor)
    signal = float(((counts * centers * centers).sum(axis=1) / total * weights).sum())
    signed = not non_negative(graph, tensor)
    if signal <= 0:
        return dict.fromkeys(BITS, 0.0)
    return {bits: float((best_step(counts, centers, bits, signed)[1] / total * weights).sum()) / signal for bits in BITS}
