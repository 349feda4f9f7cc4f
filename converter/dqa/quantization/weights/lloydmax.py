"""A code book of 2^bits levels for the whole layer (Lloyd 1957, Max 1960), with a scale for each output channel.

Alternates three least-squares steps until nothing moves: each weight takes its nearest level, each level the mean of its weights, each
scale what fits its channel best.
"""

from __future__ import annotations

import numpy as np

from dqa.quantization.weights.levels import FULL, TINY, Levels, nearest, round_to
from dqa.support.arrays import Float64, Int8

ROUNDS = 30


def fit(weights: Float64, bits: int = 4, importance: Float64 | None = None) -> tuple[Int8, Float64]:
    """Code book int8 (2^bits,), rising, and scales (O,) of weights (O, K). importance: (K,) weight of the error of each input."""
    share = np.broadcast_to(np.ones(1) if importance is None else importance, weights.shape)
    scales = np.maximum(np.sqrt(np.square(weights).mean(axis=1)), TINY)
    levels = np.quantile(weights / scales[:, None], (np.arange(1 << bits) + 0.5) / (1 << bits))
    for _ in range(ROUNDS):
        normal = weights / scales[:, None]
        place = np.searchsorted((levels[1:] + levels[:-1]) / 2, normal)
        mass = share * np.square(scales)[:, None]
        total = np.bincount(place.ravel(), mass.ravel(), len(levels))
        sums = np.bincount(place.ravel(), (mass * normal).ravel(), len(levels))
        levels = np.sort(np.where(total > 0, sums / np.maximum(total, TINY), levels))
        scales = fit_scales(weights, nearest(normal, levels), share, scales)
    unit = FULL / (float(np.abs(levels).max()) or FULL)  # all weights may be 0
    book = np.rint(levels * unit).astype(np.int8)
    scales = scales / unit
    return book, fit_scales(weights, round_to(weights, scales, book).weights.astype(np.float64), share, scales)


def fit_scales(weights: Float64, chosen: Float64, share: Float64, scales: Float64) -> Float64:
    """Least-squares scale of each channel for chosen levels (O, K); as it was where that is not positive."""
    found = (share * weights * chosen).sum(axis=1) / np.maximum((share * chosen * chosen).sum(axis=1), TINY)
    return np.where(found > TINY, found, scales)


def lloydmax(weights: Float64, bits: int = 4) -> Levels:
    """The nearest level to each weight (O, K)."""
    book, scales = fit(weights, bits)
    return round_to(weights, scales, book)
