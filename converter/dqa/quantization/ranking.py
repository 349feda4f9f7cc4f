"""Importance of channels: which ones keep their shifting error.

Every ranking is a function of what calibration saw; the m extra bits go to the channels of highest score.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dqa.errors import RecipeError
from dqa.support import plugins
from dqa.support.arrays import Float64
from dqa.support.settings import RANKINGS


class Ranking(Protocol):
    """A score per channel, higher is more important; all arrays float64 (C,).

    energy: mean square of the activation. gain: squared error saved by the extra bits. sensitivity: sum of the squared weights that read
    the channel. seed: of what it draws.
    """

    def __call__(self, *, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64: ...


def _gain(*, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """By the error that the bits save at the inputs of the consumers' sums."""
    return gain * sensitivity


def _energy(*, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """As in the DQA literature."""
    return energy


def _random(*, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """The control."""
    return np.random.default_rng(seed).random(len(energy))


_KNOWN: plugins.Registry[Ranking] = plugins.Registry(plugins.RANKINGS, dict(zip(RANKINGS, (_gain, _energy, _random), strict=True)))


def scores(ranking: str, *, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """What a ranking says: see Ranking. Raises RecipeError for an unknown one, and for one of a package that gives something else."""
    if ranking not in _KNOWN:
        raise RecipeError(f"'ranking' must be one of {', '.join(_KNOWN)} (got '{ranking}')")
    found = np.asarray(_KNOWN[ranking](energy=energy, gain=gain, sensitivity=sensitivity, seed=seed), np.float64)
    if found.shape != energy.shape or not np.isfinite(found).all():
        raise RecipeError(f"ranking '{ranking}' gave {found.shape} scores, expected {energy.shape} finite numbers", hint="one per channel")
    return found


def most_important(score: Float64, ratio: float) -> tuple[int, ...]:
    """The floor(C * ratio) channels of highest score, ascending by number; ties go to the lower number."""
    count = int(len(score) * ratio)
    order = np.argsort(-score, kind="stable")[:count]
    return tuple(sorted(int(c) for c in order))
