"""Canonical Huffman codes of alphabets of up to 2^16 symbols; what calibration hardly saw is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dqa.coding.package_merge import code_lengths
from dqa.lab.entropy.bits import WINDOW, Bits, damaged
from dqa.lab.entropy.prefix import PrefixCode
from dqa.support.arrays import Int32, Int64

MAX_LENGTH = WINDOW
RARE = 2
"""Symbols seen less often than this have no codeword of their own."""
LENGTH_BITS = 5


@dataclass(frozen=True, eq=False)
class Huffman(PrefixCode):
    """A complete canonical code. The escape, where there is one, is the entry 2^bits, and `bits` raw bits follow its codeword.

    entries  int64 (E,), ascending: the symbols that have a codeword
    lengths  int64 (E,), 1..16: of their codewords
    """

    entries: Int64
    lengths: Int64

    @classmethod
    def fit(cls, counts: Int64, bits: int, max_length: int = MAX_LENGTH) -> Huffman:
        """The code of at most `max_length` bits, bits..16, with the fewest bits for `counts` (2^bits,); the rare share the escape."""
        if not bits <= max_length <= MAX_LENGTH:
            raise ValueError(f"codewords of at most {max_length} bits for symbols of {bits}, expected {bits}..{MAX_LENGTH}")
        entries = np.flatnonzero(counts >= RARE)
        weights = counts[entries]
        if len(entries) < 1 << bits:
            # Rare symbols foretell how often new ones will come (Good and Turing).
            entries = np.append(entries, 1 << bits)
            weights = np.append(weights, max(1, int(counts[counts < RARE].sum())))
        if len(entries) == 1:  # nothing was seen: a second codeword makes the code complete
            entries, weights = np.array([0, 1 << bits]), np.array([1, 1])
        return cls(bits, entries, code_lengths(weights, max_length))

    @property
    def table_bits(self) -> int:
        """Length by length, 5 bits each, 0 for a symbol without codeword; or symbol and length of each entry; a bit says which."""
        return 1 + min(((1 << self.bits) + 1) * LENGTH_BITS, self.bits + 1 + len(self.entries) * (self.bits + LENGTH_BITS))

    @property
    def max_length(self) -> int:
        escape = int(self.lengths[-1]) + self.bits if self._escaped else 0
        return max(int(self.lengths.max()), escape)

    @property
    def _escaped(self) -> bool:
        return int(self.entries[-1]) == 1 << self.bits

    @cached_property
    def _order(self) -> Int64:
        """The entries' places in canonical order: by length, then by symbol."""
        return np.argsort(self.lengths, kind="stable")

    @cached_property
    def _by_window(self) -> Int32:
        """(2^16,): the place in `entries` of the codeword that the 16 bits begin with."""
        return np.repeat(self._order, np.int64(1) << (WINDOW - self.lengths[self._order])).astype(np.int32)

    @cached_property
    def _of_symbol(self) -> Int64:
        """(2^bits, 2): codeword and length of every symbol, the escape's with the symbol behind it where it has none."""
        ordered = self.lengths[self._order]
        codes = np.empty(len(ordered), np.int64)
        codes[self._order] = np.concatenate([[0], np.cumsum(np.int64(1) << (WINDOW - ordered))[:-1]]) >> (WINDOW - ordered)
        table = np.empty(((1 << self.bits) + 1, 2), np.int64)
        if self._escaped:
            table[:, 0] = codes[-1] << self.bits | np.arange(len(table))
            table[:, 1] = self.lengths[-1] + self.bits
        table[self.entries] = np.stack([codes, self.lengths], axis=1)
        return table[:-1]

    def words(self, symbols: Int64) -> tuple[Int64, Int64]:
        return self._of_symbol[symbols, 0], self._of_symbol[symbols, 1]

    def lengths_at(self, bits: Bits, positions: Int64) -> Int64:
        entry = self._by_window[bits.window[positions]]
        return self.lengths[entry] + self.bits * (self.entries[entry] >> self.bits)

    def symbols_at(self, bits: Bits, positions: Int64) -> Int64:
        entry = self._by_window[bits.window[positions]]
        symbols = self.entries[entry]
        escaped = np.flatnonzero(symbols >> self.bits)
        raw = bits.peek(positions[escaped] + self.lengths[entry[escaped]], self.bits)
        if np.isin(raw, self.entries).any():
            raise damaged("escapes a symbol that has a codeword")
        symbols[escaped] = raw
        return symbols
