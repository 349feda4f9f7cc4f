"""One way to cut the operators into phases, and the best bits for what it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import fsum, inf

from dqa.planning.problem import EdgeOption, PlanEdge, Problem

ENCODE, DECODE = 14, 8
"""Instructions to pack a value and to unpack it, on Cortex-M4; they only order plans of equal loss and label the trade-off."""


@dataclass(frozen=True)
class Held:
    """An edge whose way to be held is chosen: alive in phases first..last, read in the phases `readers`, one for each consumer.

    peak: bytes that are alive while its producer works if it packs rows: the row before it is packed, and the brief rings beside it.
    over: bytes that it takes, as plain bytes, in its first phase beside another edge that is read there to its end; None: its size.
    """

    index: int
    edge: PlanEdge
    options: tuple[EdgeOption, ...]
    first: int
    last: int
    readers: tuple[int, ...]
    peak: int
    over: int | None = None

    def weight(self, option: int, phase: int) -> int:
        """Bytes that an option takes through a phase: the edge itself while it is alive, and its readers' private rows."""
        return self.weights[option][phase - self.first] if self.first <= phase <= self.last else 0

    @cached_property
    def weights(self) -> list[list[int]]:
        """By option, by phase from the first to the last: no reader is in another."""
        return [[self._weight(chosen, phase) for phase in range(self.first, self.last + 1)] for chosen in self.options]

    def _weight(self, chosen: EdgeOption, phase: int) -> int:
        size = chosen.size
        if self.over is not None and phase == self.first and chosen.plain and not chosen.ring_rows:
            size = min(size, self.over)
        return size + sum(d for reader, d in zip(self.readers, chosen.decode, strict=True) if reader == phase)

    @cached_property
    def costs(self) -> list[list[float]]:
        """By option, by phase as above: the loss per byte that the next smaller option frees; infinite where it frees none, or is none."""
        found = [[inf] * len(self.weights[0])]
        for smaller, larger in pairwise(range(len(self.options))):
            more = self.options[smaller].loss - self.options[larger].loss
            freed = [b - a for a, b in zip(self.weights[smaller], self.weights[larger], strict=True)]
            found.append([more / size if size > 0 else inf for size in freed])
        return found

    def packs(self, option: int, phase: int) -> bool:
        return phase == self.first and not self.options[option].plain


def _is_plain(edge: PlanEdge) -> bool:
    """Whether the largest way to store it is plain bytes."""
    return edge.options[-1].plain and not edge.options[-1].ring_rows


class Phasing:
    """The phases that begin at operator 0 and at each of `cuts`.

    over: of maps that one phase writes and later ones read, the largest are plain bytes where they can be written over each other's rows;
    else maps are written over the rows of inputs alone.
    fixed[p], brief[p]: bytes alive through phase p, and at its worst moment, that no choice changes. held: the edges to choose for.
    rings: the edges that flow in the one way they can.
    """

    def __init__(self, problem: Problem, cuts: Sequence[int], over: bool = False) -> None:
        self.problem, self.cuts, self.over = problem, tuple(cuts), over
        starts = [0, *cuts]
        self.phases: list[int] = []
        for number, start in enumerate(starts):
            end = starts[number + 1] if number + 1 < len(starts) else len(problem.operators)
            self.phases += [number] * (end - start)
        self.fixed = [0] * len(starts)
        self.rings: list[int] = []
        self.held: list[Held] = []
        self.work = sum(op.work for op in problem.operators)
        for op, phase in zip(problem.operators, self.phases, strict=True):
            self.fixed[phase] += op.base
        beside = self._beside()
        self.brief = [max(size for size, of in zip(beside, self.phases, strict=True) if of == phase) for phase in range(len(starts))]
        self.pairs = self._pairs()
        for index, edge in enumerate(problem.edges):
            self._add(index, edge, beside)

    def _span(self, edge: PlanEdge) -> tuple[int, int]:
        """The first and last phase of an edge."""
        first = self.phases[edge.producer] if edge.producer is not None else 0
        last = max((self.phases[c] for c in edge.consumers), default=first)
        return first, len(self.fixed) - 1 if edge.border else last

    def _flows(self, edge: PlanEdge) -> bool:
        first, last = self._span(edge)
        return first == last and bool(edge.flows)

    def _beside(self) -> list[int]:
        """Of each operator the bytes that live while it writes a row: decoded weights, and the brief rings that it writes or reads."""
        beside = [op.decoded for op in self.problem.operators]
        for edge in self.problem.edges:
            if edge.brief and self._flows(edge):
                for step in (*edge.consumers, *([edge.producer] if edge.producer is not None else [])):
                    beside[step] += edge.flows[0].size
        return beside

    def _pairs(self) -> dict[int, int]:
        """The edges that are written over another in their first phase, and that; of a phase the two that save the most."""
        best: dict[int, tuple[int, int, int]] = {}
        for index, edge in enumerate(self.problem.edges):
            phase, last = self._span(edge)
            for under in edge.over if phase < last and _is_plain(edge) else ():
                other = self.problem.edges[under]
                first, end = self._span(other)
                if end == phase and (other.producer is None or (self.over and first < end and _is_plain(other))):
                    saved = edge.options[-1].size - self._beside_other(edge, under)
                    best[phase] = max(best.get(phase, (0, 0, 0)), (saved, index, under))
        return {index: under for saved, index, under in best.values() if saved > 0}

    def _beside_other(self, edge: PlanEdge, under: int) -> int:
        """Bytes that a plain edge takes beside one over whose rows it is written."""
        return max(edge.over[under], edge.options[-1].size - self.problem.edges[under].options[-1].size)

    def _add(self, index: int, edge: PlanEdge, beside: Sequence[int]) -> None:
        first, last = self._span(edge)
        flows = self._flows(edge)
        options = edge.flows if flows else edge.options[-1:] if index in self.pairs.values() else edge.options
        if flows and len(options) == 1:
            self.rings.append(index)
            self.fixed[first] += 0 if edge.brief else options[0].size
            return
        peak = 0
        if edge.producer is not None:
            peak = beside[edge.producer] + self.problem.operators[edge.producer].transient
        over = self._beside_other(edge, self.pairs[index]) if index in self.pairs else None
        self.held.append(Held(index, edge, options, first, last, tuple(self.phases[c] for c in edge.consumers), peak, over))
        if not all(o.plain for o in options):
            self.work += edge.values * (ENCODE + DECODE * len(edge.consumers))

    @cached_property
    def least(self) -> int:
        """The arena with the fewest bytes everywhere: no budget below it is feasible with these phases."""
        return max(self.used(self.fewest))

    @cached_property
    def fewest(self) -> list[int]:
        """The options that take the fewest bytes together: the first ones, unless plain bytes over the input take fewer."""
        chosen = [0] * len(self.held)
        for i, held in enumerate(self.held):
            plain = [*chosen[:i], len(held.options) - 1, *chosen[i + 1 :]]
            if held.over is not None and max(self.used(plain)) <= max(self.used(chosen)):
                chosen = plain
        return chosen

    def used(self, chosen: Sequence[int]) -> list[int]:
        """Bytes alive at the worst moment of each phase, `chosen` giving the option of each held edge."""
        total = list(self.fixed)
        for held, option in zip(self.held, chosen, strict=True):
            for phase in range(held.first, held.last + 1):
                total[phase] += held.weight(option, phase)
        return [size + self._peak(chosen, phase) for phase, size in enumerate(total)]

    @cached_property
    def _alive(self) -> list[list[int]]:
        """For each phase the held edges that are alive in it."""
        return [[i for i, h in enumerate(self.held) if h.first <= phase <= h.last] for phase in range(len(self.fixed))]

    @cached_property
    def _packers(self) -> list[list[int]]:
        """For each phase the held edges whose packing may make its worst moment."""
        return [[i for i, h in enumerate(self.held) if h.first == phase and h.peak > least] for phase, least in enumerate(self.brief)]

    def _peak(self, chosen: Sequence[int], phase: int) -> int:
        """What is alive at the worst moment of a phase beside what is alive through it."""
        return max((self.held[i].peak for i in self._packers[phase] if self.held[i].packs(chosen[i], phase)), default=self.brief[phase])

    def _move(self, chosen: list[int], total: list[int], i: int, step: int) -> None:
        """Takes the next or the last option of a held edge."""
        held, new = self.held[i], chosen[i] + step
        turns = held.options[chosen[i]].plain != held.options[new].plain  # nothing else moves the worst moment
        if turns:
            total[held.first] -= self._peak(chosen, held.first)
        for phase, (before, after) in enumerate(zip(held.weights[chosen[i]], held.weights[new], strict=True), held.first):
            total[phase] += after - before
        chosen[i] = new
        if turns:
            total[held.first] += self._peak(chosen, held.first)

    def loss(self, chosen: Sequence[int]) -> float:
        """Of everything together; exactly rounded, so that the same losses make the same sum in any order, and the work decides."""
        rings = (self.problem.edges[i].flows[0].loss for i in self.rings)
        return fsum((*rings, *(h.options[o].loss for h, o in zip(self.held, chosen, strict=True))))

    def allocate(self, budget: int) -> tuple[float, list[int]] | None:
        """Greedy choice within a budget; None if even the fewest bytes do not fit.

        From the most bits down, always the step that costs the least loss per byte freed where it is needed; then up where room is left.
        """
        if self.least > budget:
            return None
        chosen = [len(h.options) - 1 for h in self.held]
        total = self.used(chosen)
        while (most := max(total)) > budget:
            over = total.index(most)
            best, price = -1, inf
            for i in self._alive[over]:
                held = self.held[i]
                cost = held.costs[chosen[i]][over - held.first]
                if cost < price:
                    best, price = i, cost
            if best < 0:  # smaller options that decode into more rows: only the fewest bytes are left to try
                chosen = list(self.fewest)
                total = self.used(chosen)
                break
            self._move(chosen, total, best, -1)
        self._raise(chosen, total, budget)
        return self.loss(chosen), chosen

    def _raise(self, chosen: list[int], total: list[int], budget: int) -> None:
        """More bits, always where they gain the most, as long as there is room."""
        while True:
            best, gain = -1, 0.0
            for i, h in enumerate(self.held):
                up = chosen[i] + 1
                if up == len(h.options) or h.options[up - 1].loss - h.options[up].loss <= gain:
                    continue
                if all(total[p] + h.weight(up, p) - h.weight(up - 1, p) <= budget for p in range(h.first, h.last + 1)):
                    best, gain = i, h.options[up - 1].loss - h.options[up].loss
            if best < 0:
                return
            self._move(chosen, total, best, 1)
