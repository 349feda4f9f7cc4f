"""Places buffers of known size and lifetime in one arena.

First fit in several deterministic orders, the smallest arena wins; the problem is NP-hard, and on the chains and ladders that networks are,
first fit by size or by time reaches the liveness floor almost always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 4


@dataclass(frozen=True)
class Buffer:
    """`size` bytes, alive from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int

    def overlaps(self, other: Buffer) -> bool:
        return self.first <= other.last and other.first <= self.last


def floor(buffers: Sequence[Buffer]) -> int:
    """The largest sum of sizes alive at one step: no arena can be smaller."""
    steps = {b.first for b in buffers}
    return max((sum(b.size for b in buffers if b.first <= step <= b.last) for step in steps), default=0)


def place(buffers: Sequence[Buffer]) -> tuple[list[int], int]:
    """Offsets (multiples of 4) in the order of `buffers`, and the arena's size in bytes."""
    aligned = [Buffer(-(-b.size // ALIGNMENT) * ALIGNMENT, b.first, b.last) for b in buffers]
    indexes = range(len(aligned))
    orders = (
        sorted(indexes, key=lambda i: (-aligned[i].size, aligned[i].first, i)),
        sorted(indexes, key=lambda i: (aligned[i].first, -aligned[i].size, i)),
        sorted(indexes, key=lambda i: (-(aligned[i].last - aligned[i].first), -aligned[i].size, i)),
        sorted(indexes, key=lambda i: (-aligned[i].last, -aligned[i].size, i)),
    )
    best: tuple[list[int], int] | None = None
    for order in orders:
        offsets = _first_fit(aligned, order)
        size = max((offsets[i] + aligned[i].size for i in indexes), default=0)
        if best is None or size < best[1]:
            best = offsets, size
    assert best is not None
    return best


def _first_fit(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """Each buffer at the lowest gap between those placed before it that live at the same time."""
    offsets = [0] * len(buffers)
    placed: list[int] = []
    for i in order:
        neighbours = sorted((offsets[j], offsets[j] + buffers[j].size) for j in placed if buffers[j].overlaps(buffers[i]))
        offset = 0
        for start, end in neighbours:
            if offset + buffers[i].size <= start:
                break
            offset = max(offset, end)
        offsets[i] = offset
        placed.append(i)
    return offsets
