"""Histograms of single channels, and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.support.arrays import Float64

BINS = 1024


@dataclass(frozen=True, eq=False)
class Histogram:
    """counts and centers, both (bins,)."""

    counts: Float64
    centers: Float64

    @classmethod
    def of_channels(cls, statistics: ChannelStatistics, bins: int = BINS) -> list[Histogram]:
        """One histogram per channel."""
        counts = statistics.counts.astype(np.float64)
        return [cls._rebinned(c, x, bins) for c, x in zip(counts, statistics.centers(), strict=True)]

    @classmethod
    def zero(cls) -> Histogram:
        """A channel that is always 0."""
        counts = np.zeros(BINS)
        counts[0] = 1
        return cls(counts, np.zeros(BINS))

    @classmethod
    def _rebinned(cls, counts: Float64, centers: Float64, bins: int = BINS) -> Histogram:
        """The same distribution in that many bins; each bin's center is the mean of what fell into it."""
        if len(counts) == bins:
            return cls(counts, centers)
        low, high = float(centers.min()), float(centers.max())
        width = (high - low) or 1.0
        index = np.minimum(((centers - low) / width * bins).astype(np.int64), bins - 1)
        merged = np.bincount(index, weights=counts, minlength=bins).astype(np.float64)
        sums = np.bincount(index, weights=counts * centers, minlength=bins)
        return cls(merged, np.where(merged > 0, sums / np.maximum(merged, 1e-300), 0.0))

    def merged(self, other: Histogram) -> Histogram:
        """The distribution of both channels together."""
        return self._rebinned(np.concatenate([self.counts, other.counts]), np.concatenate([self.centers, other.centers]))

    @staticmethod
    def stack(histograms: Sequence[Histogram]) -> tuple[Float64, Float64]:
        """counts and centers, both (V, BINS)."""
        return np.stack([h.counts for h in histograms]), np.stack([h.centers for h in histograms])
