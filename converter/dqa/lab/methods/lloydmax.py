"""Code books of least squared error: Lloyd's algorithm (Lloyd 1982, Max 1960) on the calibration histogram, one level fixed at 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dqa.lab.methods.base import SCALE_BITS, Calibration, Stored
from dqa.lab.methods.checks import check_bits
from dqa.lab.methods.histogram import histogram
from dqa.lab.methods.uniform import Granularity, UniformMethod, per_granularity
from dqa.quantization.clipping import levels
from dqa.support.arrays import Float32, Float64

ROUNDS = 200


@dataclass(frozen=True)
class LloydMaxMethod:
    """2^bits levels per channel or per tensor; 0 is always one of them: padding and ReLU's zeros stay exact."""

    name: ClassVar[str] = "lloydmax"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: int
    granularity: Granularity = "channel"

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, 8)

    def fit(self, calibration: Calibration) -> CodeBookQuantizer:
        start = UniformMethod(max(self.bits, 2), "mse", self.granularity).fit(calibration)
        low, high = levels(self.bits, start.signed)
        counts, centers = histogram(per_granularity(calibration.values, self.granularity))
        grids = start.steps.astype(np.float64)[:, None] * np.arange(low, high + 1) * (1 if self.bits > 1 else 3)
        books = [lloyd(c, x, grid) for c, x, grid in zip(counts, centers, grids, strict=True)]
        return CodeBookQuantizer(self.bits, [book.astype(np.float32) for book in books])


def lloyd(counts: Float64, centers: Float64, grid: Float64) -> Float64:
    """Levels, ascending, that improve on `grid` (its 0 stays) for values `centers` (B,) that occur `counts` (B,) times.

    Levels that no value is nearest to stay where they are. Ends where nothing moves, or after 200 rounds.
    """
    used = counts > 0
    order = np.argsort(centers[used])
    x, weight = centers[used][order], counts[used][order]
    total, moment = (np.concatenate([[0.0], np.cumsum(values)]) for values in (weight, weight * x))
    book = np.sort(grid)
    for _ in range(ROUNDS):
        edges = np.concatenate([[0], np.searchsorted(x, (book[1:] + book[:-1]) / 2), [len(x)]])
        mass, sums = np.diff(total[edges]), np.diff(moment[edges])
        moved = np.where((mass > 0) & (book != 0), np.divide(sums, mass, out=book.copy(), where=mass > 0), book)
        if np.array_equal(moved, book):
            break
        book = np.sort(moved)
    return book


@dataclass(frozen=True, eq=False)
class CodeBookQuantizer:
    """books: levels, ascending, float32, of each channel or of the tensor."""

    bits: int
    books: Sequence[Float32]

    @property
    def table_bits(self) -> int:
        return SCALE_BITS * sum(len(book) for book in self.books)

    def apply(self, x: Float32) -> Stored:
        out = np.empty_like(x)
        parts = (
            zip(np.moveaxis(x, -1, 0), np.moveaxis(out, -1, 0), self.books, strict=True)
            if len(self.books) > 1
            else [(x, out, self.books[0])]
        )
        for values, target, book in parts:
            target[...] = book[np.searchsorted((book[1:] + book[:-1]) / 2, values)]
        return Stored(out, float(self.bits * x.size))
