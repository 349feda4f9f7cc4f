"""The code plane of a row: `n` bits per value in sub-planes of 8, 4, 2 and 1 bits (docs/format.md, section 2, "Code plane").

n is the sum of the sub-planes' widths: 7 bits are a plane of 4 (the highest bits), one of 2 and one of 1, one after the other, each of
whole 32-bit words. In a word of width w the even values fill the low half and the odd ones the high half, w bits each, from bit 0 and bit
16 up, so that a shift and a mask give two neighbours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.support.arrays import UInt8, UInt32

WIDTHS = (8, 4, 2, 1)


def sub_planes(code_bits: int) -> list[tuple[int, int]]:
    """(width, lowest bit) of each sub-plane of `code_bits` (1..8) bits, the widest and most significant first.

    Raises ValueError for another number of bits.
    """
    if not 1 <= code_bits <= 8:
        raise ValueError(f"code_bits is {code_bits}; expected 1..8")
    planes, above = [], code_bits
    for width in WIDTHS:
        if code_bits & width:
            above -= width
            planes.append((width, above))
    return planes


def plane_words(count: int, code_bits: int) -> int:
    """32-bit words that `count` codes of `code_bits` bits take."""
    return sum(-(-count * width // 32) for width, _ in sub_planes(code_bits))


def plane_bytes(count: int, code_bits: int) -> int:
    """Bytes that `count` codes of `code_bits` bits take."""
    return 4 * plane_words(count, code_bits)


def _shifts(width: int) -> UInt32:
    """Bit of each value in a word: neighbours lie 16 bits apart."""
    index = np.arange(32 // width, dtype=np.uint32)
    return (index & 1) * np.uint32(16) + (index >> 1) * np.uint32(width)


def pack(codes: npt.ArrayLike, code_bits: int) -> UInt8:
    """Codes (..., count), each below 2^code_bits, as bytes (..., plane_bytes(count, code_bits)).

    Raises ValueError for a code that does not fit.
    """
    values = np.asarray(codes)
    if values.size and (values.min() < 0 or values.max() >= 1 << code_bits):
        raise ValueError(f"a code is outside 0..{(1 << code_bits) - 1}")
    values = values.astype(np.uint32)
    lead, count = values.shape[:-1], values.shape[-1]
    words = []
    for width, low in sub_planes(code_bits):
        per_word = 32 // width
        padded = np.zeros((*lead, -(-count // per_word) * per_word), np.uint32)
        padded[..., :count] = (values >> np.uint32(low)) & np.uint32((1 << width) - 1)
        grouped = padded.reshape(*lead, -1, per_word) << _shifts(width)
        words.append(np.bitwise_or.reduce(grouped, axis=-1))
    return np.ascontiguousarray(np.concatenate(words, axis=-1), dtype="<u4").view(np.uint8)


def unpack(plane: npt.ArrayLike, count: int, code_bits: int) -> UInt8:
    """The inverse of pack: bytes (..., at least plane_bytes(count, code_bits)) as codes (..., count).

    Raises ValueError for too few bytes.
    """
    data = np.asarray(plane, np.uint8)
    size = plane_bytes(count, code_bits)
    if data.shape[-1] < size:
        raise ValueError(f"a code plane of {data.shape[-1]} bytes; expected {size}")
    words = np.ascontiguousarray(data[..., :size]).view("<u4").astype(np.uint32)
    codes = np.zeros((*data.shape[:-1], count), np.uint8)
    start = 0
    for width, low in sub_planes(code_bits):
        used = -(-count * width // 32)
        pieces = (words[..., start : start + used, None] >> _shifts(width)) & np.uint32((1 << width) - 1)
        codes |= (pieces.reshape(*data.shape[:-1], -1)[..., :count] << np.uint32(low)).astype(np.uint8)
        start += used
    return codes
