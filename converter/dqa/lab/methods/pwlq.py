"""Piecewise linear quantization of activations (Fang et al. 2020: PWLQ), static: two uniform pieces that meet at a breakpoint.

Values up to the breakpoint p have one step, those from p to the limit m another, and a region bit tells them apart: a b-bit PWLQ stores
b + 1 bits. The paper gives the signed form, sign * uniform(|x|; b - 1 bits) in each region; for tensors without negative values the
sign bit becomes a magnitude bit, an adaptation of ours. The authors' released code quantizes activations uniformly only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dqa.lab.methods.base import SCALE_BITS, Calibration, Stored
from dqa.lab.methods.checks import check_bits
from dqa.lab.methods.histogram import histogram
from dqa.lab.methods.uniform import Granularity, per_granularity
from dqa.support.arrays import Float32, Float64, Floating

Breakpoint = Literal["search", "normal", "laplace"]
Limit = Literal["top10", "max", "mse"]

# The authors' grid: tenths, then hundredths around the best, then thousandths.
_GRIDS = (np.arange(1, 6) / 10, np.arange(-10, 11) / 100, np.arange(-10, 11) / 1000)
_LIMIT_RATIOS = np.linspace(0.3, 1.0, 15)
_TOP = 10
_BATCH = 4


@dataclass(frozen=True)
class PwlqMethod:
    """bits: b; b + 1 are stored. breakpoint: by search for the least squared error, or from the authors' fits for a normal or a Laplace
    distribution of the tensor's deviation. limit: the authors' (median of the 10 largest of 4 samples, averaged), the maximum,
    or the least squared error together with a searched breakpoint.
    """

    name: ClassVar[str] = "pwlq"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: int
    breakpoint: Breakpoint = "search"
    limit: Limit = "top10"
    granularity: Granularity = "channel"

    def __post_init__(self) -> None:
        check_bits(self.bits, 2, 8)

    def fit(self, calibration: Calibration) -> PwlqQuantizer:
        signed = bool(calibration.values.min() < 0)
        values = per_granularity(calibration.values, self.granularity)
        counts, centers = histogram(np.abs(values))
        count = (1 << (self.bits - signed)) - 1
        top = np.abs(values).max(axis=0).astype(np.float64)
        limit = _top10(calibration.values, self.granularity) if self.limit == "top10" else top
        limit = np.where(limit > 0, limit, np.where(top > 0, top, 1.0))
        ratios = _LIMIT_RATIOS if self.limit == "mse" else (1.0,)
        best, least = (limit, limit / 2), np.full(len(limit), np.inf)
        for ratio in ratios:
            m = limit * ratio
            p = _BREAKPOINTS[self.breakpoint](counts, centers, m, count)
            error = _squared_error(counts, centers, m, p, count)
            better = error < least
            best = (np.where(better, m, best[0]), np.where(better, p, best[1]))
            least = np.where(better, error, least)
        return PwlqQuantizer(self.bits, signed, best[1].astype(np.float32), best[0].astype(np.float32))


@dataclass(frozen=True, eq=False)
class PwlqQuantizer:
    """breakpoints, limits: float32 (C,) or (1,)."""

    bits: int
    signed: bool
    breakpoints: Float32
    limits: Float32

    @property
    def table_bits(self) -> int:
        return 2 * SCALE_BITS * len(self.limits)

    def apply(self, x: Float32) -> Stored:
        count = (1 << (self.bits - self.signed)) - 1
        size = np.abs(x) if self.signed else np.maximum(x, 0)
        out = _magnitudes(size, self.limits, self.breakpoints, count)
        return Stored(np.asarray(np.copysign(out, x) if self.signed else out, np.float32), float((self.bits + 1) * x.size))


def _magnitudes(size: Floating, m: Floating, p: Floating, count: int) -> Floating:
    """Magnitudes in two pieces of `count` steps each: 0 .. p and p .. m, which broadcast against `size`."""
    near, far = p / count, (m - p) / count
    centre = np.rint(size / near) * near
    tail = p + np.clip(np.rint((size - p) / far), 0, count) * far
    return np.where(size <= p, centre, tail)


def _squared_error(counts: Float64, centers: Float64, m: Float64, p: Float64, count: int) -> Float64:
    """(K,) of a histogram (K, B) of magnitudes."""
    error = _magnitudes(centers, m[:, None], p[:, None], count) - centers
    return np.asarray((counts * error * error).sum(axis=1))


def _search(counts: Float64, centers: Float64, m: Float64, count: int) -> Float64:
    best, least = np.full(len(m), 0.5), np.full(len(m), np.inf)
    for grid in _GRIDS:
        middle = np.zeros(len(m)) if grid is _GRIDS[0] else best.copy()
        for offset in grid:
            ratio = np.clip(middle + offset, 0.001, 0.5)
            error = _squared_error(counts, centers, m, m * ratio, count)
            better = error < least
            best, least = np.where(better, ratio, best), np.where(better, error, least)
    return np.asarray(m * best)


def _deviation(counts: Float64, centers: Float64) -> Float64:
    """Around 0: of the values with both signs that magnitudes stand for."""
    return np.asarray(np.sqrt((counts * centers * centers).sum(axis=1) / counts.sum(axis=1)))


def _from_fit(fit: Callable[[Float64], Float64]) -> Callable[[Float64, Float64, Float64, int], Float64]:
    def find(counts: Float64, centers: Float64, m: Float64, count: int) -> Float64:
        sigma = _deviation(counts, centers)
        sigma = np.where(sigma > 0, sigma, m)
        return np.asarray(np.clip(sigma * fit(m / sigma), 0.001 * m, 0.5 * m))

    return find


_BREAKPOINTS: dict[str, Callable[[Float64, Float64, Float64, int], Float64]] = {
    "search": _search,
    "normal": _from_fit(lambda m: np.log(0.86143114 * m + 0.60790110)),
    "laplace": _from_fit(lambda m: 0.80304483 * np.sqrt(m) - 0.31667855),
}


def _top10(values: Float32, granularity: Granularity) -> Float64:
    """The mean, over batches of 4 samples, of the median of the 10 largest magnitudes."""
    medians = []
    for start in range(0, len(values), _BATCH):
        size = np.abs(per_granularity(values[start : start + _BATCH], granularity))
        count = min(_TOP, len(size))
        medians.append(np.median(np.partition(size, len(size) - count, axis=0)[-count:], axis=0))
    return np.asarray(np.mean(medians, axis=0), np.float64)
