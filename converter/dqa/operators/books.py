"""Weights as 4-bit indices into a code book of 16 values (docs/format.md, section 5)."""

from __future__ import annotations

import math
from struct import pack

import numpy as np

from dqa.errors import ProgramError
from dqa.operators.affine import codes_of
from dqa.operators.base import Operator, check_array, require
from dqa.operators.parameters import Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Requantization, WeightEncoding
from dqa.support.arrays import Int8, UInt8

BOOK = 16
"""Values of a code book."""


def encoding_of(op: Operator) -> WeightEncoding:
    """How the weights of an operator are stored."""
    book = op.books
    if book is None:
        return WeightEncoding.PAIRS if op.in_pairs else WeightEncoding.INT8
    if book.ndim == 1:
        return WeightEncoding.BOOK
    return WeightEncoding.AFFINE if book.shape[1] == 1 else WeightEncoding.BOOKS


def book_shape(encoding: WeightEncoding, channels: int) -> tuple[int, ...]:
    """The shape of what the codes of `channels` output channels stand for: code books, or least weights."""
    if encoding is WeightEncoding.AFFINE:
        return channels, 1
    return (channels, BOOK) if encoding is WeightEncoding.BOOKS else (BOOK,)


def packed_bytes(count: int) -> int:
    """Bytes of one output channel of `count` weights."""
    return (count + 1) // 2


def pack_indices(weights: Int8, book: Int8) -> UInt8:
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


def unpack_indices(packed: UInt8, book: Int8, shape: tuple[int, ...]) -> Int8:
    """The weights of `shape` (O, ...) that `pack_indices` packed."""
    indices = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), -1)[:, : math.prod(shape[1:])]
    return np.take_along_axis(np.broadcast_to(book, (len(packed), BOOK)), indices.astype(np.int64), axis=1).reshape(shape)


def write_weights(constants: Constants, weights: Int8, requantization: Requantization, book: Int8 | None) -> bytes:
    """Places weights, as they are or packed with their code books, and the requantization behind them."""
    if book is None:
        return pack("<I", constants.array(weights, f"weights {weights.shape}")) + requantization_bytes(constants, requantization)
    place = offset(constants, pack_indices(weights, book), f"4-bit weights {weights.shape}, two per byte")
    return write_book(constants, place, requantization, book)


def read_weights(parameters: Parameters, shape: tuple[int, ...]) -> tuple[Int8, Requantization, Int8 | None]:
    """Weights (O, ...), the requantization behind them, and their code books."""
    if parameters.encoding is WeightEncoding.INT8:
        return parameters.int8(shape, "weights"), parameters.requantization(shape[0]), None
    packed = parameters.uint8((shape[0], packed_bytes(math.prod(shape[1:]))), "weights")
    requantization, book = read_book(parameters, shape[0])
    return unpack_indices(packed, book, shape), requantization, book


def read_book(parameters: Parameters, channels: int) -> tuple[Requantization, Int8]:
    """The requantization, and the code books or least weights that its last field names."""
    requantization = parameters.requantization(channels)
    parameters.at -= 4
    return requantization, parameters.int8(book_shape(parameters.encoding, channels), "code book")


def write_book(constants: Constants, weights: bytes, requantization: Requantization, book: Int8) -> bytes:
    """Parameters that end with a requantization and what the codes of the weights stand for; weights: their field."""
    if book.shape[-1] > 1:
        return weights + requantization_bytes(constants, requantization, constants.book(book, "code book of the weights"))
    return weights + requantization_bytes(constants, requantization, constants.array(book[:, 0], "least weights"))


def check_book(op: Operator, weights: Int8) -> None:
    """Raises ProgramError if the code book has not its shape or does not hold every weight."""
    if op.books is not None:
        check_array(op.books, np.int8, book_shape(encoding_of(op), len(weights)), "code book")
        require(op.affine_weights or op.books.shape[-1] > 1, "affine weights")
        try:
            codes_of(weights, op.books) if op.books.shape[-1] == 1 else pack_indices(weights, op.books)
        except ValueError as error:
            raise ProgramError(str(error)) from None
