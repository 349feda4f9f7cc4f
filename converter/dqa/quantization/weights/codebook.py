"""Weights of 4 bits: a code book per layer and rounding that compensates its errors."""

from __future__ import annotations

import numpy as np

from dqa.quantization.weights.compensated import compensate, descend, rescaled, target
from dqa.quantization.weights.levels import BITS, Levels, largest_scales, round_to
from dqa.quantization.weights.lloydmax import fit
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float64

DAMPING = 0.2
"""Of `Moments.damped`. What calibration has not seen must not be sacrificed; 0.02 to 1 differ little on ic and kws."""
REFITS = 2


def compensated_codebook(weights: Float64, moments: Moments, damping: float = DAMPING, bits: int = BITS) -> Levels:
    """Levels of weights (O, K), all inputs in steps of like size."""
    covariance = moments.damped(damping)
    wanted = target(weights, moments, covariance)
    most = largest_scales(weights)
    book, scales = fit(wanted, bits, np.diag(covariance))
    levels = compensate(wanted, round_to(wanted, np.minimum(scales, most), book), covariance)
    for _ in range(REFITS):
        levels = rescaled(wanted, levels, covariance)
        levels = descend(wanted, Levels(levels.weights, np.minimum(levels.scales, most), book), covariance)
    return levels
