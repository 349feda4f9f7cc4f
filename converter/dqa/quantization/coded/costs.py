"""What a coded map costs and loses at each level, for many maps at once (docs/format.md, section 2, "Coded map").

The same rules as in the executor, in whole numbers: the levels chosen here are those it chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.coding.categories import bit_lengths, drop, joint, restore, row_bits, symbol_counts
from dqa.coding.huffman import HuffmanTable
from dqa.program import MAX_PAYLOAD_WORDS, Coding, Edge, base_row_bytes
from dqa.support.arrays import Bool, Float32, Float64, Int8, Int16, Int64, Integer, UInt8, UInt16

NEVER = 1 << 40
"""Bytes of a row that cannot be written at a level."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Values of sample maps as signs and magnitudes. magnitudes: uint8 (B, height, width, channels); negative: bool, the same shape.

    below, above: the largest magnitudes of negative and of other values; below = 0 for an unsigned edge.
    """

    magnitudes: UInt8
    negative: Bool
    below: int
    above: int

    @classmethod
    def of(cls, v: Integer, below: int, above: int) -> Codes:
        """v = value - zero_point, within -below..above."""
        return cls(np.abs(v.astype(np.int16)).astype(np.uint8), v < 0, below, above)

    def dropped(self, bits: int) -> UInt8:
        return drop(self.magnitudes, bits)

    def magnitudes_back(self, bits: int) -> UInt8:
        """Magnitudes as they are read after `bits` bits were dropped."""
        u = drop(np.arange(256).astype(np.uint8), bits)
        found = restore(u, bits, self.above)[self.magnitudes]
        return np.where(self.negative, restore(u, bits, self.below)[self.magnitudes], found) if self.below else found

    def read_back(self, bits: int) -> Int16:
        """v as it is read after `bits` bits were dropped."""
        found = self.magnitudes_back(bits).astype(np.int16)
        return np.where(self.negative, -found, found)

    def read_raw(self, bits: int) -> Int16:
        """v as it is read from a raw row that dropped `bits` bits."""
        limits = np.where(self.negative, self.below >> bits, self.above >> bits)
        u = np.minimum(self.dropped(bits), limits).astype(np.int16) << bits
        return np.where(self.negative, -u, u)

    def at_levels(self, levels: Int64, groups: Int64, most_dropped: int) -> Int16:
        """v as it is read back from rows at levels (B, height); groups: of each channel."""
        count, raw = int(groups.max()) + 1, most_dropped + 1
        drops = np.concatenate([drops_of_levels(most_dropped, count), np.full((1, count), raw)]).astype(np.uint16)
        every = Codes.of(np.arange(-128, 128), self.below, self.above)
        table = np.concatenate([*(every.read_back(s) for s in range(raw)), every.read_raw(most_dropped)])
        place = self.magnitudes + np.uint16(128)
        if self.below:
            place = np.where(self.negative, np.uint16(128) - self.magnitudes, place)
        return np.asarray(table[place + (drops << 8)[levels][:, :, None, groups]])

    def in_contexts(self, bits: int) -> InContexts:
        return InContexts(joint(self.dropped(bits)), self.below > 0)

    def bits(self, dropped: int, tables: Sequence[HuffmanTable]) -> Float32:
        """Bits of each channel of each row, whole numbers (B, height, channels); tables: of each context."""
        return self.in_contexts(dropped).bits(tables)


@dataclass(frozen=True, eq=False)
class InContexts:
    """Values to be coded. joint: uint16 (B, height, width, channels), the symbol to the left * 256 + u."""

    joint: UInt16
    signed: bool

    def counts(self) -> Int64:
        """How often each symbol follows each, (16, 16)."""
        return symbol_counts(self.joint)

    def bits(self, tables: Sequence[HuffmanTable]) -> Float32:
        """Bits of each channel of each row, whole numbers (B, height, channels); tables: of each context."""
        return row_bits(self.joint, bit_lengths(tables, self.signed)).astype(np.float32)


def drops_of_levels(most_dropped: int, groups: int) -> Int64:
    """Bits that each group drops at each level but the raw one, (S * G + 1, G)."""
    level = np.arange(most_dropped * groups + 1)[:, None]
    return np.asarray(level // groups + (np.arange(groups) < level % groups))


def by_level(per_drop: npt.NDArray[np.generic], groups: Int64) -> Float64:
    """Sums over the channels, (S * G + 1, B, height) for the levels but the raw one, of (S + 1, B, height, channels) for each drop."""
    members = np.eye(int(groups.max()) + 1, dtype=per_drop.dtype)[groups]  # (channels, G)
    grouped = np.moveaxis((per_drop @ members).astype(np.float64), -1, 1)  # (S + 1, G, B, height)
    change = np.diff(grouped, axis=0).reshape(-1, *grouped.shape[2:])  # one group drops one more bit from level to level
    return np.concatenate([grouped[:1].sum(axis=1), grouped[0].sum(axis=0) + change.cumsum(axis=0)])


def level_bytes(bits: Float64, raw_row: int) -> Int64:
    """Bytes of the rows at each level, the raw one last: (levels, B, height), of bits (levels - 1, B, height)."""
    words = -(-np.rint(bits).astype(np.int64) // 16)
    coded = np.where(words <= MAX_PAYLOAD_WORDS, 2 + 2 * words, NEVER)
    return np.concatenate([coded, np.full((1, *bits.shape[1:]), raw_row, np.int64)])


def pace(rows: Int64, expected: Sequence[int], share: Sequence[int], capacity: int) -> tuple[Int64, Int64]:
    """The level of each row (B, height) and the bytes of each map (B,), for rows (levels, B, height) as `level_bytes` gives them."""
    raw, maps, height = len(rows) - 1, rows.shape[1], rows.shape[2]
    worst = int(rows[raw].max(initial=0))
    used, level, chosen = np.zeros(maps, np.int64), np.zeros(maps, np.int64), np.empty((maps, height), np.int64)
    number, wanted = np.arange(raw + 1)[:, None], np.array([*expected, 0], np.int64)[:, None]
    for y in range(height):
        end = used + rows[:, :, y]
        fits = (end + (height - 1 - y) * worst <= capacity) & (end + (wanted * share[y] >> 8) <= capacity)
        fits[raw] = True
        first = np.minimum(level, raw - 1)
        lowered = np.where(~fits & (number < first), number + 1, 0).max(axis=0)  # just above the last below that does not fit
        raised = (fits & (number >= first)).argmax(axis=0)
        level = np.where(fits[first, np.arange(maps)], lowered, raised)
        chosen[:, y], used = level, end[level, np.arange(maps)]
    return chosen, used


@dataclass(frozen=True, eq=False)
class Simulated:
    """values: int8 (B, height, width, channels) as they are read back. levels: (B, height). used: bytes of each map, (B,)."""

    values: Int8
    levels: Int64
    used: Int64


def simulate(edge: Edge, coding: Coding, values: Integer) -> Simulated:
    """What the executor stores of int8 values (B, height, width, channels) in a coded edge, and reads back."""
    codes = Codes.of(values.astype(np.int16) - edge.zero_point, edge.zero_point - edge.low, edge.high - edge.zero_point)
    groups = np.array(coding.groups)
    steps = range(coding.most_dropped + 1)
    bits = np.stack([codes.bits(s, [coding.tables[i] for i in coding.contexts[s]]) for s in steps])
    rows = level_bytes(by_level(bits, groups), base_row_bytes(edge))
    chosen, used = pace(rows, coding.expected, coding.share, edge.capacity)
    result = codes.at_levels(chosen, groups, coding.most_dropped)
    return Simulated((result + edge.zero_point).astype(np.int8), chosen, used)
