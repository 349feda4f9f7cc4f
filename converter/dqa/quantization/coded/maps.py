"""Coded maps: from sample maps of an activation to its steps, groups, capacity and pacing.

All channels get steps at which a rounding error weighs the same at the consumers (reverse water-filling: with entropy coding, equal noise
in every channel costs the fewest bits), as fine as the grid reaches. Rows then drop bits until they fit, so that the step only has to be
fine enough; the best one for a capacity is found by simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dqa.coding.huffman import HuffmanTable
from dqa.coding.tables import table_of
from dqa.program import MAX_PAYLOAD_WORDS, Coding, coded_row_bytes
from dqa.quantization.coded.costs import Codes, by_level, drops_of_levels, level_bytes, pace
from dqa.support.arrays import Float32, Float64, Int64
from dqa.support.limits import MAX_DROP

GROUPS = 4
RESERVE = 0.75
"""Bits per value between the capacity and the least that every row is sure of: what rows can lend each other."""


@dataclass(frozen=True)
class Grid:
    """The values of a coded edge: 7 bits from 0, or 8 bits around it."""

    signed: bool

    @property
    def bits(self) -> int:
        return 8 if self.signed else 7

    @property
    def below(self) -> int:
        return 128 if self.signed else 0

    @property
    def above(self) -> int:
        return 127

    def code(self, maps: Float32, scales: Float64) -> Codes:
        """Sample maps (..., channels) as the operator writes them."""
        v = np.clip(np.rint(maps / scales.astype(np.float32)), -self.below, self.above)
        return Codes.of(v.astype(np.int16), self.below, self.above)


@dataclass(frozen=True, eq=False)
class Layout:
    """How the rows of a map are written within a capacity, and what calibration predicts of it.

    code_bits: n. loss: mean weighted squared error of a map. levels: of each row of the sample maps, (B, height).
    """

    code_bits: int
    extra_bits: int
    capacity: int
    groups: tuple[int, ...]
    expected: tuple[int, ...]
    share: tuple[int, ...]
    loss: float
    levels: Int64 = field(repr=False)

    @property
    def raw_level(self) -> int:
        return len(self.expected)

    def drop_shares(self) -> Float64:
        """The share of the values that drop s bits, (S + 1,); raw rows left out."""
        groups = max(self.groups) + 1
        rows = np.bincount(self.levels.ravel(), minlength=self.raw_level + 1)[:-1] / self.levels.size
        drops = drops_of_levels(self.extra_bits, groups)
        return np.asarray(np.bincount(drops.ravel(), np.repeat(rows / groups, groups), self.extra_bits + 1), np.float64)


class Costs:
    """Bits and weighted squared errors of each channel of each row of sample maps, for each number of dropped bits.

    maps: float32 (B, height, width, channels). scales: (channels,). weights: (channels,), of the squared errors.
    tables: of each drop and context; None: the best ones for these maps alone.
    """

    def __init__(
        self, grid: Grid, maps: Float32, scales: Float64, weights: Float64, tables: Sequence[Sequence[HuffmanTable]] | None = None
    ) -> None:
        self.grid, self.scales, self.shape = grid, scales, maps.shape[1:]
        self.codes = grid.code(maps, scales)
        steps = range(MAX_DROP + 1 if tables is None else len(tables))
        outward = np.where(self.codes.negative, -maps, maps)
        counts, bits, errors = [], [], []
        for s in steps:
            found = self.codes.in_contexts(s)
            counts.append(found.counts())
            bits.append(found.bits(tables[s] if tables else [table_of(row.astype(np.float64)) for row in counts[s]]))
            error = self.codes.magnitudes_back(s) * self.scales.astype(np.float32) - outward
            errors.append(np.einsum("bhwc,bhwc->bhc", error, error) * weights.astype(np.float32))
        self.counts, self.bits, self.errors = np.stack(counts), np.stack(bits), np.stack(errors)

    def layout(self, capacity: int, code_bits: int | None = None) -> Layout | None:
        """The rows within `capacity` bytes; None where they are too long for a coded map or the capacity is too small for raw rows."""
        height, width, channels = self.shape
        least, wanted = max(1, self.grid.bits - MAX_DROP), int(8 * (capacity - 2 * height) / (height * width * channels) - RESERVE)
        for n in [code_bits] if code_bits else range(min(max(wanted, least), self.grid.bits), least - 1, -1):
            raw_row = coded_row_bytes(width * channels, n)
            if height * raw_row <= capacity and raw_row <= 2 + 2 * MAX_PAYLOAD_WORDS:
                return self._layout(capacity, n, raw_row)
        return None

    def _layout(self, capacity: int, code_bits: int, raw_row: int) -> Layout:
        most = self.grid.bits - code_bits
        groups = self._groups(capacity, most)
        rows = level_bytes(by_level(self.bits[: most + 1], groups), raw_row)
        means = np.minimum(rows[:-1], 4096).mean(axis=1)  # (levels - 1, height)
        expected = np.minimum(np.ceil(means.sum(axis=1)), 1 << 24).astype(np.int64)
        near = means[min(int((expected > capacity).sum()), len(means) - 1)]
        share = np.minimum(256 * (near.sum() - near.cumsum()) / near.sum(), 255).astype(np.int64)
        levels, _ = pace(rows, expected.tolist(), share.tolist(), capacity)
        errors = by_level(self.errors[: most + 1], groups)
        errors = np.concatenate([errors, errors[-1:]])
        loss = np.take_along_axis(errors, levels[None], axis=0).sum() / len(levels)
        return Layout(
            code_bits,
            most,
            capacity,
            tuple(groups.tolist()),
            tuple(expected.tolist()),
            tuple(share.tolist()),
            float(loss),
            levels,
        )

    def read_back(self, layout: Layout) -> Float32:
        """The sample maps as they are read back."""
        return (self.codes.at_levels(layout.levels, np.array(layout.groups), layout.extra_bits) * self.scales).astype(np.float32)

    def _groups(self, capacity: int, most: int) -> Int64:
        """Channels by what a dropped bit costs there, around the level that the capacity asks for: the cheapest first."""
        bits, errors = (one[: most + 1].sum(axis=(1, 2), dtype=np.float64) for one in (self.bits, self.errors))  # (S + 1, channels)
        maps, height = self.bits.shape[1:3]
        room = (capacity - 3 * height) * 8 * maps
        s = int(np.clip((bits.sum(axis=1) > room).sum(), 1, most))
        price = (errors[s] - errors[s - 1]) / np.maximum(bits[s - 1] - bits[s], 1)
        channels = len(price)
        place = np.empty(channels, np.int64)
        place[np.argsort(price, kind="stable")] = np.arange(channels)
        return place * min(GROUPS, channels) // channels


def coding_of(layout: Layout, tables: tuple[HuffmanTable, ...], contexts: Sequence[Sequence[int]]) -> Coding:
    """contexts: the number of the table for each drop and context."""
    return Coding(
        group_count=max(layout.groups) + 1,
        groups=layout.groups,
        tables=tables,
        contexts=tuple(tuple(int(i) for i in row) for row in contexts[: layout.extra_bits + 1]),
        expected=layout.expected,
        share=layout.share,
    )
