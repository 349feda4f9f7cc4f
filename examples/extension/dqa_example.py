"""A ranking, a method, a study's ranking and a coder of one's own, each in about ten lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dqa.lab.entropy.bits import Bits
from dqa.lab.entropy.prefix import PrefixCode
from dqa.lab.methods.base import Calibration, Quantizer, Stored
from dqa.support.arrays import Float32, Float64, Int64


def sparse(*, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """`dqa convert --ranking sparse`: by the error saved for the energy there is, so that quiet channels count, too."""
    return np.asarray(gain * sensitivity / np.sqrt(energy + 1e-12))


@dataclass(frozen=True)
class Companded:
    """`{method: companded, bits: 4}` in a study: uniform codes of the square root, finer for small values."""

    name: ClassVar[str] = "companded"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False
    bits: int

    def fit(self, calibration: Calibration) -> Quantizer:
        return CompandedQuantizer(self.bits, float(np.sqrt(np.abs(calibration.values).max() or 1.0)))


@dataclass(frozen=True)
class CompandedQuantizer:
    """top: of the square roots."""

    bits: int
    top: float
    table_bits: ClassVar[int] = 32

    def apply(self, x: Float32) -> Stored:
        levels = (1 << self.bits - 1) - 1
        codes = np.clip(np.rint(np.sqrt(np.abs(x)) / self.top * levels), 0, levels)
        return Stored(np.asarray(np.sign(x) * np.square(codes * self.top / levels), np.float32), float(self.bits * x.size))


def by_peak(runner: Any, samples: Any, bits: int, extra_bits: int, seed: int, done: Any) -> tuple[dict[int, list[int]], int, float]:
    """`ranking: by_peak` in a study: channels in ascending order of their largest value; no evaluations, one run."""
    peaks = {index: np.zeros(runner.graph.tensors[index].shape[-1]) for index in runner.hooks}

    def watch(index: int) -> Any:
        def look(values: Float32) -> Float32:
            np.maximum(peaks[index], np.abs(values).reshape(-1, values.shape[-1]).max(axis=0), out=peaks[index])
            return values

        return look

    runner.run(samples.x, {index: watch(index) for index in runner.hooks})
    done(len(runner.hooks))
    return {index: np.argsort(peak, kind="stable").tolist() for index, peak in peaks.items()}, 0, 1.0


@dataclass(frozen=True)
class Unary(PrefixCode):
    """`dqa.lab.entropy.fit("unary", maps, bits)`, of at most 5 bits: a symbol s is s bits 0 and a 1."""

    @classmethod
    def fit(cls, counts: Int64, bits: int) -> Unary:
        return cls(bits)

    @property
    def table_bits(self) -> int:
        return 0

    @property
    def max_length(self) -> int:
        return 1 << self.bits

    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        return np.ones_like(symbols), symbols + 1

    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        return self.symbols_at(bits, positions) + 1

    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        return np.asarray(bits.next_one[positions] - positions)
