"""One way to cut the operators into phases, and the best bits for what it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from dqa.planning.problem import PlanEdge, Problem

ENCODE, DECODE = 14, 8
"""Instructions to pack a value and to unpack it, on Cortex-M4; they only order plans of equal loss and label the trade-off."""


@dataclass(frozen=True)
class Stored:
    """An edge that is stored whole and may have several sizes: alive in phases first..last."""

    index: int
    edge: PlanEdge
    first: int
    last: int


class Candidate:
    """The phases that begin at operator 0 and at each of `cuts`.

    fixed[p]: bytes of phase p whose size no choice of bits changes. stored: the edges whose bits are to be chosen.
    """

    def __init__(self, problem: Problem, cuts: Sequence[int]) -> None:
        self.problem, self.cuts = problem, tuple(cuts)
        starts = [0, *cuts]
        self.phases: list[int] = []
        for number, start in enumerate(starts):
            end = starts[number + 1] if number + 1 < len(starts) else len(problem.operators)
            self.phases += [number] * (end - start)
        count = len(starts)
        self.fixed = [0] * count
        transient = [0] * count
        self.rings: list[int] = []
        self.stored: list[Stored] = []
        self.work = sum(op.work for op in problem.operators)
        for op, phase in zip(problem.operators, self.phases, strict=True):
            self.fixed[phase] += op.base
        for index, edge in enumerate(problem.edges):
            self._add(index, edge, transient)
        for phase in range(count):
            self.fixed[phase] += transient[phase]

    def _add(self, index: int, edge: PlanEdge, transient: list[int]) -> None:
        phases = self.phases
        first = phases[edge.producer] if edge.producer is not None else 0
        last = max((phases[c] for c in edge.consumers), default=first)
        if edge.border and edge.producer is not None:
            last = len(self.fixed) - 1
        if edge.raw is not None:
            for phase in range(first, last + 1):
                self.fixed[phase] += edge.raw
        elif first == last and edge.prefers_ring:
            self.rings.append(index)
            self.fixed[first] += edge.ring
            return
        else:
            self.stored.append(Stored(index, edge, first, last))
            self.work += edge.values * (ENCODE + DECODE * len(edge.consumers))
            if edge.producer is not None:
                op = self.problem.operators[edge.producer]
                transient[first] = max(transient[first], op.transient)
        for consumer, decode in zip(edge.consumers, edge.decode, strict=True):
            self.fixed[phases[consumer]] += decode

    @cached_property
    def ring_loss(self) -> float:
        return sum(self.problem.edges[i].ring_loss for i in self.rings)

    @cached_property
    def least(self) -> int:
        """The arena with the fewest bits everywhere: no budget below it is feasible with these phases."""
        return max(self.used([0] * len(self.stored)))

    def used(self, chosen: Sequence[int]) -> list[int]:
        """Bytes alive in each phase, `chosen` giving the option of each stored edge."""
        total = list(self.fixed)
        for stored, option in zip(self.stored, chosen, strict=True):
            size = stored.edge.options[option].size
            for phase in range(stored.first, stored.last + 1):
                total[phase] += size
        return total

    def loss(self, chosen: Sequence[int]) -> float:
        return self.ring_loss + sum(s.edge.options[o].loss for s, o in zip(self.stored, chosen, strict=True))

    def allocate(self, budget: int) -> tuple[float, list[int]] | None:
        """Greedy choice of bits within a budget: from the most bits down, always the step that costs the least loss per byte freed where it is
        needed; then up again where room is left. None if even the fewest bits do not fit."""
        if self.least > budget:
            return None
        chosen = [len(s.edge.options) - 1 for s in self.stored]
        total = self.used(chosen)
        while (over := max(range(len(total)), key=lambda p: total[p])) is not None and total[over] > budget:
            best, price = -1, 0.0
            for i, s in enumerate(self.stored):
                if chosen[i] == 0 or not s.first <= over <= s.last:
                    continue
                now, less = s.edge.options[chosen[i]], s.edge.options[chosen[i] - 1]
                cost = (less.loss - now.loss) / max(now.size - less.size, 1)
                if best < 0 or cost < price:
                    best, price = i, cost
            assert best >= 0, "the fewest bits fit, so a phase above the budget has bits to give"
            self._move(chosen, total, best, -1)
        self._raise(chosen, total, budget)
        return self.loss(chosen), chosen

    def _move(self, chosen: list[int], total: list[int], i: int, step: int) -> None:
        s = self.stored[i]
        change = s.edge.options[chosen[i] + step].size - s.edge.options[chosen[i]].size
        chosen[i] += step
        for phase in range(s.first, s.last + 1):
            total[phase] += change

    def _raise(self, chosen: list[int], total: list[int], budget: int) -> None:
        while True:
            best, gain = -1, 0.0
            for i, s in enumerate(self.stored):
                if chosen[i] + 1 == len(s.edge.options):
                    continue
                now, more = s.edge.options[chosen[i]], s.edge.options[chosen[i] + 1]
                fits = all(total[p] + more.size - now.size <= budget for p in range(s.first, s.last + 1))
                if fits and now.loss - more.loss > gain:
                    best, gain = i, now.loss - more.loss
            if best < 0:
                return
            self._move(chosen, total, best, 1)
