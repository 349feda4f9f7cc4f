"""Importance of channels: which ones keep their shifting error.

Every ranking is a function of what calibration saw; the m extra bits go to the channels of highest score.
"""

from __future__ import annotations

import numpy as np

from dqa.errors import RecipeError
from dqa.support.arrays import Float64
from dqa.support.settings import RANKINGS


def scores(ranking: str, *, energy: Float64, gain: Float64, sensitivity: Float64, seed: int) -> Float64:
    """A score per channel, higher is more important; all arrays (C,).

    energy: mean square of the activation. gain: squared error saved by the extra bits. sensitivity: sum of the squared weights that read
    the channel.
    `gain` ranks by the error it saves at the inputs of the consumers' sums, gain * sensitivity; `energy` as in the DQA literature;
    `random` is the control.
    Raises RecipeError for an unknown ranking.
    """
    if ranking == "gain":
        return gain * sensitivity
    if ranking == "energy":
        return energy
    if ranking == "random":
        return np.random.default_rng(seed).random(len(energy))
    raise RecipeError(f"'ranking' must be one of {', '.join(RANKINGS)} (got '{ranking}')")


def most_important(score: Float64, ratio: float) -> tuple[int, ...]:
    """The floor(C * ratio) channels of highest score, ascending by number; ties go to the lower number."""
    count = int(len(score) * ratio)
    order = np.argsort(-score, kind="stable")[:count]
    return tuple(sorted(int(c) for c in order))
