"""Histograms of many values, for searches that visit them often."""

from __future__ import annotations

import numpy as np

from dqa.support.arrays import Float32, Float64

BINS = 2048


def histogram(values: Float32, bins: int = BINS) -> tuple[Float64, Float64]:
    """counts and centers, both (K, bins), of values (V, K): equal bins between each column's minimum and maximum.

    A center is the mean of what fell into its bin, so that constants (the zeros of a ReLU) stay exact.
    """
    low = values.min(axis=0)
    spread = values.max(axis=0) - low
    place = ((values - low) * (np.float32(bins) / np.where(spread > 0, spread, np.float32(1)))).astype(np.int64)
    np.clip(place, 0, bins - 1, out=place)
    place += np.arange(values.shape[1]) * bins
    size = bins * values.shape[1]
    counts = np.bincount(place.ravel(), minlength=size).astype(np.float64)
    sums = np.bincount(place.ravel(), weights=values.ravel(), minlength=size)
    centers = np.divide(sums, counts, out=np.zeros(size), where=counts > 0)
    return counts.reshape(-1, bins), centers.reshape(-1, bins)
