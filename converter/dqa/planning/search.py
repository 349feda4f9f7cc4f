"""Finds the phases and bits of least predicted loss within a RAM budget.

Graphs of up to 12 operators: all ways to cut them are tried. Longer ones: all ways with few cuts (every cut costs stored edges, so few
are best),
then the best are improved by adding, dropping and moving single cuts until nothing helps. For each way the bits are allocated greedily; for
the best few they are then chosen exactly, as an integer program (SciPy's HiGHS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from dqa.errors import BoardError
from dqa.planning.phasing import Phasing
from dqa.planning.problem import Problem

EXHAUSTIVE = 12
MOST_TRIED = 600
"""Candidates of the first round at most, which limits their number of cuts."""
TOLERANCE = 0.02
"""Losses closer than this are equal, so that work decides: the prediction is not more exact."""
EXACT = 8
"""So many of the best phasings get their bits from the integer program."""


@dataclass(frozen=True, eq=False)
class Solution:
    """phasing: the cut into phases. chosen: the option of each held edge. arena: the sum of what is alive in the fullest phase. loss:
    predicted."""

    phasing: Phasing
    chosen: tuple[int, ...]
    loss: float

    @property
    def arena(self) -> int:
        return max(self.phasing.used(self.chosen))

    @property
    def work(self) -> int:
        """Instructions of one inference, estimated."""
        return self.phasing.work + sum(h.options[o].work for h, o in zip(self.phasing.held, self.chosen, strict=True))

    @property
    def fullest(self) -> int:
        """The phase that sets the arena."""
        used = self.phasing.used(self.chosen)
        return used.index(max(used))


class Search:
    """Solves one problem for any number of budgets."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._known: dict[tuple[int, ...], tuple[Phasing, ...]] = {}
        for cuts in _cuts(len(problem.operators)):
            self._phasings(cuts)
        smallest = min(self._all(), key=_size)
        self.smallest = self._improve(smallest, _size)

    def within(self, budget: int) -> Solution:
        """The plan of least loss (of equal losses, the least work) whose phases fit the budget in bytes.

        Raises BoardError with the smallest feasible number, and the layers that set it, if there is none.
        """
        if self.smallest.least > budget:
            raise BoardError(
                f"a budget of {budget:,} B of RAM is too small: the least is {self.smallest.least:,} B", hint=self.limit(self.smallest)
            )

        @cache
        def price(phasing: Phasing) -> tuple[float, int, tuple[int, ...], bool]:
            found = phasing.allocate(budget)
            return (found[0] if found else float("inf"), phasing.work, phasing.cuts, phasing.over)

        ranked = sorted((c for c in self._all() if c.least <= budget), key=price) or [self.smallest]
        starts = [c for c in ranked if not c.over][:3] + [c for c in ranked if c.over][:1]
        tried = dict.fromkeys([*ranked[:EXACT], *(self._improve(c, price) for c in starts)])
        solutions = [self._exact(c, budget) for c in tried]
        least = min(s.loss for s in solutions)
        equal = [s for s in solutions if s.loss <= least * (1 + TOLERANCE)]
        return min(equal, key=lambda s: (s.work, s.loss, s.phasing.cuts, s.phasing.over))

    def smallest_plan(self) -> Solution:
        """The plan within the smallest budget."""
        return self.within(self.smallest.least)

    def _phasings(self, cuts: tuple[int, ...]) -> tuple[Phasing, ...]:
        """Those of some cuts: with maps over each other where that is another."""
        if cuts not in self._known:
            plain, over = Phasing(self.problem, cuts), Phasing(self.problem, cuts, over=True)
            self._known[cuts] = (plain,) if over.pairs == plain.pairs else (plain, over)
        return self._known[cuts]

    def _all(self) -> Iterator[Phasing]:
        return (phasing for phasings in self._known.values() for phasing in phasings)

    def _improve(self, start: Phasing, price: Callable[[Phasing], Any]) -> Phasing:
        """The best that single cuts added, dropped or moved lead to, step by step; with maps over each other, which many cuts suit, none is
        moved."""
        best, worth = start, price(start)
        while True:
            found = _neighbours(best.cuts, len(self.problem.operators), moved=not start.over)
            neighbours = [phasings[-1] if start.over else phasings[0] for phasings in map(self._phasings, found)]
            step = min(neighbours, key=price, default=best)
            if not price(step) < worth:
                return best
            best, worth = step, price(step)

    def limit(self, phasing: Phasing) -> str:
        """The layers of the phase that sets a phasing's size."""
        used = phasing.used(phasing.fewest)
        fullest = used.index(max(used))
        names = [op.name for op, phase in zip(self.problem.operators, phasing.phases, strict=True) if phase == fullest]
        where = names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"
        return f"the rows and maps alive in {where} set it; push the input's rows, or use a smaller input or fewer channels"

    def front(self, points: int = 12) -> list[Solution]:
        """Plans from the smallest feasible budget to the one where more RAM gains nothing, fewest bytes first; dominated ones left out."""
        least = self.smallest.least
        largest = sum(max(o.size + sum(o.decode) for o in (*e.options, *e.flows)) for e in self.problem.edges)
        most = max(least + 1, self.within(largest + 2 * least).arena)
        front: list[Solution] = []
        for budget in np.unique(np.geomspace(least, most, points).astype(int)):
            solution = self.within(int(budget))
            if not front or solution.loss < front[-1].loss * (1 - 1e-6):
                front.append(solution)
        return front

    def _exact(self, phasing: Phasing, budget: int) -> Solution:
        """The bits of least loss for given phases: one 0/1 variable for each option of each held edge."""
        found = phasing.allocate(budget)
        assert found is not None, "only candidates that fit get here"
        start = found[1]
        greedy = Solution(phasing, tuple(start), phasing.loss(start))
        if not phasing.held:
            return greedy
        result = _milp(phasing, options := [(i, o) for i, h in enumerate(phasing.held) for o in range(len(h.options))], budget)
        if result.x is None:
            return greedy
        chosen = [0] * len(phasing.held)
        for (i, o), value in zip(options, result.x, strict=False):
            if value > 0.5:
                chosen[i] = o
        exact = Solution(phasing, tuple(chosen), phasing.loss(chosen))
        return exact if exact.loss < greedy.loss and exact.arena <= budget else greedy


def _milp(phasing: Phasing, options: Sequence[tuple[int, int]], budget: int) -> Any:
    """HiGHS's answer: variables 0 or 1 for `options` (edge, option), and for each phase the bytes of its worst moment."""
    held, phases = phasing.held, range(len(phasing.fixed))
    losses = np.array([held[i].options[o].loss for i, o in options])
    one_each = np.array([[1.0 if i == edge else 0.0 for i, _ in options] for edge in range(len(held))])
    sizes = np.array([[float(held[i].weight(o, phase)) for i, o in options] for phase in phases])
    room = np.array([budget - fixed for fixed in phasing.fixed], dtype=float)
    peaks = np.array([[float(h.peak) if i == edge and h.packs(o, h.first) else 0.0 for i, o in options] for edge, h in enumerate(held)])
    at = np.array([[1.0 if h.first == phase else 0.0 for phase in phases] for h in held])
    constraints = [
        LinearConstraint(np.hstack([one_each, np.zeros((len(held), len(phases)))]), 1, 1),
        LinearConstraint(np.hstack([sizes, np.eye(len(phases))]), -np.inf, room),
        LinearConstraint(np.hstack([peaks, -at]), -np.inf, 0),
    ]
    low = np.concatenate([np.zeros(len(options)), np.array(phasing.brief, dtype=float)])
    high = np.concatenate([np.ones(len(options)), np.full(len(phases), np.inf)])
    whole = np.concatenate([np.ones(len(options)), np.zeros(len(phases))])
    cost = np.concatenate([losses / max(float(losses.max()), 1e-12), np.zeros(len(phases))])
    return milp(cost, constraints=constraints, integrality=whole, bounds=Bounds(low, high))


NEGLIGIBLE = 0.003
"""A predicted loss (noise against signal) that cost at most a percentage point of accuracy on the networks of benchmarks/ram.py."""


def knee(front: Sequence[Solution]) -> Solution:
    """Where more RAM stops paying: the smallest arena with a negligible loss; the least loss if no plan has one."""
    return next((s for s in front if s.loss <= NEGLIGIBLE), front[-1])


def _size(phasing: Phasing) -> tuple[int, int, tuple[int, ...], bool]:
    return phasing.least, len(phasing.cuts), phasing.cuts, phasing.over


def _cuts(count: int) -> Iterator[tuple[int, ...]]:
    """All ways to cut a short graph; of a long one those with few cuts."""
    tried = 0
    for cuts in range(count):
        tried += comb(count - 1, cuts)
        if count > EXHAUSTIVE and tried > MOST_TRIED:
            return
        yield from combinations(range(1, count), cuts)


def _neighbours(cuts: tuple[int, ...], count: int, *, moved: bool) -> Iterator[tuple[int, ...]]:
    """Cuts that differ by one added, dropped or moved."""
    free = [position for position in range(1, count) if position not in cuts]
    for position in free:
        yield tuple(sorted((*cuts, position)))
    for cut in cuts:
        rest = tuple(c for c in cuts if c != cut)
        yield rest
        for position in free if moved else ():
            yield tuple(sorted((*rest, position)))
