"""Sparse exponential-Golomb codes (SEG; Georgiadis, "Accelerating convolutional neural networks via activation map compression",
arXiv 1812.04056): a bit for zero, an exponential-Golomb code of order k for the others. Needs no table but k."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dqa.lab.entropy.bits import WINDOW, Bits
from dqa.lab.entropy.prefix import PrefixCode
from dqa.support.arrays import Int64

ORDER_BITS = 4


@dataclass(frozen=True)
class SparseExpGolomb(PrefixCode):
    """0 is the bit 0. x > 0 is the bit 1, then with v = x - 1, u = (v >> k) + 1 and z = floor(log2 u): z bits 0, u in z + 1 bits, and the
    k low bits of v. So x in 1 .. 2^k takes k + 2 bits, each following interval of twice the width 2 bits more.

    order: k, 0..15.
    """

    order: int = 0

    @classmethod
    def fit(cls, counts: Int64, bits: int) -> SparseExpGolomb:
        """The order that takes the fewest bits for `counts` (2^bits,); the lowest of equal ones."""
        return min((cls(bits, order) for order in range(bits)), key=lambda code: code.cost(counts))

    @property
    def table_bits(self) -> int:
        return ORDER_BITS

    @property
    def max_length(self) -> int:
        return int(self.words(np.array([(1 << self.bits) - 1]))[1][0])

    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        v = np.maximum(symbols - 1, 0)
        u = (v >> self.order) + 1
        zeros = np.frexp(u.astype(np.float64))[1].astype(np.int64) - 1
        lengths = 2 + 2 * zeros + self.order
        low = v & (1 << self.order) - 1
        words = np.int64(1) << (lengths - 1) | u << self.order | low
        return np.where(symbols > 0, words, 0), np.where(symbols > 0, lengths, 1)

    def _zeros(self, bits: Bits, positions: Int64) -> Int64:
        """z of the codewords that start at `positions`, kept where a window reaches in streams that are corrupt."""
        return np.asarray(np.minimum(bits.next_one[positions + 1] - (positions + 1), WINDOW - 1))

    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        return np.where(bits.peek(positions, 1) > 0, 2 + 2 * self._zeros(bits, positions) + self.order, 1)

    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        zeros = self._zeros(bits, positions)
        u = bits.peek(positions + 1 + zeros, zeros + 1)
        low = bits.peek(positions + 2 + 2 * zeros, self.order)
        return np.where(bits.peek(positions, 1) > 0, ((u - 1) << self.order | low) + 1, 0)
