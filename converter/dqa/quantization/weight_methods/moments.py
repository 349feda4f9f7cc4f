"""What calibration says about the inputs of a layer: enough to know what an error in its weights does to its sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Of the K inputs x that each output of a layer weighs, seen in a network whose earlier layers are quantized, and of y, the same in
    the float network.

    mean, float_mean  (K,) means of x and of y
    covariance        (K, K) of x
    cross             (K, K) covariance of y (rows) and x (columns)
    """

    mean: Floats
    float_mean: Floats
    covariance: Floats
    cross: Floats

    def scaled(self, factor: Floats) -> Moments:
        """Of the inputs times `factor` (K,)."""
        both = np.outer(factor, factor)
        return Moments(self.mean * factor, self.float_mean * factor, self.covariance * both, self.cross * both)

    def damped(self, share: float) -> Floats:
        """The covariance with `share` of its mean diagonal added to the diagonal: calibration has seen only so much."""
        diagonal = float(np.trace(self.covariance)) / len(self.mean)
        return self.covariance + max(share * diagonal, 1e-12) * np.eye(len(self.mean))


class MomentSum:
    """Moments of batches of (rows, K) of x and y."""

    def __init__(self, inputs: int) -> None:
        self.rows = 0
        self.x, self.y = np.zeros(inputs), np.zeros(inputs)
        self.xx, self.yx = np.zeros((inputs, inputs)), np.zeros((inputs, inputs))

    def add(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> None:
        self.rows += len(x)
        self.x += x.sum(axis=0, dtype=np.float64)
        self.y += y.sum(axis=0, dtype=np.float64)
        self.xx += x.T @ x
        self.yx += y.T @ x

    def moments(self) -> Moments:
        mean, float_mean = self.x / self.rows, self.y / self.rows
        covariance = self.xx / self.rows - np.outer(mean, mean)
        return Moments(mean, float_mean, (covariance + covariance.T) / 2, self.yx / self.rows - np.outer(float_mean, mean))
