"""DQA and direct quantization as the authors' released code computes them (gicLAB/eDQA, resnet_pad_saw.py).

Signed codes even for non-negative maps, a scale per channel from max|x| over the whole batch at run time, denominator 2^(n-1), rounding
half to even. The important channels are quantized to n + m bits; the code is that shifted right by m (arithmetic), the error its low m
bits, and both together are the n + m-bit value again: code + error / 2^m.

One slip is not reproduced: for floor(C * ratio) = 0 the authors' slice [-0:] makes every channel important; here none is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dqa.lab.methods.base import Calibration, Stored, rows
from dqa.lab.methods.checks import check_bits, check_share
from dqa.lab.methods.inband import inband_bits
from dqa.support.arrays import Bool, Float32, Int32


def signed_codes(x: Float32, bits: int | Int32) -> tuple[Float32, Float32]:
    """x (V, C) as codes -2^(bits-1) .. 2^(bits-1) - 1, whole float32 numbers (V, C), and the step of each channel, float32 (C,).

    bits: of all channels, or of each (C,). A channel that is 0 throughout has codes 0 and step 0.
    """
    half = np.exp2(np.asarray(bits, np.float32) - 1)
    step = channel_peaks(x) / half
    codes = x / np.where(step > 0, step, np.float32(1))
    np.rint(codes, out=codes)
    return np.asarray(np.clip(codes, -half, half - 1), np.float32), np.asarray(step, np.float32)


def channel_peaks(x: Float32) -> Float32:
    """max|x| of each channel, (C,), for x (V, C)."""
    fold = math.gcd(len(x), 256)  # long rows: numpy reduces those several times faster
    wide = x.reshape(len(x) // fold, -1)
    return np.asarray(np.maximum(wide.max(axis=0), -wide.min(axis=0)).reshape(fold, -1).max(axis=0))


@dataclass(frozen=True)
class PaperMethod:
    """DQA(n = bits, m = extra_bits, r = ratio): floor(C * r) channels, the last of `order`, keep their shifting error."""

    name: ClassVar[str] = "paper"
    uses_order: ClassVar[bool] = True
    uses_consumers: ClassVar[bool] = False

    bits: int
    extra_bits: int = 3
    ratio: float = 0.4

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, 12)
        if not 1 <= self.extra_bits <= 4:
            raise ValueError(f"'extra_bits' must be in 1..4 (got {self.extra_bits})")
        check_share("ratio", self.ratio)

    def fit(self, calibration: Calibration) -> PaperQuantizer:
        count = int(calibration.channels * self.ratio)
        if calibration.order is None:
            raise ValueError("the paper's DQA needs a ranking of the channels")
        chosen = np.zeros(calibration.channels, np.bool_)
        chosen[list(calibration.order)[calibration.channels - count :]] = True
        return PaperQuantizer(self.bits, self.extra_bits, chosen)


@dataclass(frozen=True, eq=False)
class PaperQuantizer:
    """important: bool (C,), the channels that keep their error. Everything else is found anew in every batch."""

    bits: int
    extra_bits: int
    important: Bool

    @property
    def table_bits(self) -> int:
        """The importance map; scales and Huffman tables are made at run time."""
        return len(self.important)

    def apply(self, x: Float32) -> Stored:
        codes, step = self._codes(x)
        bits = float(self.bits * x.size)
        if self.important.any():
            bits += sum(inband_bits(channel, self.extra_bits) for channel in self._errors(codes))
        # (code + error / 2^m) * step * 2^m is the n + m-bit code * step, in float32 too: factors of two are exact.
        return Stored(np.multiply(codes, step, out=codes).reshape(x.shape), bits)

    def split(self, x: Float32) -> tuple[Int32, Int32]:
        """The important channels of a batch: n-bit codes and shifting errors 0 .. 2^m - 1, both (important, V)."""
        codes, _ = self._codes(x)
        return np.floor_divide(codes[:, self.important].T, 1 << self.extra_bits).astype(np.int32), self._errors(codes)

    def _codes(self, x: Float32) -> tuple[Float32, Float32]:
        return signed_codes(rows(x), (self.bits + self.extra_bits * self.important).astype(np.int32))

    def _errors(self, codes: Float32) -> Int32:
        """The low m bits of two's complement numbers: what the arithmetic shift to n bits leaves out, never negative."""
        return np.ascontiguousarray(codes[:, self.important].T).astype(np.int32) & ((1 << self.extra_bits) - 1)


@dataclass(frozen=True)
class DirectMethod:
    """Direct quantization: every channel at n = `bits`, the authors' baseline."""

    name: ClassVar[str] = "direct"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: int

    def __post_init__(self) -> None:
        check_bits(self.bits, 1)

    def fit(self, calibration: Calibration) -> PaperQuantizer:
        return PaperQuantizer(self.bits, 0, np.zeros(calibration.channels, np.bool_))
