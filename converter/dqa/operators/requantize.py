"""The one requantization in Python: its check, and what it gives, as docs/format.md says."""

from __future__ import annotations

import numpy as np

from dqa.operators.base import check_array, require
from dqa.operators.records import Edge, Requantization
from dqa.support.arrays import Int8, Int64

PRODUCT = 128 * 128
"""The largest product of a weight and a value."""
POOL_SUM = ADD_SUM = 1 << 23
MUL_SUM = 1 << 26
NORMAL_SUM = 1 << 30
FOLDED_SHIFT = 22
"""Up to this shift a zero point may be added before it."""


def check_requantization(requantization: Requantization, channels: int, largest_sum: int) -> None:
    """largest_sum: of the accumulator without the bias. Raises ProgramError."""
    bias, multiplier, shift = requantization.bias, requantization.multiplier, requantization.shift
    check_array(bias, np.int32, (channels,), "bias")
    check_array(multiplier, np.int32, (channels,), "multiplier")
    check_array(shift, np.uint8, (channels,), "shift")
    require(int(np.abs(bias.astype(np.int64)).max()) + largest_sum < 1 << 31, "a bias lets the accumulator overflow")
    require(int(multiplier.min()) >= 0, "a negative multiplier")
    require(int(shift.min()) >= 1 and int(shift.max()) <= 31, "a shift outside 1..31")


def requantize(acc: Int64, multiplier: Int64, shift: Int64) -> Int64:
    """floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), exactly, for int32 sums."""
    # In two steps, since product and rounding together overflow int64; the floor of a floor is the floor.
    return ((acc * multiplier >> 31) + (np.int64(1) << shift)) >> (shift + 1)


def zero_points(edge: Edge) -> Int64:
    """Of each channel."""
    points = np.full(edge.channels, edge.zero_point) if edge.zero_points is None else edge.zero_points
    return points.astype(np.int64)


def folds_zero_point(values: Requantization, output: Edge) -> bool:
    """Whether a zero point that all channels share can be added before their shifts."""
    return output.zero_points is None and (output.zero_point == 0 or int(values.shift.max()) <= FOLDED_SHIFT)


def finish(acc: Int64, values: Requantization, output: Edge) -> Int8:
    """Sums (height, width, channels) without the bias as values of the output edge."""
    scaled = requantize(acc + values.bias, values.multiplier.astype(np.int64), values.shift.astype(np.int64))
    clamped: Int8 = np.clip(scaled + zero_points(output), output.low, output.high).astype(np.int8)
    return clamped


def average(total: Int64, count: Int64 | int) -> Int64:
    """The sum of `count` values in units of 2^-15 of their mean."""
    return total * ((32768 + count // 2) // count)
