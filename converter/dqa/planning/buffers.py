"""Places buffers of known size and lifetime in one arena.

First fit in several deterministic orders, the smallest arena wins; the problem is NP-hard, and on the chains and ladders that networks are,
first fit by size or by time, with what lies highest moved to the front, reaches the liveness floor almost always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALIGNMENT = 4
PROMOTIONS = 8
"""Orders tried from each of the first ones."""


@dataclass(frozen=True)
class Buffer:
    """`size` bytes, alive at the moments whose bits are set in `alive` (dqa.program.lifetimes)."""

    size: int
    alive: int

    @property
    def first(self) -> int:
        return (self.alive & -self.alive).bit_length() - 1

    @property
    def last(self) -> int:
        return self.alive.bit_length() - 1

    def overlaps(self, other: Buffer) -> bool:
        return self.alive & other.alive != 0


def floor(buffers: Sequence[Buffer]) -> int:
    """The largest sum of sizes alive at one moment: no arena can be smaller."""
    moments = range(max((b.last for b in buffers), default=-1) + 1)
    return max((sum(b.size for b in buffers if b.alive >> moment & 1) for moment in moments), default=0)


Ahead = Mapping[tuple[int, int], int]
"""(a, b) -> bytes: so far before buffer b, or farther, buffer a may begin, though it ends behind where b begins and both are alive."""


def place(buffers: Sequence[Buffer], apart: int = 0, ahead: Ahead | None = None) -> tuple[list[int], int]:
    """Offsets (multiples of 4) in the order of `buffers`, and the arena's size in bytes.

    apart: the first so many bytes (a multiple of 4) are other memory, which the first buffer fills: others lie in it while that is not
    alive, or behind it, but never across its end.
    """
    aligned = [Buffer(_aligned(b.size), b.alive) for b in buffers]
    gaps = {pair: _aligned(size) for pair, size in (ahead or {}).items()}
    indexes = range(1 if apart else 0, len(aligned))
    orders = [
        sorted(indexes, key=lambda i: (-aligned[i].size, aligned[i].first, i)),
        sorted(indexes, key=lambda i: (aligned[i].first, -aligned[i].size, i)),
        sorted(indexes, key=lambda i: (aligned[i].first - aligned[i].last, -aligned[i].size, i)),
        sorted(indexes, key=lambda i: (-aligned[i].last, -aligned[i].size, i)),
    ]
    if over := [i for i in orders[-1] if any(i in pair for pair in gaps)]:  # one that lies over another is alive when that is not any more
        orders += [[*over, *(i for i in order if i not in over)] for order in orders]
    return min((_improved(aligned, order, apart, gaps) for order in orders), key=lambda found: found[1])


def _improved(buffers: Sequence[Buffer], order: list[int], apart: int, ahead: Ahead) -> tuple[list[int], int]:
    """Places and size of an order; what lies highest is placed first instead, over and over, as long as that may help."""
    best: tuple[list[int], int] | None = None
    for _ in range(PROMOTIONS):
        offsets = _first_fit(buffers, order, apart, ahead)
        ends = [offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)]
        size = max(ends, default=0)
        if best is None or size < best[1]:
            best = offsets, size
        highest = ends.index(size) if ends else 0
        if not order or order[0] == highest or highest not in order:
            break
        order = [highest, *(i for i in order if i != highest)]
    assert best is not None
    return best


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _first_fit(buffers: Sequence[Buffer], order: Sequence[int], apart: int, ahead: Ahead) -> list[int]:
    """Each buffer at the lowest place that those placed before it, alive at the same time, leave; a first one that is apart lies at 0."""
    offsets = [0] * len(buffers)
    placed = [0] if apart else []
    for i in order:
        size = buffers[i].size
        # where it must not begin: between these two
        taken = sorted(
            (offsets[j] - ahead.get((i, j), size), offsets[j] + ahead.get((j, i), buffers[j].size))
            for j in placed
            if buffers[j].overlaps(buffers[i])
        )
        offset = 0
        for last, next_one in [*taken, (1 << 62, 0)]:
            if offset < apart < offset + size and apart <= last:
                offset = apart
            across = offset < apart < offset + size
            if offset <= last and not across:
                break
            offset = max(offset, next_one)
        offsets[i] = offset
        placed.append(i)
    return offsets
