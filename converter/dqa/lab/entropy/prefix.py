"""Prefix codes of symbols 0 .. 2^bits - 1: what they have in common, and the two that need no table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dqa.lab.entropy.bits import Bits, damaged
from dqa.support.arrays import Int64

MAX_BITS = 16


@dataclass(frozen=True)
class PrefixCode(ABC):
    """A code whose codewords end by themselves. bits: of a symbol, 1..16."""

    bits: int

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise ValueError(f"symbols of {self.bits} bits, expected 1..{MAX_BITS}")

    @property
    @abstractmethod
    def table_bits(self) -> int:
        """What a decoder has to be given once, in bits."""

    @property
    @abstractmethod
    def max_length(self) -> int:
        """The longest codeword in bits."""

    @abstractmethod
    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        """Codewords and their lengths, (n,) each."""

    @abstractmethod
    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        """The length >= 1 of the codeword that starts at each position (n,), whatever the bits there are."""

    @abstractmethod
    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        """The symbols of the codewords that start at `positions` (n,); may pass 2^bits - 1 in a corrupt stream."""

    def cost(self, counts: Int64) -> int:
        """The bits that symbols take which occur `counts` (2^bits,) times."""
        seen = np.flatnonzero(counts)
        return int(self.words(seen)[1] @ counts[seen])

    def read(self, bits: Bits, position: int, count: int) -> tuple[Int64, int]:
        """`count` symbols from `position` on, and where they end. Raises DataError where it ends before, or holds none."""
        # The length is found for every place at once; the walk from codeword to codeword is then a look-up each.
        last = min(bits.size, position + count * self.max_length)
        following = (np.arange(position, last) + self.lengths_at(bits, np.arange(position, last))).tolist()
        starts = np.empty(count, np.int64)
        at = position
        for i in range(count):
            if at >= last:
                raise damaged(f"ends after {i} of {count} symbols")
            starts[i] = at
            at = following[at - position]
        if at > bits.size:
            raise damaged(f"ends inside the last of {count} symbols")
        symbols = self.symbols_at(bits, starts)
        if (symbols >> self.bits).any():
            raise damaged(f"holds a symbol that is not in 0..{(1 << self.bits) - 1}")
        return symbols, at


@dataclass(frozen=True)
class Raw(PrefixCode):
    """Symbols as they are."""

    @classmethod
    def fit(cls, counts: Int64, bits: int) -> Raw:
        return cls(bits)

    @property
    def table_bits(self) -> int:
        return 0

    @property
    def max_length(self) -> int:
        return self.bits

    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        return symbols, np.full(len(symbols), self.bits)

    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        return np.full(len(positions), self.bits)

    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        return bits.peek(positions, self.bits)


@dataclass(frozen=True)
class ZeroValue(PrefixCode):
    """Zero-value coding: the bit 0 for a zero, the bit 1 and the symbol for another (the mask beside the values, not apart from them)."""

    @classmethod
    def fit(cls, counts: Int64, bits: int) -> ZeroValue:
        return cls(bits)

    @property
    def table_bits(self) -> int:
        return 0

    @property
    def max_length(self) -> int:
        return 1 + self.bits

    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        return np.where(symbols > 0, symbols | 1 << self.bits, 0), np.where(symbols > 0, 1 + self.bits, 1)

    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        return 1 + self.bits * bits.peek(positions, 1)

    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        return bits.peek(positions + 1, self.bits) * bits.peek(positions, 1)
