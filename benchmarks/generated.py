"""Generated data for benchmarks/architectures.py: samples of each kind of input, and answers in each form of output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
IMAGE, SERIES, VECTOR, TOKENS = (24, 24, 3), (32, 6), (24,), (24,)
WORDS = 50


def images(count: int, outputs: Sequence[int], random: np.random.Generator) -> tuple[Array, Array]:
    """A disc or a bar in one of three colours on noise, 0..1. Answers: which (6, or the colour and kind modulo fewer classes), where (2
    numbers), of which colour, or background, each pixel is, or the image again."""
    row, column = np.mgrid[:24, :24]
    kind, colour = random.integers(0, 2, count), random.integers(0, 3, count)
    place = random.uniform(6, 18, (count, 2))
    away = np.abs(np.stack([row, column], -1) - place[:, None, None])
    inside = np.where(kind[:, None, None] == 0, np.square(away).sum(-1) <= 25, (away[..., 1] <= 2) & (away[..., 0] <= 8))
    tint = 0.25 + 0.6 * np.eye(3)[colour]
    x = np.where(inside[..., None], tint[:, None, None], 0.3) + random.normal(0, 0.08, (count, *IMAGE))
    x = np.clip(x, 0, 1).astype(np.float32)
    if tuple(outputs) == IMAGE:
        return x, x
    if len(outputs) == 3:
        step = 24 // outputs[0]
        return x, (inside * (1 + colour)[:, None, None])[:, ::step, ::step].astype(np.int64)
    return x, (place / 24).astype(np.float32) if outputs[0] == 2 else (kind * 3 + colour) % outputs[0]


def series(count: int, outputs: Sequence[int], random: np.random.Generator) -> tuple[Array, Array]:
    """Six noisy channels of one rhythm, or of two one after the other. Answers: which rhythm, which at each step, or the series again."""
    each_step = len(outputs) == 2 and outputs[-1] != SERIES[-1]
    y = random.integers(0, outputs[-1], (count, 32))
    switch = random.integers(8, 24, count) if each_step else np.full(count, 32)
    y = np.where(np.arange(32) < switch[:, None], y[:, :1], y[:, 1:2])
    rate = np.array([0.3, 0.7, 1.1, 1.6, 2.1, 2.6])[y] * random.uniform(0.9, 1.1, (count, 1))
    phase = random.uniform(0, 2 * np.pi, (count, 1, 6))
    x = np.sin(np.cumsum(rate, axis=1)[..., None] + phase) * random.uniform(0.5, 1.5, (count, 1, 6)) + random.normal(
        0, 0.2, (count, *SERIES)
    )
    x = x.astype(np.float32)
    return x, x if tuple(outputs) == SERIES else y if each_step else y[:, 0]


def vectors(count: int, outputs: Sequence[int], random: np.random.Generator) -> tuple[Array, Array]:
    """24 numbers that depend on four. Answers: the largest of as many sums of these, a product of two of them, or the numbers again."""
    fixed = np.random.default_rng(7)
    hidden = random.normal(size=(count, 4))
    x = np.tanh(hidden @ fixed.normal(0, 0.7, (4, 24))) + random.normal(0, 0.05, (count, 24))
    x = x.astype(np.float32)
    if outputs[0] == VECTOR[0]:
        return x, x
    if outputs[0] == 1:
        return x, np.tanh(hidden[:, :1] * hidden[:, 1:2]).astype(np.float32)
    return x, (hidden @ fixed.normal(size=(4, outputs[0]))).argmax(-1)


def tokens(count: int, outputs: Sequence[int], random: np.random.Generator) -> tuple[Array, Array]:
    """24 words, among them three in a row that say which of the classes it is; uint8."""
    y = random.integers(0, outputs[0], count)
    x = random.integers(8, WORDS, (count, *TOKENS))
    start = random.integers(0, TOKENS[0] - 3, count)
    said = np.stack([y % 2, 2 + y // 2, 4 + y % 3], axis=-1)
    x[np.arange(count)[:, None], start[:, None] + np.arange(3)] = said
    return x.astype(np.uint8), y


def image_twice(count: int, outputs: Sequence[Sequence[int]], random: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """An image and both: which, and where."""
    state = random.bit_generator.state
    x, which = images(count, outputs[0], random)
    random.bit_generator.state = state
    return [x], [which, images(count, outputs[1], random)[1]]


def pairs(count: int, outputs: Sequence[Sequence[int]], random: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Two images, and whether both show the same kind in the same colour, as half of them do."""
    a, which = images(6 * count, (6,), random)
    b, other = images(6 * count, (6,), random)
    same = which == other
    kept = np.sort(np.concatenate([np.flatnonzero(same)[: count // 2], np.flatnonzero(~same)[: count - count // 2]]))
    return [a[kept], b[kept]], [same[kept, None].astype(np.int64)]


def image_and_vector(count: int, outputs: Sequence[Sequence[int]], random: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """An image, and 24 noisy copies of its numbers: which it is, and where."""
    [x], [which, where] = image_twice(count, outputs, random)
    told = np.tile(where, (1, VECTOR[0] // where.shape[1])) + random.normal(0, 0.2, (count, *VECTOR))
    return [x, told.astype(np.float32)], [which, where]
