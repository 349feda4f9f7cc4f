"""Predicted cost in accuracy of storing an activation with few bits.

Rounding errors act as noise of known power on the sums that read them. With e[c] the mean squared rounding error of channel c, v[c] its
variance and g[c] the sum of the squared weights that multiply it, the ratio sum(e g) / sum(v g) is the noise that the edge adds to its
consumers' sums, relative to what varies in them: an offset tells nothing apart. Noises of different edges are independent to first order,
so the losses of the edges of a network add up; the planner compares sums, it does not predict percentages.
"""

from __future__ import annotations

import numpy as np

from dqa.quantization.calibrated import Calibrated
from dqa.quantization.clipping import best_step
from dqa.quantization.histogram import Histogram
from dqa.quantization.ranking import most_important
from dqa.quantization.sensitivity import sensitivities
from dqa.quantization.shared_range import non_negative
from dqa.support.arrays import Float64


class EdgeLoss:
    """Noise-to-signal ratio that an activation adds to its consumers' sums, for any number of bits."""

    def __init__(self, network: Calibrated, tensor: int) -> None:
        self._counts, self._centers = Histogram.stack(Histogram.of_channels(network.statistics[tensor], bins=256))
        self._total = np.maximum(self._counts.sum(axis=1), 1)
        self._weights = sensitivities(network.graph, tensor)
        self._signed = not non_negative(network.graph, tensor)
        self._signal = float((self._variance() * self._weights).sum())
        self._noise: dict[int, Float64] = {}

    def _variance(self) -> Float64:
        mean = (self._counts * self._centers).sum(axis=1) / self._total
        return np.asarray((self._counts * (self._centers - mean[:, None]) ** 2).sum(axis=1) / self._total)

    def _of(self, bits: int) -> Float64:
        """Noise per channel at the consumers, for codes of that many bits."""
        if bits not in self._noise:
            self._noise[bits] = best_step(self._counts, self._centers, bits, self._signed)[1] / self._total * self._weights
        return self._noise[bits]

    def direct(self, bits: int) -> float:
        """All channels with codes of `bits` bits."""
        return float(self._of(bits).sum()) / self._signal if self._signal > 0 else 0.0

    def dqa(self, code_bits: int, extra_bits: int, ratio: float) -> float:
        """The share `ratio` of the channels, those that gain most, with extra bits."""
        if self._signal <= 0:
            return 0.0
        coarse, fine = self._of(code_bits), self._of(code_bits + extra_bits)
        noise = coarse.copy()
        kept = list(most_important(coarse - fine, ratio))
        noise[kept] = fine[kept]
        return float(noise.sum()) / self._signal
