"""What a method makes of weights (O, K): levels, of all output channels or of each, and a scale for each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dqa.support.arrays import Float64, Int8

BITS = 4
"""Of the weights that have levels; all others have 8."""
FULL = 127
"""Largest number of a code book; it is symmetric like 8-bit weights."""
TINY = 1e-30
WHOLE = np.arange(-FULL, FULL + 1).astype(np.int8)
"""The levels of weights of 8 bits."""
LARGEST_SCALE = 2
"""Of the scale of 8-bit weights: a method takes none larger, so that formats can be decided before weights are (useful_scales)."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Weights as values of a code book: w ~ scales[o] * weights.

    weights: int8 (O, K), every one of them a number of the book. scales: float64 (O,) > 0.
    book: int8 (L,), rising; (O, L) if each channel has its own.
    """

    weights: Int8
    scales: Float64
    book: Int8

    @property
    def values(self) -> Float64:
        """The real weights, float64 (O, K)."""
        return self.weights * self.scales[:, None]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """levels: of the weights (O, K) times the scales of their inputs; None: the nearest of 8 bits. bias: float64 (O,), real units."""

    levels: Levels | None
    bias: Float64

    @property
    def bits(self) -> int:
        return BITS if self.levels is not None and self.levels.book.shape[-1] <= 1 << BITS else 8


def nearest(values: Float64, book: Float64) -> Float64:
    """The number of a rising book (L,) nearest to each of `values`, float64; of books (O, L), those of the rows of `values` (O, ...)."""
    between = (book[..., 1:] + book[..., :-1]) / 2
    if book.ndim == 1:
        return np.asarray(book[np.searchsorted(between, values)])
    flat = values.reshape(len(book), -1) if values.size else values.reshape(len(book), 0)
    index = sum(flat > level[:, None] for level in between.T.astype(np.float64))
    return np.take_along_axis(book, np.asarray(index, np.int64), axis=1).reshape(values.shape)


def round_to(weights: Float64, scales: Float64, book: Int8) -> Levels:
    """Each weight (O, K) becomes the level nearest to it."""
    return Levels(nearest(weights / scales[:, None], book.astype(np.float64)).astype(np.int8), scales, book)


def stored_bits(levels: Levels) -> float:
    """Bits per weight in flash: its index, and its share of the book (8 bits a level), or of the least level of each channel's. Scales cost
    nothing: 8-bit weights have them too."""
    index = max(int(np.ceil(np.log2(levels.book.shape[-1]))), 1)
    return index + 8 * len(levels.book) / levels.weights.size


def largest_scales(weights: Float64) -> Float64:
    """(O,): the largest scales for weights (O, K)."""
    return np.asarray(LARGEST_SCALE * np.maximum(np.abs(weights).max(axis=1), TINY) / FULL)
