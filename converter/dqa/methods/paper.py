"""DQA and direct quantization as the authors' released code computes them (gicLAB/eDQA, resnet_pad_saw.py).

Signed codes even for non-negative maps, a scale per channel from max|x| over the whole batch at run time, denominator 2^(n-1), rounding
half to even. The important channels are quantized to n + m bits; the code is that shifted right by m (arithmetic), the error its low m
bits, and both together are the n + m-bit value again: code + error / 2^m.

One slip is not reproduced: for floor(C * ratio) = 0 the authors' slice [-0:] makes every channel important; here none is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dqa.methods.base import Calibration, Float32, Stored, rows
from dqa.methods.checks import check_bits, check_share
from dqa.methods.inband import inband_bits

Int32 = npt.NDArray[np.int32]


def signed_codes(x: Float32, bits: int) -> tuple[Int32, Float32]:
    """x (V, C) as codes -2^(bits-1) .. 2^(bits-1) - 1, int32 (V, C), and the step of each channel, float32 (C,).

    A channel that is 0 throughout has codes 0 and step 0.
    """
    half = 1 << (bits - 1)
    step = (np.abs(x).max(axis=0) / np.float32(half)).astype(np.float32)
    safe = np.where(step > 0, step, np.float32(1))
    return np.clip(np.rint(x / safe), -half, half - 1).astype(np.int32), step


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
    important: npt.NDArray[np.bool_]

    @property
    def table_bits(self) -> int:
        """The importance map; scales and Huffman tables are made at run time."""
        return len(self.important)

    def apply(self, x: Float32) -> Stored:
        flat = rows(x)
        out = np.empty_like(flat)
        codes, step = signed_codes(flat[:, ~self.important], self.bits)
        out[:, ~self.important] = step * codes.astype(np.float32)
        bits = float(self.bits * flat.size)
        if self.important.any():
            codes, errors, step = self.split(x)
            out[:, self.important] = step * (codes + errors.astype(np.float32) / (1 << self.extra_bits))
            bits += sum(inband_bits(channel, self.extra_bits) for channel in errors.T)
        return Stored(out.reshape(x.shape), bits)

    def split(self, x: Float32) -> tuple[Int32, Int32, Float32]:
        """The important channels of a batch: n-bit codes and errors 0 .. 2^m - 1, int32 (V, important), and the step of the codes."""
        codes, step = signed_codes(rows(x)[:, self.important], self.bits + self.extra_bits)
        return codes >> self.extra_bits, codes & ((1 << self.extra_bits) - 1), step * np.float32(1 << self.extra_bits)


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
