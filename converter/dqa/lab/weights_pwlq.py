"""Piecewise linear quantization of weights (Fang et al., ECCV 2020): a fine grid for the centre [-p, p] and a coarse one for the tails.

A weight of b bits costs b + 1: one more says whether it lies in the centre or the tail. pw-1 lets the grid of the tail span the whole range
(overlapping), pw-2 puts it between p and the end. The breakpoint p of each channel comes from a search or from the paper's approximations
for normal and Laplace distributed weights. No book of shared levels: the executor does not run it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dqa.quantization.weights.levels import TINY
from dqa.support.arrays import Float64

Breakpoint = Literal["search", "normal", "laplace"]


def pwlq(weights: Float64, bits: int = 4, *, overlap: bool = False, breakpoint: Breakpoint = "search") -> Float64:
    """Quantized weights (O, K) of bits + 1 stored bits, bits >= 2. overlap: pw-1."""
    top = np.maximum(np.abs(weights).max(axis=1), TINY)
    if breakpoint != "search":
        return _quantize(weights, _formula(weights, top, breakpoint), top, bits, overlap)
    best = np.full(len(weights), 0.5)  # of the end of the range
    for width, reach in ((0.1, 5), (0.01, 10), (0.001, 10)):
        candidates = np.clip(best[:, None] + width * np.arange(-reach, reach + 1), 0.001, 0.999)
        errors = [np.square(_quantize(weights, c * top, top, bits, overlap) - weights).sum(axis=1) for c in candidates.T]
        best = candidates[np.arange(len(best)), np.argmin(errors, axis=0)]
    return _quantize(weights, best * top, top, bits, overlap)


def _formula(weights: Float64, top: Float64, kind: Breakpoint) -> Float64:
    """The paper's approximations of the best breakpoint (of pw-2), for weights in units of their standard deviation."""
    deviation = np.maximum(weights.std(axis=1), TINY)
    m = top / deviation
    p = np.log(0.86143114 * m + 0.60790110) if kind == "normal" else 0.80304483 * np.sqrt(m) - 0.31667855
    return np.asarray(np.clip(p, 0.001 * m, 0.999 * m) * deviation)


def _quantize(weights: Float64, p: Float64, top: Float64, bits: int, overlap: bool) -> Float64:
    """p, top: (O,). Centre, and tail of pw-1: `bits` bits with sign. Tail of pw-2: bits - 1 bits on either side, from p to the end."""
    p, top = p[:, None], top[:, None]
    if overlap:
        tail = _symmetric(weights, top, bits)
    else:
        coarse = (top - p) / ((1 << (bits - 1)) - 1)
        tail = np.sign(weights) * (p + np.rint((np.abs(weights) - p) / coarse) * coarse)
    return np.where(np.abs(weights) < p, _symmetric(weights, p, bits), tail)


def _symmetric(weights: Float64, top: Float64, bits: int) -> Float64:
    """Rounded to `bits` bits with sign over [-top, top]."""
    step = 2 * top / ((1 << bits) - 1)
    half = 1 << (bits - 1)
    return np.asarray(np.clip(np.rint(weights / step), -half, half - 1) * step)


def corrected(weights: Float64, quantized: Float64) -> Float64:
    """The paper's bias correction: mean and deviation of each channel as they were; needs no calibration data.

    The factor joins the scale of the channel; the offset is a further number that the sum of the inputs is multiplied by.
    """
    shifted = quantized + (weights - quantized).mean(axis=1, keepdims=True)
    ratio = weights.std(axis=1) / np.maximum(shifted.std(axis=1), TINY)
    return np.asarray(shifted * ratio[:, None])
