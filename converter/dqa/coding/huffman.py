"""Canonical, length-limited Huffman codes of the shifting errors (docs/format.md, "Huffman table")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dqa.coding.package_merge import code_lengths
from dqa.support.arrays import Integer, UInt8

MAX_LENGTH = 8
MAX_SYMBOL_BITS = 4


@dataclass(frozen=True)
class HuffmanTable:
    """A complete canonical code; `lengths` gives the codeword length (1..8) of each of 2^m symbols, m in 1..4.

    Raises ValueError for another number of symbols, a length out of range or a code that is not complete.
    """

    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.lengths) not in {1 << bits for bits in range(1, MAX_SYMBOL_BITS + 1)}:
            raise ValueError(f"a Huffman table of {len(self.lengths)} symbols; expected 2, 4, 8 or 16")
        if any(not 1 <= length <= MAX_LENGTH for length in self.lengths):
            raise ValueError(f"Huffman lengths {self.lengths} are outside 1..{MAX_LENGTH}")
        if sum(1 << (MAX_LENGTH - length) for length in self.lengths) != 1 << MAX_LENGTH:
            raise ValueError(f"Huffman lengths {self.lengths} do not form a complete code")

    @classmethod
    def from_counts(cls, counts: Sequence[int] | Integer, max_length: int = MAX_LENGTH) -> HuffmanTable:
        """The code of at most `max_length` bits with the fewest bits for `counts` (package-merge); counts of 0 become 1.

        Equal counts favour the lower symbol. Raises ValueError where 2^max_length codewords are too few for the symbols.
        """
        weights = [max(1, int(count)) for count in counts]
        if not 1 <= max_length <= MAX_LENGTH or len(weights) > 1 << max_length:
            raise ValueError(f"no code of at most {max_length} bits for {len(weights)} symbols")
        return cls(tuple(int(length) for length in code_lengths(weights, max_length)))

    @property
    def symbol_bits(self) -> int:
        """m: symbols are 0 .. 2^m - 1."""
        return len(self.lengths).bit_length() - 1

    @property
    def max_length(self) -> int:
        """L, the longest codeword in bits."""
        return max(self.lengths)

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The codeword of each symbol, in its `length` low bits."""
        codes, code, previous = [0] * len(self.lengths), 0, 0
        for length, symbol in sorted((length, symbol) for symbol, length in enumerate(self.lengths)):
            code <<= length - previous
            codes[symbol] = code
            code, previous = code + 1, length
        return tuple(codes)

    @cached_property
    def decode_table(self) -> tuple[int, ...]:
        """Indexed by the next max_length bits: symbol | length << 4."""
        table = [0] * (1 << self.max_length)
        for symbol, (length, code) in enumerate(zip(self.lengths, self.codes, strict=True)):
            free = self.max_length - length
            for index in range(code << free, (code + 1) << free):
                table[index] = symbol | length << 4
        return tuple(table)

    def encoded_bits(self, counts: Sequence[int] | Integer) -> int:
        """Bits that `counts` occurrences of the symbols take."""
        return sum(int(count) * length for count, length in zip(counts, self.lengths, strict=True))

    def encode(self, symbols: npt.ArrayLike) -> UInt8:
        """Symbols (count,) as bytes, most significant bit first, the last byte filled with 0 bits."""
        index = np.asarray(symbols, np.intp)
        lengths = np.array(self.lengths)[index]
        left_aligned = np.array(self.codes)[index] << (self.max_length - lengths)
        position = np.arange(self.max_length)
        bits = (left_aligned[:, None] >> (self.max_length - 1 - position)) & 1
        return np.packbits(bits[position < lengths[:, None]].astype(np.uint8))

    def decode(self, data: npt.ArrayLike, count: int) -> UInt8:
        """The first `count` symbols of `data`. Raises ValueError where it ends before."""
        source = np.asarray(data, np.uint8)
        bits = np.concatenate([np.unpackbits(source), np.zeros(self.max_length, np.uint8)])
        windows = np.zeros(len(bits) - self.max_length + 1, np.intp)
        for offset in range(self.max_length):
            windows = windows << 1 | bits[offset : offset + len(windows)]
        symbols, position = np.empty(count, np.uint8), 0
        for i in range(count):
            if position >= 8 * len(source):
                raise ValueError(f"{len(source)} bytes end before symbol {i} of {count}")
            entry = self.decode_table[windows[position]]
            symbols[i] = entry & 15
            position += entry >> 4
        if position > 8 * len(source):
            raise ValueError(f"{len(source)} bytes end inside the last of {count} symbols")
        return symbols
