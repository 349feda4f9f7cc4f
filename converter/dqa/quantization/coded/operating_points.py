"""Shares a budget of bytes among edges so that the sum of their predicted losses is least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dqa.errors import RecipeError


@dataclass(frozen=True)
class OperatingPoint:
    """One way to store something: its bytes and its predicted loss. key: the caller's."""

    size: int
    loss: float
    key: int


def allocate(options: Sequence[Sequence[OperatingPoint]], budget: int) -> list[OperatingPoint]:
    """One choice of each sequence, together at most `budget` bytes.

    Greedy along the lower convex hulls, steepest step first (Everett 1963, Shoham and Gersho 1988): optimal but for the last step.
    Raises RecipeError where even the smallest do not fit.
    """
    hulls = [_hull(one) for one in options]
    left = budget - sum(hull[0].size for hull in hulls)
    if left < 0:
        raise RecipeError(
            f"bits: {budget:,} bytes are too few; the smallest maps take {budget - left:,}",
            hint="ask for more bits, or choose maps planes",
        )
    steps = sorted(
        ((before.loss - after.loss) / (after.size - before.size), -number, -place)
        for number, hull in enumerate(hulls)
        for place, (before, after) in enumerate(pairwise(hull))
    )
    at, closed = [0] * len(hulls), [False] * len(hulls)
    for _, number, place in reversed(steps):
        hull, number, place = hulls[-number], -number, -place
        cost = hull[place + 1].size - hull[place].size
        if closed[number] or cost > left:
            closed[number] = True
            continue
        at[number], left = place + 1, left - cost
    return [hull[place] for hull, place in zip(hulls, at, strict=True)]


def _hull(options: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """The options on the lower convex hull of loss over size, smallest first."""
    hull: list[OperatingPoint] = []
    for option in sorted(options, key=lambda o: (o.size, o.loss, o.key)):
        if hull and option.loss >= hull[-1].loss:
            continue
        while len(hull) > 1 and _slope(hull[-2], option) <= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(option)
    return hull


def _slope(a: OperatingPoint, b: OperatingPoint) -> float:
    return (b.loss - a.loss) / (b.size - a.size)
