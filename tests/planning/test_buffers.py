"""Buffers by lifetime."""

from __future__ import annotations

import numpy as np
import pytest

from dqa.planning.buffers import Buffer, floor, place
from dqa.program.lifetimes import span


def random_buffers(seed: int) -> list[Buffer]:
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(int(rng.integers(1, 25))):
        first = int(rng.integers(0, 15))
        alive = span(first, first + int(rng.integers(0, 4)))
        result.append(Buffer(int(rng.integers(1, 500)), alive if rng.random() < 0.5 else alive | alive << 7))
    return result


@pytest.mark.parametrize("seed", range(50))
def test_buffers_alive_together_never_overlap(seed: int) -> None:
    buffers = random_buffers(seed)
    offsets, size = place(buffers)

    for i, a in enumerate(buffers):
        assert offsets[i] % 4 == 0
        assert offsets[i] + a.size <= size
        for j, b in enumerate(buffers[:i]):
            if a.overlaps(b):
                assert offsets[i] >= offsets[j] + b.size or offsets[j] >= offsets[i] + a.size


@pytest.mark.parametrize("seed", range(50))
def test_a_buffer_may_lie_over_another_from_some_bytes_before_it_on(seed: int) -> None:
    buffers, rng = random_buffers(seed), np.random.default_rng(seed)
    pairs = [(i, j) for i in range(len(buffers)) for j in range(len(buffers)) if i != j and rng.random() < 0.3]
    ahead = {(i, j): int(rng.integers(0, buffers[i].size)) for i, j in pairs}
    offsets, size = place(buffers, ahead=ahead)

    assert all(offset % 4 == 0 and offset + buffer.size <= size for offset, buffer in zip(offsets, buffers, strict=True))
    for i, a in enumerate(buffers):
        for j, b in enumerate(buffers[:i]):
            if a.overlaps(b):
                before = offsets[i] + ahead.get((i, j), a.size) <= offsets[j]
                assert before or offsets[j] + ahead.get((j, i), b.size) <= offsets[i]
    assert size <= place(buffers)[1] * 1.1


@pytest.mark.parametrize("seed", range(50))
def test_the_arena_is_at_least_the_liveness_floor(seed: int) -> None:
    buffers = random_buffers(seed)

    assert place(buffers)[1] >= floor(buffers)


def test_a_chain_reaches_the_liveness_floor() -> None:
    lives = [(1000, 0, 1), (600, 1, 2), (400, 2, 3), (1600, 3, 4), (40, 1, 1)]
    buffers = [Buffer(size, span(first, last)) for size, first, last in lives]

    assert place(buffers)[1] == floor(buffers) == 2000


def test_equal_input_gives_equal_places() -> None:
    assert place(random_buffers(7)) == place(random_buffers(7))


@pytest.mark.parametrize("seed", range(50))
def test_memory_apart_holds_what_fits_beside_its_own_buffer(seed: int) -> None:
    apart = 400
    buffers = [Buffer(apart, span(9, 12)), *random_buffers(seed)]
    offsets, size = place(buffers, apart)

    assert offsets[0] == 0
    for i, a in enumerate(buffers[1:], 1):
        assert offsets[i] + a.size <= apart or apart <= offsets[i] <= size - a.size
        for j, b in enumerate(buffers[:i]):
            if a.overlaps(b):
                assert offsets[i] >= offsets[j] + b.size or offsets[j] >= offsets[i] + a.size
