"""The integer parameters of each operator kind, from real scales (docs/format.md, section 5)."""

from __future__ import annotations

import numpy as np

from dqa.operators.float_base import Folded, Format
from dqa.operators.multiplier import MAX_FACTOR, requantization
from dqa.operators.records import Requantization
from dqa.support.arrays import Bool, Float32, Float64, Int16, Int32, UInt8

MUL_UNITS = 32
"""Parts of a step in which a MUL sees its inputs, so that the product of two steps has a factor that the requantization can express."""

NORMAL_WEIGHT = 4096
"""Largest weight of a NORMALIZATION."""


def requantize(bias: Float64, factor: Float64, floored: Bool) -> Requantization:
    """acc * factor, rounded to nearest, or, where `floored`, down: half an output step less in the bias.

    The direct channels of a map are floored here because the map's writer rounds them to its coarser step: floor, then round half up is one
    rounding, where rounding twice would lift values by 2^-(m+1) of a code on average.
    """
    multiplier, shift = requantization(factor)
    shifted = np.rint(bias - np.where(floored, 0.5 / np.maximum(factor, 1e-9), 0.0))
    return Requantization(np.clip(shifted, -(2**30), 2**30).astype(np.int32), multiplier, shift)


def requantize_sum(folded: Folded, target: Format) -> Requantization:
    """The requantization of the accumulators of what has weights.

    An output step finer than 4 accumulator steps carries no information; `finest_useful` keeps scales from getting there.
    """
    return requantize(folded.bias.astype(np.float64), folded.scales / target.scales, target.rounded_by_writer)


def coarsest(output_scales: Float64) -> Float64:
    """The largest accumulator scale whose factor to these output scales the requantization can express."""
    return output_scales * (MAX_FACTOR * (1 - 1e-9))


def finest_useful(accumulator_scales: Float64) -> Float64:
    """The smallest output scale whose factor the requantization can express."""
    return accumulator_scales / (MAX_FACTOR * (1 - 1e-9))


def weights(ratio_a: Float64, ratio_b: Float64) -> tuple[Int16, Int16, Float64]:
    """Two factors as int16 numbers with 15 bits of precision, and their unit: factor = number / unit."""
    # A unit above 2^30 would need a bias past int32.
    unit = 32767.0 / np.maximum(np.maximum(np.abs(ratio_a), np.abs(ratio_b)), 1e-9)
    # Below 1 / MAX_FACTOR a single step of an input leaves the output's range: it saturates.
    unit = np.clip(unit, (1 + 1e-9) / MAX_FACTOR, 2.0**30)
    weights_a, weights_b = (np.clip(np.rint(ratio * unit), -32767.0, 32767.0).astype(np.int16) for ratio in (ratio_a, ratio_b))
    return weights_a, weights_b, unit


def add(
    scales_a: Float64, zeros_a: Float64, scales_b: Float64, zeros_b: Float64, output_scales: Float64, floored: Bool
) -> tuple[Int16, Int16, Requantization]:
    """weights_a, weights_b and requantization of an ADD: both inputs in steps of the output.

    Scales below 0 subtract. An input of one channel serves all.
    """
    weights_a, weights_b, unit = weights(scales_a / output_scales, scales_b / output_scales)
    return weights_a, weights_b, requantize(-(weights_a * zeros_a + weights_b * zeros_b), 1.0 / unit, floored)


def prelu(scales: Float64, slopes: Float32, output_scales: Float64, floored: Bool) -> tuple[Int16, Int16, Requantization]:
    """Weights above and below 0, and requantization of a PRELU."""
    ratio = scales / output_scales
    above, below, unit = weights(ratio, ratio * slopes)
    return above, below, requantize(np.zeros_like(ratio), 1.0 / unit, floored)


def multiply(
    scales_a: Float64, zeros_a: Float64, scales_b: Float64, zeros_b: Float64, output_scales: Float64, floored: Bool
) -> tuple[Int16, Int16, Requantization]:
    """zeros_a, zeros_b and requantization of a MUL. An input of one channel serves all."""
    factor = scales_a * scales_b / output_scales / MUL_UNITS**2
    units_a, units_b = (np.broadcast_to(np.rint(zeros * MUL_UNITS), factor.shape).astype(np.int16) for zeros in (zeros_a, zeros_b))
    # Beyond the largest factor a product of single steps leaves the output's range: it saturates.
    return units_a, units_b, requantize(np.zeros_like(factor), np.minimum(factor, coarsest(np.ones(1))), floored)


def average(scales: Float64, zeros: Float64, output_scales: Float64, count: int, floored: Bool) -> Requantization:
    """The requantization of a mean of `count` elements: the executor's sum * ((32768 + count / 2) / count)."""
    reciprocal = (32768 + count // 2) // count
    unit = float(reciprocal * count)
    factor = np.minimum(scales / output_scales / unit, coarsest(np.ones(1)))  # beyond it a single step leaves the output's range
    return requantize(-zeros * unit, factor, floored)


def sums(unit: float, output_scales: Float64, floored: Bool) -> Requantization:
    """The requantization of sums in steps of `unit`."""
    factor = np.minimum(unit / output_scales, coarsest(np.ones(1)))  # beyond it a single step leaves the output's range
    return requantize(np.zeros_like(output_scales), factor, floored)


def wide(factor: Float64) -> tuple[Int32, UInt8]:
    """Multiplier and shift with multiplier / 2^shift closest to each factor > 0; shifts are 3..62."""
    mantissa, exponent = np.frexp(factor)
    multiplier, shift = np.rint(mantissa * 2.0**31).astype(np.int64), 31 - exponent.astype(np.int64)
    multiplier, shift = np.where(multiplier == 1 << 31, multiplier >> 1, multiplier), np.where(multiplier == 1 << 31, shift - 1, shift)
    multiplier = np.where(shift < 3, (1 << 31) - 1, multiplier >> np.clip(shift - 62, 0, 32))
    return multiplier.astype(np.int32), np.clip(shift, 3, 62).astype(np.uint8)


def normalization(gamma: Float64, beta: Float64, fraction: int, output_scales: Float64, floored: Bool) -> tuple[Int16, Requantization]:
    """Weights and requantization of a NORMALIZATION that weights numbers with `fraction` bits behind the point."""
    ratio, shift = gamma / output_scales / 2.0**fraction, beta / output_scales
    # Where a step of the number leaves the output's range it saturates; a larger unit would need a bias past int32.
    largest = np.minimum(2.0**30 / np.maximum(np.abs(shift), 1.0), NORMAL_WEIGHT / np.maximum(np.abs(ratio), 1e-12))
    unit = np.maximum(largest, (1 + 1e-9) / MAX_FACTOR)
    numbers = np.clip(np.rint(ratio * unit), -NORMAL_WEIGHT, NORMAL_WEIGHT).astype(np.int16)
    return numbers, requantize(np.clip(shift * unit, 1 - 2.0**30, 2.0**30 - 1), 1.0 / unit, floored)
