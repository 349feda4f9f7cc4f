"""NoisyQuant (Liu et al. 2023; kriskrisliu/NoisyQuant, fast_quant.py), carried over from linear layers to convolutional networks.

A scale per tensor, signed codes -2^(b-1) .. 2^(b-1) - 1 with s = clip / (2^(b-1) - 1), and a fixed bias: x^ = Q(x + bias) - bias.
Three searches, each for the least mean squared error of what reads the tensor: the clip in hundredths of max|x|, the mean mu of the bias
in fiftieths of s, and the amplitude a of noise, bias = mu + a * (2 * randn - 1) * s, one number per channel, in hundredths below 2.

Adapted: "what reads the tensor" is the next stage of the network, where the authors take one linear layer; the searches have the DQA
authors' numbers of candidates (theirs: 1000, 400, 2000) and run once on calibration samples, where the DQA authors' port repeats them
in every test batch; subtracting the bias is exact here, while a device folds it into the next layer, which zero padding and shortcuts
do not allow. With `noise` off this is that port, whose noise search always returns mu.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dqa.lab.methods.base import CONSUMER_SAMPLES, SCALE_BITS, Calibration, Stored
from dqa.lab.methods.checks import check_bits
from dqa.support.arrays import Float32

CLIPS = np.arange(100, 0, -1) / 100
MEANS = np.arange(-50, 50) / 50
AMPLITUDES = np.arange(200) / 100


@dataclass(frozen=True)
class NoisyQuantMethod:
    """loss: "output" of the next stage, as the authors, or of the "tensor" itself, which is much faster."""

    name: ClassVar[str] = "noisyquant"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = True

    bits: int
    noise: bool = True
    loss: Literal["output", "tensor"] = "output"

    def __post_init__(self) -> None:
        check_bits(self.bits, 2)

    def fit(self, calibration: Calibration) -> NoisyQuantizer:
        x = calibration.values[:CONSUMER_SAMPLES]
        if self.loss == "output" and calibration.consumers is None:
            raise ValueError("NoisyQuant needs the operators that read the tensor")
        follow = calibration.consumers if self.loss == "output" and calibration.consumers is not None else _itself
        wanted = follow(x)

        def error(quantizer: NoisyQuantizer) -> float:
            difference = (follow(quantizer.apply(x).values) - wanted).ravel()
            return float(np.dot(difference, difference))

        top, high = float(np.abs(x).max()) or 1.0, (1 << (self.bits - 1)) - 1
        zero = np.zeros(1, np.float32)
        best = _least(error, (NoisyQuantizer(self.bits, top * clip / high, zero) for clip in CLIPS))
        step = best.step
        best = _least(error, (NoisyQuantizer(self.bits, step, np.float32(step * mean) + zero) for mean in MEANS))
        if self.noise:
            draw = np.random.default_rng(calibration.seed).standard_normal(calibration.channels).astype(np.float32)
            base, mean = (2 * draw - 1) * np.float32(step), best.bias
            best = _least(error, (NoisyQuantizer(self.bits, step, mean + np.float32(a) * base) for a in AMPLITUDES))
        return best


@dataclass(frozen=True, eq=False)
class NoisyQuantizer:
    """bias: float32 (C,), or (1,) for one of the whole tensor."""

    bits: int
    step: float
    bias: Float32

    @property
    def table_bits(self) -> int:
        return SCALE_BITS * (1 + len(self.bias))

    def apply(self, x: Float32) -> Stored:
        half, step = 1 << (self.bits - 1), np.float32(self.step)
        return Stored(np.clip(np.rint((x + self.bias) / step), -half, half - 1) * step - self.bias, float(self.bits * x.size))


def _itself(x: Float32) -> Float32:
    return x


def _least(error: Callable[[NoisyQuantizer], float], candidates: Iterable[NoisyQuantizer]) -> NoisyQuantizer:
    """The first candidate of least error."""
    return min(candidates, key=error)
