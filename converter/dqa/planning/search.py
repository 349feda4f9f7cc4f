"""Finds the phases and bits of least predicted loss within a RAM budget.

All ways to cut are tried for graphs of up to 16 operators; longer ones are cut at most 4 times (3 beyond 40 operators), which is more than any
budget seen has needed: every cut costs a stored edge. For each way the bits are allocated greedily; for the best few they are then chosen
exactly, as an integer program (SciPy's HiGHS).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from dqa.errors import BoardError
from dqa.planning.candidate import Candidate
from dqa.planning.problem import Problem

EXHAUSTIVE = 16
EXACT = 8
"""So many of the best candidates get their bits from the integer program."""


@dataclass(frozen=True, eq=False)
class Solution:
    """candidate: the phases. chosen: the option of each stored edge. arena: the sum of what is alive in the fullest phase. loss: predicted."""

    candidate: Candidate
    chosen: tuple[int, ...]
    loss: float

    @property
    def arena(self) -> int:
        return max(self.candidate.used(self.chosen))

    @property
    def fullest(self) -> int:
        """The phase that sets the arena."""
        used = self.candidate.used(self.chosen)
        return used.index(max(used))


class Search:
    """Solves one problem for any number of budgets."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.candidates = [Candidate(problem, cuts) for cuts in _cuts(len(problem.operators))]
        self.smallest = min(self.candidates, key=lambda c: (c.least, len(c.cuts), c.cuts))

    def within(self, budget: int) -> Solution:
        """The plan of least loss (then least work) whose phases fit the budget in bytes.

        Raises BoardError with the smallest feasible number, and the layers that set it, if there is none.
        """
        found = []
        for candidate in self.candidates:
            if (result := candidate.allocate(budget)) is not None:
                found.append((result[0], candidate.work, candidate.cuts, candidate, result[1]))
        if not found:
            raise BoardError(
                f"a budget of {budget:,} B of RAM is too small: the least is {self.smallest.least:,} B", hint=self.limit(self.smallest)
            )
        found.sort(key=lambda item: item[:3])
        solutions = [self._exact(candidate, chosen, budget) for _, _, _, candidate, chosen in found[:EXACT]]
        return min(solutions, key=lambda s: (s.loss, s.candidate.work, s.candidate.cuts))

    def limit(self, candidate: Candidate) -> str:
        """The layers of the phase that sets a candidate's size."""
        used = candidate.used([0] * len(candidate.stored))
        fullest = used.index(max(used))
        names = [op.name for op, phase in zip(self.problem.operators, candidate.phases, strict=True) if phase == fullest]
        return f"the rows and maps alive in {names[0]} .. {names[-1]} set it; push the input's rows, or use a smaller input or fewer channels"

    def front(self, points: int = 12) -> list[Solution]:
        """Plans from the smallest feasible budget to the one where more RAM gains nothing, fewest bytes first; dominated ones left out."""
        least = self.smallest.least
        most = max(least + 1, self._unbounded())
        budgets = np.unique(np.geomspace(least, most, points).astype(int))
        front: list[Solution] = []
        for budget in budgets:
            solution = self.within(int(budget))
            if not front or solution.loss < front[-1].loss * (1 - 1e-6):
                front.append(solution)
        return front

    def _unbounded(self) -> int:
        """The arena of the plan of least loss when RAM is no object."""
        return min(
            (c.loss([len(s.edge.options) - 1 for s in c.stored]), max(c.used([len(s.edge.options) - 1 for s in c.stored])))
            for c in self.candidates
        )[1]

    def _exact(self, candidate: Candidate, start: Sequence[int], budget: int) -> Solution:
        """The bits of least loss for given phases: one 0/1 variable for each option of each stored edge."""
        greedy = Solution(candidate, tuple(start), candidate.loss(start))
        if not candidate.stored:
            return greedy
        options = [(i, o) for i, s in enumerate(candidate.stored) for o in range(len(s.edge.options))]
        losses = np.array([candidate.stored[i].edge.options[o].loss for i, o in options])
        one_each = np.array([[1.0 if i == edge else 0.0 for i, _ in options] for edge in range(len(candidate.stored))])
        sizes = np.array(
            [
                [
                    float(candidate.stored[i].edge.options[o].size) if candidate.stored[i].first <= phase <= candidate.stored[i].last else 0.0
                    for i, o in options
                ]
                for phase in range(len(candidate.fixed))
            ]
        )
        room = np.array([budget - fixed for fixed in candidate.fixed], dtype=float)
        scale = max(float(losses.max()), 1e-12)
        constraints = [LinearConstraint(one_each, 1, 1), LinearConstraint(sizes, -np.inf, room)]
        result = milp(losses / scale, constraints=constraints, integrality=np.ones(len(options)), bounds=Bounds(0, 1))
        if result.x is None:
            return greedy
        chosen = [0] * len(candidate.stored)
        for (i, o), value in zip(options, result.x, strict=True):
            if value > 0.5:
                chosen[i] = o
        exact = Solution(candidate, tuple(chosen), candidate.loss(chosen))
        return exact if exact.loss < greedy.loss and exact.arena <= budget else greedy


def knee(front: Sequence[Solution]) -> Solution:
    """The point of the front farthest below the line between its ends, in log RAM and log loss: where more RAM stops paying."""
    if len(front) < 3:
        return front[-1]
    x = np.log([s.arena for s in front])
    y = np.log([max(s.loss, 1e-12) for s in front])
    x, y = (x - x[0]) / max(x[-1] - x[0], 1e-12), (y - y[-1]) / max(y[0] - y[-1], 1e-12)
    return front[int(np.argmin(x + y))]


def _cuts(count: int) -> Iterator[tuple[int, ...]]:
    positions = range(1, count)
    most = count - 1 if count <= EXHAUSTIVE else 4 if count <= 40 else 3
    for cuts in range(most + 1):
        yield from combinations(positions, cuts)
