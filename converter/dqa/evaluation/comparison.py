"""How near the answers of a program are to those of the float network on the same samples."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dqa.support.arrays import Float64, Floating

MOST_SNR = 99.0
"""dB; answers without any error get this, so that figures stay numbers."""
SURE, ONE_SIDED = 1.96, 1.645
"""Standard deviations of an interval of 95 %, of two ends and of one."""
BINS = 12
"""Of the sizes of errors: the first above the answers' standard deviation, then one for each halving, the last for all that is less."""


@dataclass(frozen=True)
class Comparison:
    """Of one output, over all samples.

    snr: dB, the variance of the float answers over the mean squared error, at most 99. sure: dB that the samples' spread lets one be 95 %
    sure of; possible: the most that it allows. largest: the largest error, in the output's units.
    agreement: share of the samples (of the pixels, where each has an answer) whose largest entry is the float network's; None for outputs
    of one entry. interval: 95 % of the agreement (Wilson 1927). metric: its value where there are labels. errors: how many errors there
    are of each size (`BINS`), from large to small.
    """

    snr: float
    sure: float
    possible: float
    largest: float
    agreement: float | None = None
    interval: tuple[float, float] | None = None
    metric: float | None = None
    errors: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def compare(expected: Floating, answers: Floating, metric: float | None = None) -> Comparison:
    """expected, answers: real numbers (N, ..., classes) of the float network and of the program."""
    e, a = (np.asarray(values, np.float64).reshape(len(expected), -1) for values in (expected, answers))
    error = np.square(a - e)
    share, interval = None, None
    if expected.shape[-1] > 1:
        equal = np.argmax(expected, axis=-1) == np.argmax(answers.reshape(expected.shape), axis=-1)
        share = float(equal.mean())
        interval = _wilson(share, len(expected))  # the pixels of one image are no independent samples
    each = error.mean(axis=1)
    doubt = ONE_SIDED * float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else float(each.mean())
    snr, sure, possible = (round(_decibels(_signal(e), float(each.mean()) + more), 2) for more in (0.0, doubt, -doubt))
    sizes = _sizes(error, _signal(e))
    return Comparison(snr, sure, possible, float(np.sqrt(error.max(initial=0.0))), share, interval, metric, sizes)


def _sizes(squares: Float64, signal: float) -> tuple[int, ...]:
    """How many errors lie in each bin; of their squares, and of the answers' variance."""
    edges = signal * 0.25 ** np.arange(BINS - 1)
    return tuple(np.bincount(np.searchsorted(-edges, -squares.ravel()), minlength=BINS).tolist())


def _signal(expected: Float64) -> float:
    """The variance of answers; of answers that never vary their mean square."""
    return float(np.square(expected - expected.mean(axis=0)).mean()) or float(np.square(expected).mean())


def _decibels(signal: float, noise: float) -> float:
    if noise <= 0 or signal <= 0:
        return MOST_SNR if noise <= 0 else 0.0
    return min(10 * math.log10(signal / noise), MOST_SNR)


def _wilson(share: float, samples: int) -> tuple[float, float]:
    scale = 1 + SURE**2 / samples
    middle = (share + SURE**2 / (2 * samples)) / scale
    spread = SURE / scale * math.sqrt(share * (1 - share) / samples + SURE**2 / (4 * samples**2))
    return max(middle - spread, 0.0), min(middle + spread, 1.0)
