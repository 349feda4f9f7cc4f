"""Rounding to levels that makes later weights compensate the errors of earlier ones, so that the layer's sums stay right.

With the bias correcting the mean (`corrected_bias`), the squared error of a layer's sums is tr(E C E^T), E the error of the weights and C
the covariance of the inputs. First the weights are rounded one input at a time, the error of each spread over those still to come
(optimal brain quantization in the fixed order of GPTQ, Frantar et al. 2022), then one at a time again, each to the level that is best given
all the others, until none moves (cyclic coordinate descent, QuantEase, Behdin et al. 2023). No labels, no random choice.
"""

from __future__ import annotations

import numpy as np

from dqa.quantization.weights.levels import TINY, Levels, nearest
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float64, Int64

SWEEPS = 8


def target(weights: Float64, moments: Moments, covariance: Float64) -> Float64:
    """The weights (O, K) that, on the inputs of the quantized network, give the sums of the float network as well as possible.

    The regression of the float network's sums on x, drawn to `weights` where calibration says little (covariance is damped).
    """
    return weights + np.linalg.solve(covariance, (weights @ (moments.cross - moments.covariance)).T).T


def compensate(weights: Float64, levels: Levels, covariance: Float64) -> Levels:
    """Levels of the same book and scales, chosen to make weights (O, K) right in sum."""
    return descend(weights, spread(weights, levels, *ordered_factor(covariance)), covariance)


def ordered_factor(covariance: Float64) -> tuple[Int64, Float64]:
    """An order of the K inputs, and the upper factor of the inverse of their covariance in it: inverse = factor^T factor."""
    order = np.argsort(-np.diag(covariance), kind="stable")
    ordered = covariance[np.ix_(order, order)]
    try:
        return order, np.linalg.cholesky(np.linalg.inv(ordered)).T
    except np.linalg.LinAlgError:  # inputs so much alike, or so small, that rounding takes it for singular: the descent alone remains
        return order, np.eye(len(ordered))


def spread(weights: Float64, levels: Levels, order: Int64, factor: Float64) -> Levels:
    """Levels of the same book and scales: each input's in `order`, its errors spread over the weights still to come."""
    book, scales = levels.book.astype(np.float64), levels.scales[:, None]
    rest = weights[:, order] / scales
    chosen = np.empty_like(rest)
    for k in range(rest.shape[1]):
        chosen[:, k] = nearest(rest[:, k], book)
        rest[:, k + 1 :] -= np.outer((rest[:, k] - chosen[:, k]) / factor[k, k], factor[k, k + 1 :])
    result = np.empty_like(chosen)
    result[:, order] = chosen
    return Levels(result.astype(np.int8), levels.scales, levels.book)


def descend(weights: Float64, levels: Levels, covariance: Float64) -> Levels:
    """Coordinate descent from the given levels; the error never rises."""
    book, scales = levels.book.astype(np.float64), levels.scales[:, None]
    chosen, diagonal = levels.weights.astype(np.float64), np.maximum(np.diag(covariance), TINY)
    slope = (weights / scales - chosen) @ covariance
    for _ in range(SWEEPS):
        moved = 0
        for k in range(chosen.shape[1]):
            best = nearest(chosen[:, k] + slope[:, k] / diagonal[k], book)
            rows = np.flatnonzero(best != chosen[:, k])
            slope[rows] -= np.outer(best[rows] - chosen[rows, k], covariance[k])
            chosen[rows, k] = best[rows]
            moved += len(rows)
        if not moved:
            break
    return Levels(chosen.astype(np.int8), levels.scales, levels.book)


def rescaled(weights: Float64, levels: Levels, covariance: Float64) -> Levels:
    """The same levels with the scale of each channel that gives the least error; as it was where that is not positive."""
    chosen = levels.weights.astype(np.float64)
    spread = chosen @ covariance
    found = (weights * spread).sum(axis=1) / np.maximum((chosen * spread).sum(axis=1), TINY)
    return Levels(levels.weights, np.where(found > TINY, found, levels.scales), levels.book)


def error(weights: Float64, values: Float64, covariance: Float64) -> Float64:
    """Mean squared error of the sums of each output channel, (O,), the mean corrected."""
    difference = weights - values
    return np.asarray(((difference @ covariance) * difference).sum(axis=1))


def corrected_bias(bias: Float64, weights: Float64, values: Float64, moments: Moments) -> Float64:
    """The bias (O,) with which quantized weights give, on average, the sums that float weights give in the float network."""
    return np.asarray(bias + weights @ moments.float_mean - values @ moments.mean)
