"""Weights as 4-bit indices into a code book of 16 values (docs/format.md, section 5)."""

from __future__ import annotations

import math

import numpy as np

from dqa.program.model import Conv2D, FullyConnected, Int8, Operator, UInt8, WeightEncoding

BOOK = 16
"""Values of a code book."""


def book_of(op: Operator) -> Int8 | None:
    """The code books of an operator's weights, (16,) or (O, 16); None: it has none."""
    return op.book if isinstance(op, Conv2D | FullyConnected) else None


def encoding_of(op: Operator) -> WeightEncoding:
    """How the weights of an operator are stored."""
    book = book_of(op)
    if book is None:
        return WeightEncoding.INT8
    return WeightEncoding.BOOK if book.ndim == 1 else WeightEncoding.BOOKS


def book_shape(encoding: WeightEncoding, channels: int) -> tuple[int, ...]:
    """The shape of the code books of `channels` output channels."""
    return (channels, BOOK) if encoding is WeightEncoding.BOOKS else (BOOK,)


def packed_bytes(count: int) -> int:
    """Bytes of one output channel of `count` weights."""
    return (count + 1) // 2


def pack(weights: Int8, book: Int8) -> UInt8:
    """Weights (O, ...) as (O, packed_bytes): two indices per byte, the first in the low bits; of equal values the first one's index.

    Raises ValueError for a weight that is no value of its book.
    """
    flat = weights.reshape(len(weights), -1)
    books = np.broadcast_to(book, (len(flat), BOOK))
    indices = np.zeros((len(flat), 2 * packed_bytes(flat.shape[1])), np.uint8)
    found = np.zeros(flat.shape, bool)
    for index in reversed(range(BOOK)):
        hit = flat == books[:, index, None]
        indices[:, : flat.shape[1]][hit] = index
        found |= hit
    if not found.all():
        raise ValueError(f"{np.count_nonzero(~found)} weights are not in the code book")
    packed: UInt8 = indices[:, 0::2] | indices[:, 1::2] << np.uint8(4)
    return packed


def unpack(packed: UInt8, book: Int8, shape: tuple[int, ...]) -> Int8:
    """The weights of `shape` (O, ...) that `pack` packed."""
    indices = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), -1)[:, : math.prod(shape[1:])]
    return np.take_along_axis(np.broadcast_to(book, (len(packed), BOOK)), indices.astype(np.int64), axis=1).reshape(shape)
