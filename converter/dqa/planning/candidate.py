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
    """An edge that is stored whole: alive in phases first..last, read in the phases `readers`, one for each consumer."""

    index: int
    edge: PlanEdge
    first: int
    last: int
    readers: tuple[int, ...]

    def weight(self, option: int, phase: int) -> int:
        """Bytes that an option takes in a phase: the edge itself while it is alive, and its readers' private rows."""
        chosen = self.edge.options[option]
        size = chosen.size if self.first <= phase <= self.last else 0
        return size + sum(d for reader, d in zip(self.readers, chosen.decode, strict=True) if reader == phase)


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
            transient[phase] = max(transient[phase], op.decoded)
        for index, edge in enumerate(problem.edges):
            self._add(index, edge, transient)
        for phase in range(count):
            self.fixed[phase] += transient[phase]

    def _add(self, index: int, edge: PlanEdge, transient: list[int]) -> None:
        phases = self.phases
        first = phases[edge.producer] if edge.producer is not None else 0
        last = max((phases[c] for c in edge.consumers), default=first)
        if edge.border:
            last = len(self.fixed) - 1
        if first == last and edge.prefers_ring:
            assert edge.ring is not None
            self.rings.append(index)
            self.fixed[first] += edge.ring
            return
        readers = tuple(phases[c] for c in edge.consumers)
        self.stored.append(Stored(index, edge, first, last, readers))
        packed = not all(o.plain for o in edge.options)
        if packed:
            self.work += edge.values * (ENCODE + DECODE * len(edge.consumers))
        if packed and edge.producer is not None:
            producer = self.problem.operators[edge.producer]
            transient[first] = max(transient[first], producer.transient + producer.decoded)

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
            for phase in range(stored.first, stored.last + 1):
                total[phase] += stored.weight(option, phase)
        return total

    def loss(self, chosen: Sequence[int]) -> float:
        return self.ring_loss + sum(s.edge.options[o].loss for s, o in zip(self.stored, chosen, strict=True))

    def allocate(self, budget: int) -> tuple[float, list[int]] | None:
        """Greedy choice of bits within a budget; None if even the fewest do not fit.

        From the most bits down, always the step that costs the least loss per byte freed where it is needed; then up where room is left.
        """
        if self.least > budget:
            return None
        chosen = [len(s.edge.options) - 1 for s in self.stored]
        total = self.used(chosen)
        while total[over := max(range(len(total)), key=lambda p: total[p])] > budget:
            best, price = -1, 0.0
            for i, s in enumerate(self.stored):
                if chosen[i] == 0 or not s.first <= over <= s.last:
                    continue
                now, less = s.edge.options[chosen[i]], s.edge.options[chosen[i] - 1]
                freed = s.weight(chosen[i], over) - s.weight(chosen[i] - 1, over)
                if freed <= 0:
                    continue
                cost = (less.loss - now.loss) / freed
                if best < 0 or cost < price:
                    best, price = i, cost
            if best < 0:  # smaller options that decode into more rows: only the fewest bits are left to try
                chosen = [0] * len(self.stored)
                total = self.used(chosen)
                break
            self._move(chosen, total, best, -1)
        self._raise(chosen, total, budget)
        return self.loss(chosen), chosen

    def _move(self, chosen: list[int], total: list[int], i: int, step: int) -> None:
        s = self.stored[i]
        for phase in range(s.first, s.last + 1):
            total[phase] += s.weight(chosen[i] + step, phase) - s.weight(chosen[i], phase)
        chosen[i] += step

    def _raise(self, chosen: list[int], total: list[int], budget: int) -> None:
        while True:
            best, gain = -1, 0.0
            for i, s in enumerate(self.stored):
                if chosen[i] + 1 == len(s.edge.options):
                    continue
                now, more = s.edge.options[chosen[i]], s.edge.options[chosen[i] + 1]
                up = chosen[i] + 1
                fits = all(total[p] + s.weight(up, p) - s.weight(chosen[i], p) <= budget for p in range(s.first, s.last + 1))
                if fits and now.loss - more.loss > gain:
                    best, gain = i, now.loss - more.loss
            if best < 0:
                return
            self._move(chosen, total, best, 1)
