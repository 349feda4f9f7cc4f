"""Real factors as integer multipliers: the one requantization of docs/format.md."""

from __future__ import annotations

import numpy as np

from dqa.support.arrays import Float64, Int32, Int64, UInt8

MAX_FACTOR = 0.25
"""Factors must be below this: the shift is at least 1 and the multiplier below 2^31."""


def requantization(factor: Float64) -> tuple[Int32, UInt8]:
    """Multiplier and shift with multiplier / 2^(32 + shift) closest to each factor in [0, 0.25).

    Raises ValueError for a factor outside that range.
    """
    if np.any(factor < 0) or np.any(factor >= MAX_FACTOR) or not np.all(np.isfinite(factor)):
        raise ValueError(f"factors must be in [0, {MAX_FACTOR}), got {factor.min()} .. {factor.max()}")
    mantissa, exponent = np.frexp(factor)  # factor = mantissa * 2^exponent, mantissa in [0.5, 1)
    multiplier = np.rint(mantissa * 2.0**31).astype(np.int64)
    shift = -1 - exponent.astype(np.int64)
    carry = multiplier == 1 << 31
    multiplier = np.where(carry, multiplier >> 1, multiplier)
    shift = np.where(carry, shift - 1, shift)
    # A shift past 31 costs bits of the multiplier; a shift of 0 comes only from rounding up to 0.25 itself.
    excess = np.clip(shift - 31, 0, 32)
    multiplier = np.where(shift < 1, (1 << 31) - 1, multiplier >> excess)
    shift = np.clip(shift, 1, 31)
    return multiplier.astype(np.int32), shift.astype(np.uint8)


def apply(acc: Int64, multiplier: Int32, shift: UInt8) -> Int64:
    """floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), as dqa_requantize does it; acc in int32's range."""
    rounding = np.left_shift(np.int64(1), 31 + shift.astype(np.int64))
    return np.asarray((acc * multiplier.astype(np.int64) + rounding) >> (32 + shift.astype(np.int64)))
