"""The search for the steps of coded maps: how much each stored activation loses at each number of stored bits.

Tensors that share a value range are searched together: they get one set of steps and the same bits per value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dqa.quantization.coded.maps import Costs, Grid, Layout
from dqa.quantization.shared_range import FreeRange
from dqa.support.arrays import Float32, Float64

_STEP = 2 ** (2 / 3)
_MOST_STEPS = 24
_UNEVEN = 2
"""The most by which the ranges of channels differ: a channel that calibration hardly saw alive may be at work in other samples, and wide
ranges cost few bits where the length of a code depends on how often it is used."""
_LEAST_BITS = 1.2
"""Bits per value below which a grid is too coarse to be of use."""
_COARSER = 0.95
"""The most bits per value of a grid, in those of the one before, with which it is worth a look."""
TINY = 1e-12
"""A loss or a change that is as good as none."""


@dataclass(frozen=True, eq=False)
class Impact:
    """What the loss of a tensor does to the network's answers: measured points, both ascending, and power laws between them.

    Beyond the points, and without any, it is proportional to the loss.
    """

    losses: Sequence[float]
    changes: Sequence[float]

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Impact:
        """From pairs of a loss and the change it made. A larger loss is taken to change no less."""
        known = sorted((max(loss, TINY), max(change, TINY)) for loss, change in points)
        changes = np.maximum.accumulate([change for _, change in known]) if known else np.empty(0)
        return cls([loss for loss, _ in known], changes.tolist())

    def __call__(self, loss: float) -> float:
        if not self.losses:
            return loss
        inside = min(max(loss, self.losses[0]), self.losses[-1])
        change = np.exp(np.interp(np.log(inside), np.log(self.losses), np.log(self.changes)))
        return float(change) * loss / inside


@dataclass(frozen=True, eq=False)
class StepCandidate:
    """steps: of each scale variable of the shared range. layouts: of each tensor at each number of stored bits where it can be coded."""

    steps: Float64
    layouts: Mapping[int, Mapping[float, Layout]]


class CodedRange:
    """The candidate steps of tensors that share a range.

    maps: sample maps float32 (B, height, width, channels) of each tensor. weights: (channels,) of each tensor, of the squared errors of its
    channels. bits: stored bits per value to look at.
    """

    def __init__(self, free: FreeRange, maps: Mapping[int, Float32], weights: Mapping[int, Float64], bits: Sequence[float]) -> None:
        self.free, self.maps, self.grid = free, maps, Grid(free.signed)
        # Of maps of nothing but 0 there is no error to weigh; the largest weight is one that float32 holds.
        self.weights = {t: np.minimum(weights[t] / max(float(self._energy(t, weights[t])), 1e-30), 1e30) for t in free.members}
        self.candidates = [self._candidate(steps, bits) for steps in self._steps()]

    def _energy(self, tensor: int, weights: Float64) -> Float64:
        """The mean weighted energy of what varies in a map, so that losses are relative to it."""
        maps = self.maps[tensor]
        varying = maps - maps.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
        squares = np.einsum("bhwc,bhwc->c", varying, varying, dtype=np.float64)
        return np.asarray((squares * weights).sum() / len(maps))

    def _steps(self) -> list[Float64]:
        """Steps that weigh alike, from those that the range of the grid allows up to those of about a bit per value."""
        weight = np.zeros(len(self.free.finest))
        for tensor, rows in self.free.rows.items():
            np.maximum.at(weight, rows, self.weights[tensor])
        alike = 1 / np.sqrt(np.maximum(weight, weight.max() * 1e-6))
        finest = np.maximum(self.free.finest, self.free.finest.max() / _UNEVEN)
        least = float((finest / alike).min())
        found, last = [finest], self._rate(finest)
        for number in range(1, _MOST_STEPS):
            steps = np.maximum(least * _STEP**number * alike, finest)
            rate = self._rate(steps)
            if rate < _LEAST_BITS:
                break
            if rate < _COARSER * last:
                found, last = [*found, steps], rate
        return found

    def _rate(self, steps: Float64) -> float:
        """About the bits per value of maps with these steps and nothing dropped: the entropy of the magnitudes and signs."""
        bits, values = 0.0, 0
        for tensor, rows in self.free.rows.items():
            few = self.maps[tensor][::8]
            codes = self.grid.code(few, steps[rows])
            counts = np.bincount(codes.magnitudes.ravel(), minlength=256)
            seen = counts[counts > 0]
            bits += float(-(seen * np.log2(seen / few.size)).sum())
            bits += float((codes.magnitudes > 0).sum()) if self.grid.signed else 0.0
            values += few.size
        return bits / values

    def costs(self, tensor: int, candidate: StepCandidate) -> Costs:
        return Costs(self.grid, self.maps[tensor], candidate.steps[self.free.rows[tensor]], self.weights[tensor])

    def _candidate(self, steps: Float64, bits: Sequence[float]) -> StepCandidate:
        bare = StepCandidate(steps, {})
        layouts = {}
        for tensor in self.free.members:
            costs = self.costs(tensor, bare)
            values = self.maps[tensor][0].size
            found = {b: costs.layout(int(b * values / 8)) for b in bits}
            layouts[tensor] = {b: layout for b, layout in found.items() if layout is not None}
        return StepCandidate(steps, layouts)

    def best(self, bits: float, impact: Mapping[int, Impact] | None = None) -> tuple[StepCandidate, float] | None:
        """The candidate of least loss at a number of stored bits, and that loss; impact: by tensor, None: losses count as they are.

        None where a tensor cannot be coded with these bits.
        """
        able = [c for c in self.candidates if all(bits in c.layouts[t] for t in self.free.members)]
        if not able:
            return None
        own = {t: [c.layouts[t][bits].loss for c in able] for t in self.free.members}
        losses = [sum(impact[t](own[t][i]) if impact else own[t][i] for t in self.free.members) for i in range(len(able))]
        place = int(np.argmin(losses))
        return able[place], losses[place]

    def finest_loss(self, impact: Mapping[int, Impact]) -> float:
        """The loss if nothing but the rounding to the finest steps is lost, as in plain bytes."""
        finest = self.candidates[0]
        total = 0.0
        for tensor in self.free.members:
            error = (
                self.maps[tensor] - self.grid.code(self.maps[tensor], scales := finest.steps[self.free.rows[tensor]]).read_back(0) * scales
            )
            squares = np.einsum("bhwc,bhwc->c", error, error, dtype=np.float64)
            total += impact[tensor](float((squares * self.weights[tensor]).sum() / len(error)))
        return total
