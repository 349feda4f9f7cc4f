"""Codewords into bytes and back: every codeword at once, most significant bit first, the last byte filled with 0 bits."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from dqa.errors import DataError
from dqa.support.arrays import Int32, Int64

WINDOW = 16
"""Bits that `Bits.window` sees at once."""


def damaged(what: str) -> DataError:
    """The error for a coded map that cannot be what an encoder wrote."""
    return DataError(f"coded map: {what}", hint="the bytes are truncated or corrupt, or were written with other tables")


def pack_words(words: Int64, lengths: Int64) -> bytes:
    """Codewords `words` (n,), each in its `lengths` (n,) low bits, 1..48, one after the other."""
    total = int(lengths.sum())
    last = np.repeat(np.cumsum(lengths), lengths)  # where the codeword of each bit ends
    shift = last - 1 - np.arange(total)
    return np.packbits(((np.repeat(words, lengths) >> shift) & 1).astype(np.uint8)).tobytes()


class Bits:
    """A stream of bits to be read at any position."""

    def __init__(self, data: bytes) -> None:
        self.data = np.frombuffer(data, np.uint8)
        self.size = 8 * len(data)

    @cached_property
    def window(self) -> Int32:
        """int32 (size + 64,): the 16 bits from each position; bits past the end are 0."""
        padded = np.concatenate([self.data, np.zeros(8 + 2, np.uint8)]).astype(np.int32)
        three = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
        return np.asarray((three[:, None] >> np.arange(8, 0, -1)) & 0xFFFF, np.int32).reshape(-1)

    @cached_property
    def next_one(self) -> Int64:
        """(size + 64,): the position of the first 1 at or after each position, the size + 64 where there is none."""
        bits = np.unpackbits(np.concatenate([self.data, np.zeros(8, np.uint8)]))
        place = np.where(bits, np.arange(len(bits)), len(bits))
        return np.minimum.accumulate(place[::-1])[::-1]

    def peek(self, positions: Int64, width: npt.ArrayLike) -> Int64:
        """The numbers of `width` bits, 0..16 (one for all or one each), at `positions` (n,) up to the end of the stream."""
        return self.window[positions].astype(np.int64) >> (WINDOW - np.asarray(width, np.int64))

    def check_end(self, position: int) -> None:
        """Raises DataError unless `position` is the end of what was written."""
        if not position <= self.size < position + 8:
            raise damaged(f"{len(self.data)} bytes, expected {-(-position // 8)}")
        if self.peek(np.array([position]), self.size - position)[0]:
            raise damaged("the bits after the last codeword are not 0")
