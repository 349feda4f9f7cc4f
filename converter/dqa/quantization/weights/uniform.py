"""Equidistant levels, symmetric around 0, their distance per output channel."""

from __future__ import annotations

import numpy as np

from dqa.quantization.weights.levels import FULL, TINY, Levels, round_to
from dqa.support.arrays import Float64, Int8


def book(bits: int) -> Int8:
    """2^bits - 1 levels as multiples of the largest whole step, so that sums are as fine as those of 8-bit weights."""
    high = (1 << (bits - 1)) - 1
    return (np.arange(-high, high + 1) * (FULL // high)).astype(np.int8)


def scales(weights: Float64, levels: Int8, importance: Float64 | None = None, *, clip: bool = True) -> Float64:
    """(O,): the largest weight of a channel becomes the highest level, or, clipped, the ratio of it that gives the least squared error.

    importance: (K,) weight of the error of each input; None: all alike.
    """
    widest: Float64 = np.maximum(np.abs(weights).max(axis=1), TINY) / float(levels[-1])
    if not clip:
        return widest
    best: Float64 = widest
    least = np.full(len(weights), np.inf)
    share = np.ones(weights.shape[1]) if importance is None else importance
    for ratio in np.linspace(0.3, 1.0, 71):
        found = round_to(weights, widest * ratio, levels)
        error = np.square(found.values - weights) @ share
        better = error < least
        best, least = np.where(better, found.scales, best), np.where(better, error, least)
    return best


def uniform(weights: Float64, bits: int = 4, *, clip: bool = True) -> Levels:
    """The nearest level to each weight (O, K)."""
    levels = book(bits)
    return round_to(weights, scales(weights, levels, clip=clip), levels)
