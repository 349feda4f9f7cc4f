"""Symbols of the values of a coded map and the bits they take (docs/format.md, section 2, "Coded map").

A magnitude u is written as one of 16 symbols, Huffman-coded, then raw low bits, then a sign: the categories of exponential Golomb codes and
of JPEG's coefficients, two per power of two. The symbol of the value to the left chooses the Huffman table, since large values lie beside
large ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.coding.huffman import HuffmanTable
from dqa.support.arrays import Int64, UInt8, UInt16

SYMBOLS = 16
_MAGNITUDES = np.arange(256)


def _category(u: int) -> tuple[int, int]:
    """The symbol of a magnitude, and how many of its low bits follow."""
    exponent = u.bit_length() - 1
    return (u, 0) if u < 4 else (2 * exponent + (u >> exponent - 1 & 1), exponent - 1)


SYMBOL: UInt8 = np.array([_category(u)[0] for u in range(256)], np.uint8)
"""The symbol of each magnitude."""
_CONTEXT = SYMBOL.astype(np.uint16) << 8
LOW_BITS: UInt8 = np.array([_category(u)[1] for u in range(256)], np.uint8)
"""The bits that follow the symbol of each magnitude."""


def drop(magnitudes: UInt8, bits: int) -> UInt8:
    """u of magnitudes (any shape) of which `bits` bits are left out: the nearest, ties towards 0."""
    table = (_MAGNITUDES + ((1 << bits) - 1) // 2 >> bits).astype(np.uint8)
    return np.asarray(table[magnitudes]) if bits else magnitudes


def restore(u: UInt8, bits: int, limit: int) -> UInt8:
    """The magnitudes, at most `limit`, that u reads back as."""
    return np.asarray(np.minimum(_MAGNITUDES << bits, limit).astype(np.uint8)[u]) if bits else u


def joint(u: UInt8) -> UInt16:
    """Each value of (..., width, channels) with its context: the symbol to the left, 0 in the first column, * 256 + u."""
    found = u.astype(np.uint16)
    found[..., 1:, :] |= _CONTEXT[u[..., :-1, :]]
    return found


def symbol_counts(joint: UInt16) -> Int64:
    """How often each symbol follows each, int64 (16 contexts, 16 symbols), of values with their contexts."""
    counts = np.bincount(joint.ravel(), minlength=SYMBOLS << 8).reshape(SYMBOLS, -1)
    return np.add.reduceat(counts, np.searchsorted(SYMBOL, np.arange(SYMBOLS)), axis=1)


def context_counts(u: UInt8) -> Int64:
    """The counts of u (..., width, channels)."""
    return symbol_counts(joint(u))


def bit_lengths(tables: Sequence[HuffmanTable], signed: bool) -> UInt8:
    """Bits of each magnitude in each context, uint8 (16, 256); tables: of each context."""
    lengths = np.array([table.lengths for table in tables], np.uint8)
    signs = (_MAGNITUDES > 0) & signed
    return np.asarray(lengths[:, SYMBOL] + LOW_BITS + signs, np.uint8)


def row_bits(joint: UInt16, lengths: UInt8) -> Int64:
    """Bits of each channel of each row, int64 (..., channels), of values (..., width, channels) with their contexts."""
    return np.asarray(lengths.ravel()[joint].sum(axis=-2, dtype=np.int64))
