"""Weights of 4 bits as affine codes (dqa.operators.affine): w ~ scale * (least + 8 * code), a scale and a least weight for each output.

An operator then sums codes as they are and adds the least weight times the sum of its inputs, which all output channels share.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dqa.operators.affine import CODES, STEP, books_of
from dqa.quantization.weights.compensated import descend, error, ordered_factor, rescaled, spread, target
from dqa.quantization.weights.levels import TINY, Levels, largest_scales, round_to
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float64

DAMPING = 0.2
"""As that of code books."""
RATIOS = (0.625, 0.775, 0.925, 1.075)
"""Of the range of a channel's weights, what the codes span."""
SHIFTS = (-1, 0, 1)
"""Of the least weight that puts the codes in the middle of that range, in steps."""
LAST, MIDDLE, MOST_SHIFT = CODES - 1, -8, 4
"""The largest code; the least weight of codes around 0 in steps, and how far from it one may be."""
REFITS = 2


def _placed(weights: Float64, ratio: float, shift: int, most: Float64) -> Levels:
    """The nearest levels to weights (O, K) with codes over `ratio` of their range. most: (O,), the largest scales."""
    low, high = np.minimum(weights.min(axis=1), 0), np.maximum(weights.max(axis=1), 0)
    scales = np.minimum(np.maximum(ratio * (high - low) / LAST, TINY) / STEP, most)
    middle = np.rint((low + high) / (2 * STEP * scales) - LAST / 2 - MIDDLE) + shift
    return round_to(weights, scales, books_of(STEP * (MIDDLE + np.clip(middle, -MOST_SHIFT, MOST_SHIFT))[:, None].astype(np.int8)))


def _better(a: Levels, b: Levels, errors: Callable[[Levels], Float64]) -> Levels:
    """Of each output channel those of less error, (O,)."""
    take = errors(b) < errors(a)
    rows = take[:, None]
    return Levels(np.where(rows, b.weights, a.weights), np.where(take, b.scales, a.scales), np.where(rows, b.book, a.book))


def compensated_affine(weights: Float64, moments: Moments, damping: float = DAMPING) -> Levels:
    """Levels of weights (O, K), all inputs in steps of like size, whose books are affine."""
    covariance = moments.damped(damping)
    wanted, most = target(weights, moments, covariance), largest_scales(weights)
    order, factor = ordered_factor(covariance)
    found: Levels | None = None
    for ratio in RATIOS:
        for shift in SHIFTS:
            tried = spread(wanted, _placed(wanted, ratio, shift, most), order, factor)
            found = tried if found is None else _better(found, tried, lambda levels: error(wanted, levels.values, covariance))
    assert found is not None
    for _ in range(REFITS):
        found = rescaled(wanted, found, covariance)
        found = descend(wanted, Levels(found.weights, np.minimum(found.scales, most), found.book), covariance)
    return found


def nearest_affine(weights: Float64) -> Levels:
    """The nearest levels to weights (O, K), of the ratio that gives the least squared error."""
    most = largest_scales(weights)
    found = _placed(weights, 1.0, 0, most)
    for ratio in RATIOS:
        found = _better(found, _placed(weights, ratio, 0, most), lambda levels: np.square(levels.values - weights).sum(axis=1))
    return found
