"""What calibration says about the inputs of a layer: enough to know what an error in its weights does to its sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dqa.support.arrays import Float32, Float64

TINY = 1e-30
ROUNDING = 2.0**-20
"""Relative error of sums of float32 products, with some room."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Of the K inputs x that each output of a layer weighs, seen in a network whose earlier layers are quantized, and of y, the same in
    the float network.

    mean, float_mean  (K,) means of x and of y
    covariance        (K, K) of x
    cross             (K, K) covariance of y (rows) and x (columns)
    rows              how many x they were taken over
    """

    mean: Float64
    float_mean: Float64
    covariance: Float64
    cross: Float64
    rows: int

    def scaled(self, factor: Float64) -> Moments:
        """Of the inputs times `factor` (K,)."""
        both = np.outer(factor, factor)
        return Moments(self.mean * factor, self.float_mean * factor, self.covariance * both, self.cross * both, self.rows)

    def damped(self, share: float) -> Float64:
        """The covariance with `share` of its mean diagonal, and as much more as there are inputs for each row, added to the diagonal:
        calibration has seen only so much. Of fewer rows than inputs most directions are unknown, and an error that is moved there comes
        back with other samples (the weight of the shrinkage falls with K / rows as in Ledoit and Wolf 2004).

        At least what float32 leaves uncertain is added, so that the result is positive definite where inputs are constant, too.
        """
        inputs = len(self.mean)
        diagonal = float(np.trace(self.covariance)) / inputs
        uncertain = inputs * ROUNDING * float(np.square(self.mean).mean() + diagonal)
        return self.covariance + max((share + inputs / self.rows) * diagonal, uncertain, 1e-12) * np.eye(inputs)


class MomentSum:
    """Moments of batches of (rows, K) of x and y. largest: about the largest magnitude of either, so that squares neither over- nor
    underflow in float32."""

    def __init__(self, inputs: int, largest: float = 1.0) -> None:
        self.rows = 0
        self.unit = np.float32(2.0 ** float(np.clip(np.rint(np.log2(max(largest, TINY))), -100, 100)))  # a power of 2 rounds nothing
        self.x, self.y = np.zeros(inputs), np.zeros(inputs)
        self.xx, self.yx = np.zeros((inputs, inputs)), np.zeros((inputs, inputs))

    def add(self, x: Float32, y: Float32) -> None:
        self.rows += len(x)
        self.x += x.sum(axis=0, dtype=np.float64)
        self.y += y.sum(axis=0, dtype=np.float64)
        x, y = x / self.unit, y / self.unit
        self.xx += x.T @ x
        self.yx += y.T @ x

    def moments(self) -> Moments:
        mean, float_mean = self.x / self.rows, self.y / self.rows
        square = float(self.unit) ** 2 / self.rows
        covariance = self.xx * square - np.outer(mean, mean)
        return Moments(mean, float_mean, (covariance + covariance.T) / 2, self.yx * square - np.outer(float_mean, mean), self.rows)
