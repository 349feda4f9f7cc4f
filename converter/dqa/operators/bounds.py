"""What the values of an activation can be, channel by channel, whatever the input: interval arithmetic, rounded outwards.

Beside the two ends stands how far values vary: of a channel behind a weight of 1e-31 that is far below the last digit of the ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dqa.operators.functions import CLAMPS, unary
from dqa.support.arrays import Float64, Int64

OUTWARDS = 2.0**-40
"""Of the terms of a sum: more than what float64 rounds of thousands of them."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """low, high, width: float64 (C,): values lie from `low` to `high`, and no two of a channel differ by more than `width`."""

    low: Float64
    high: Float64
    width: Float64

    @classmethod
    def between(cls, low: Float64, high: Float64) -> Bounds:
        return cls(low, high, high - low)

    @classmethod
    def unknown(cls, channels: int) -> Bounds:
        return cls.between(np.full(channels, -np.inf), np.full(channels, np.inf))

    @property
    def middle(self) -> Float64:
        """Of a channel that hardly varies its value; 0 where nothing is known."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        return np.asarray(np.where(known, self.low, 0) / 2 + np.where(known, self.high, 0) / 2)

    def at(self, channels: Int64) -> Bounds:
        """Of these channels, an array of any shape."""
        return Bounds(self.low[channels], self.high[channels], self.width[channels])

    def joined(self, other: Bounds) -> Bounds:
        """Of values that are of either."""
        return Bounds.between(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def with_zero(self) -> Bounds:
        """Of values that may be 0 instead: a window that reaches into padding."""
        always = (self.low == 0) & (self.high == 0)
        both = Bounds.between(np.minimum(self.low, 0), np.maximum(self.high, 0))
        return Bounds(both.low, both.high, np.where(always, self.width, both.width))

    def activated(self, activation: str) -> Bounds:
        """Behind a fused activation."""
        if activation not in CLAMPS:
            return self.through(activation, {}, 1.0)
        low, high = (np.clip(end, *CLAMPS[activation]) for end in (self.low, self.high))
        return Bounds(low, high, np.minimum(self.width, high - low))

    def through(self, kind: str, attrs: dict[str, Any], steepest: float) -> Bounds:
        """Behind a function of UNARY that is nowhere steeper than that."""
        if not np.isfinite(self.high - self.low).all():
            return Bounds.unknown(len(self.low))
        middle = np.asarray(unary(kind, attrs, self.middle), np.float64)
        reach = steepest * (self.high - self.low) / 2 + OUTWARDS * np.abs(middle)
        return Bounds(middle - reach, middle + reach, np.minimum(steepest * self.width, 2 * reach))


def summed(weights: Float64, x: Bounds, bias: Float64) -> Bounds:
    """Of the sums (O,) of K values, in bounds (O, K), by weights (O, K), and a bias (O,)."""
    more, less = np.maximum(weights, 0), np.minimum(weights, 0)
    parts = [[times(more, x.low), times(less, x.high)], [times(more, x.high), times(less, x.low)]]
    low, high = (bias + (a + b).sum(axis=1) for a, b in parts)
    off = [OUTWARDS * (np.abs(bias) + (np.abs(a) + np.abs(b)).sum(axis=1)) for a, b in parts]
    low, high = low - off[0], high + off[1]
    return Bounds(low, high, np.minimum(times(np.abs(weights), x.width).sum(axis=1), high - low))


def times(weights: Float64, values: Float64) -> Float64:
    """Products in which 0 times infinity is 0: what is not read does not count."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(weights == 0, 0.0, weights * values))
