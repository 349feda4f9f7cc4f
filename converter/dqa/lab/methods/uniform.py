"""Uniform quantization with steps fixed at calibration: the rival that stores nothing beside its n-bit codes.

The grid is unsigned for a tensor without negative calibration values, else symmetric and signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dqa.lab.methods.base import SCALE_BITS, Calibration, Stored, rows
from dqa.lab.methods.checks import check_bits
from dqa.lab.methods.histogram import histogram
from dqa.quantization.clipping import levels, squared_error
from dqa.support.arrays import Float32, Float64

Granularity = Literal["channel", "tensor"]
Clip = Literal["max", "percentile", "mse", "aciq"]

PERCENTILE = 99.9
RATIOS = np.linspace(0.1, 1.0, 91)
# ACIQ (Banner et al. 2019): optimal clipping of a Laplace distribution of scale b, alpha / b for 2, 3, ... 8 signed bits.
# For values that are never negative, n bits do what n + 1 signed bits do.
ACIQ_LAPLACE = (2.83, 3.89, 5.03, 6.20, 7.41, 8.64, 9.90)


def per_granularity(x: Float32, granularity: Granularity) -> Float32:
    """The values (V, K) that share a step: K = C channels or the whole tensor as 1."""
    return rows(x) if granularity == "channel" else x.reshape(-1, 1)


@dataclass(frozen=True)
class UniformMethod:
    """bits: n. clip: how the range is found. granularity: a step per channel or per tensor. percentile: of |x|, for clip
    percentile alone, 50..100; None: 99.9."""

    name: ClassVar[str] = "uniform"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: int
    clip: Clip = "mse"
    granularity: Granularity = "channel"
    percentile: float | None = None

    def __post_init__(self) -> None:
        check_bits(self.bits, 1)
        if self.percentile is None and self.clip == "percentile":
            object.__setattr__(self, "percentile", PERCENTILE)
        if self.percentile is not None and self.clip != "percentile":
            raise ValueError(f"'percentile' has no effect with clip {self.clip}")
        if self.percentile is not None and not 50 <= self.percentile <= 100:
            raise ValueError(f"'percentile' must be in 50..100 (got {self.percentile})")
        if self.clip == "aciq" and self.bits not in range(2, 8):
            raise ValueError(f"'bits' must be in 2..7 for clip aciq (got {self.bits})")

    def fit(self, calibration: Calibration) -> UniformQuantizer:
        signed = bool(calibration.values.min() < 0)
        if signed and self.bits < 2:
            raise ValueError("a tensor with negative values needs at least 2 bits")
        values = per_granularity(calibration.values, self.granularity)
        top = np.abs(values).max(axis=0).astype(np.float64)
        limit = np.minimum(_LIMITS[self.clip](self, values, signed), top)
        high = max(levels(self.bits, signed)[1], 1)
        return UniformQuantizer(self.bits, signed, np.where(limit > 0, limit / high, 1.0).astype(np.float32))


@dataclass(frozen=True, eq=False)
class UniformQuantizer:
    """steps: float32 (C,) or (1,)."""

    bits: int
    signed: bool
    steps: Float32

    @property
    def table_bits(self) -> int:
        return SCALE_BITS * len(self.steps)

    def apply(self, x: Float32) -> Stored:
        low, high = levels(self.bits, self.signed)
        return Stored(np.clip(np.rint(x / self.steps), low, high) * self.steps, float(self.bits * x.size))


def _maximum(_: UniformMethod, values: Float32, signed: bool) -> Float64:
    return np.asarray(np.abs(values).max(axis=0), np.float64)


def _percentile(method: UniformMethod, values: Float32, signed: bool) -> Float64:
    assert method.percentile is not None
    return np.asarray(np.percentile(np.abs(values), method.percentile, axis=0), np.float64)


def _least_squares(method: UniformMethod, values: Float32, signed: bool) -> Float64:
    """The limit of least squared error, by grid search from 10 to 100 % of the maximum."""
    counts, centers = histogram(values)
    top = np.abs(values).max(axis=0).astype(np.float64)
    high = max(levels(method.bits, signed)[1], 1)
    best, least = top.copy(), np.full(len(top), np.inf)
    for ratio in RATIOS:
        step = np.where(top > 0, top * ratio / high, 1.0)
        error = squared_error(counts, centers, step, method.bits, signed)
        better = error < least
        best, least = np.where(better, top * ratio, best), np.where(better, error, least)
    return np.asarray(best)


def _aciq(method: UniformMethod, values: Float32, signed: bool) -> Float64:
    mean = values.mean(axis=0, dtype=np.float64)
    spread = np.abs(values - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)
    alpha = ACIQ_LAPLACE[method.bits - 2 + (not signed)]
    return np.asarray((np.abs(mean) if signed else np.maximum(mean, 0)) + alpha * spread)


_LIMITS: dict[str, Callable[[UniformMethod, Float32, bool], Float64]] = {
    "max": _maximum,
    "percentile": _percentile,
    "mse": _least_squares,
    "aciq": _aciq,
}
