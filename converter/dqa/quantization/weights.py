"""Integer weights: the activation scales are folded in, then each output channel gets one scale (symmetric int8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HIGH = 127
"""Largest weight of 8 bits; the range is symmetric."""


@dataclass(frozen=True, eq=False)
class FoldedWeights:
    """weights: int8 (O, ...). scales: (O,) real units per accumulator step. bias: int32 (O,).

    book: int8 (16,) or (O, 16), the values that weights of 4 bits have; None: any.
    """

    weights: npt.NDArray[np.int8]
    scales: Floats
    bias: npt.NDArray[np.int32]
    book: npt.NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False)
class Levels:
    """Weights (O, ...) as values of a code book: w ~ scales[o] * weights, every weight one of book's; book int8 (16,) or (O, 16)."""

    weights: npt.NDArray[np.int8]
    scales: Floats
    book: npt.NDArray[np.int8]


def uniform_4_bit(weights: Floats) -> Levels:
    """The nearest of 15 equidistant levels around 0, their distance per output channel that of least squared error.

    The levels are multiples of 18, so that sums are as fine as those of 8-bit weights.
    """
    outputs = weights.shape[0]
    flat = weights.reshape(outputs, -1)
    widest = np.maximum(np.abs(flat).max(axis=1), 1e-30) / 7
    steps, errors = widest.copy(), np.full(outputs, np.inf)
    for ratio in np.linspace(0.3, 1.0, 71):
        step = widest * ratio
        error = np.square(np.clip(np.rint(flat / step[:, None]), -7, 7) * step[:, None] - flat).sum(axis=1)
        better = error < errors
        steps, errors = np.where(better, step, steps), np.where(better, error, errors)
    indices = np.clip(np.rint(flat / steps[:, None]), -7, 7)
    book = np.append(18 * np.arange(-7, 8), 0).astype(np.int8)
    return Levels((18 * indices).astype(np.int8).reshape(weights.shape), steps / 18, book)


def nearest(values: Floats, book: npt.NDArray[np.int8]) -> Floats:
    """The value of a book (16,) nearest to each of `values`."""
    rising = np.sort(book).astype(np.float64)
    return rising[np.searchsorted((rising[1:] + rising[:-1]) / 2, values)]


def fold(weights: Floats, bias: Floats, input_scales: Floats, input_zero_points: Floats, *, bits: int = 8) -> FoldedWeights:
    """Quantizes weights (O, ..., I) that read an input of per-channel scales and zero points (I,), to 8 bits or to a code book of 4.

    With v the input's value, real = scale * (v - zero_point), so the weight of v is w * scale, and -sum(w * scale * zero_point)
    joins the bias, computed with the rounded weights so that a constant input meets no new error.
    """
    outputs = weights.shape[0]
    folded = weights * input_scales
    top = np.abs(folded).reshape(outputs, -1).max(axis=1)
    # A channel of zero weights only gives its bias; the accumulator's step then just has to hold it.
    least = np.maximum(np.abs(bias), 1e-30) / (1 << 24)
    shape = (outputs,) + (1,) * (weights.ndim - 1)
    if bits == 4:
        levels = uniform_4_bit(folded)
        book, scales = levels.book, np.maximum(levels.scales, least)
        integers = levels.weights.astype(np.float64)
        for o in np.flatnonzero(scales > levels.scales):
            integers[o] = nearest(folded[o] / scales[o], book if book.ndim == 1 else book[o])
    else:
        book, scales = None, np.maximum(top / HIGH, least)
        integers = np.clip(np.rint(folded / scales.reshape(shape)), -HIGH, HIGH)
    offset = (integers * input_zero_points).reshape(outputs, -1).sum(axis=1)
    total = np.clip(np.rint(bias / scales - offset), -(2**30), 2**30)
    return FoldedWeights(integers.astype(np.int8), scales, total.astype(np.int32), book)
