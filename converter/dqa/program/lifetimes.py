"""When each buffer of a program holds something: the executor's schedule, moment by moment (docs/format.md, section 6).

A moment is an operator that takes rows, or that writes one. Lifetimes are sets of moments: a ring of one row, read at once, holds nothing
most of the time, and others may use its memory then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dqa.errors import ProgramError
from dqa.operators.base import Operator
from dqa.operators.records import Edge, Storage
from dqa.program.endless import answer_at, longer, steps
from dqa.program.maps import base_row_bytes
from dqa.program.schedule import Reader
from dqa.program.scratch import transient_bytes
from dqa.support.arrays import Int64


@dataclass(frozen=True)
class Lifetimes:
    """Sets of moments as bits: moment m is 1 << m. edges: of each edge; scratch, transient: of each operator; phases: of each phase.

    ahead: (edge a, edge b), both whole -> bytes, less than a has: a may lie over b from so many bytes before b on, no row of a is then
    written where one of b lies that is still to be read. Packed and coded rows leave the rows to come their least.
    """

    edges: tuple[int, ...]
    scratch: tuple[int, ...]
    transient: tuple[int, ...]
    phases: tuple[int, ...]
    ahead: dict[tuple[int, int], int] = field(default_factory=dict)


def lifetimes(
    edges: Sequence[Edge],
    ops: Sequence[Operator],
    phases: Sequence[int],
    *,
    outputs: range,
    pushed: bool = False,
    endless: bool = False,
) -> Lifetimes:
    """Runs the rows of a program, no data, as the executor does.

    phases: of each operator. outputs: the edges that keep their values to the end. pushed: the rows of the only input come one by one;
    endless: and never end. Then the moments are those up to the third answer: from the first on every answer's are the same.
    Raises ProgramError if the program stalls: its rings are too small, or a pushed row is not taken.
    """
    if not endless:
        return _Run(edges, ops, phases, outputs, pushed).lifetimes()
    step = steps(edges, ops)[1]
    shown = answer_at(edges, ops) + 2 * step
    return _Run(longer(edges, ops, 2 * shown), ops, phases, outputs, pushed, shown).lifetimes()


def span(first: int, last: int) -> int:
    """The moments first..last."""
    return (1 << (last + 1)) - (1 << first)


def as_bits(moments: int, count: int) -> Int64:
    """A set of `count` moments as zeros and ones."""
    data = np.frombuffer(moments.to_bytes(-(-count // 8), "little"), np.uint8)
    return np.unpackbits(data, count=count, bitorder="little").astype(np.int64)


class _Run:
    def __init__(
        self, edges: Sequence[Edge], ops: Sequence[Operator], phases: Sequence[int], outputs: range, pushed: bool, shown: int | None = None
    ) -> None:
        """shown: pushed rows after which nothing more is looked at; None: all are pushed, and all rows are written."""
        self.edges, self.ops, self.phases, self.outputs, self.pushed, self.shown = edges, ops, phases, outputs, pushed, shown
        self.inputs = [[Reader(edges, op, i, step) for i in range(len(op.inputs))] for step, op in enumerate(ops)]
        self.readers: list[list[Reader]] = [[] for _ in edges]
        for reader in (reader for readers in self.inputs for reader in readers):
            self.readers[reader.edge].append(reader)
        written = {op.output for op in ops}
        self.rows = [0 if number in written or pushed else edge.height for number, edge in enumerate(edges)]
        self.now = 0
        self.since: list[int | None] = [None if number in written else 0 for number in range(len(edges))]
        self.alive, self.transient = [0] * len(edges), [0] * len(ops)
        self.ahead: dict[tuple[int, int], int] = {}
        rows = Storage.RAW_INT8, Storage.RAW_UINT8, Storage.MAP  # that take a known number of bytes at least
        self.leaving = {i for i, edge in enumerate(edges) if edge.storage in rows and i not in outputs}

    def lifetimes(self) -> Lifetimes:
        scratch = [0] * len(self.ops)
        phases = []
        for phase in range(self.phases[-1] + 1):
            start = self.now
            self.now += 1  # the operators begin
            steps = [step for step, of in enumerate(self.phases) if of == phase]
            if self.pushed and phase == 0:
                for row in range(self.shown or self.edges[0].height):
                    self.rows[0] = row + 1
                    self._phase(steps)
                    if self._needed(0) <= row:
                        raise ProgramError(f"row {row} of the input is not taken when it is pushed")
            if self.shown is None and not self._phase(steps):
                raise ProgramError(f"phase {phase} stalls: its rings are too small")
            phases.append(span(start, self.now - 1))
            for step in steps:
                scratch[step] = phases[-1]
        for number, first in enumerate(self.since):
            if first is not None:
                self.alive[number] |= span(first, self.now - 1)
        ahead = {(a, b): size for (a, b), size in self.ahead.items() if size < self.edges[a].capacity and self.shown is None}
        return Lifetimes(tuple(self.alive), tuple(scratch), tuple(self.transient), tuple(phases), ahead)

    def _phase(self, steps: Sequence[int]) -> bool:
        """Rounds until no operator can go on; whether all rows are written."""
        moved = True
        while moved:
            moved = sum(self._step(step) for step in steps) > 0
        return all(self.rows[self.ops[step].output] == self.edges[self.ops[step].output].height for step in steps)

    def _step(self, step: int) -> bool:
        """One visit: an operator takes and writes all rows it can; whether there were any."""
        output, begun = self.ops[step].output, self.now
        edge = self.edges[output]
        room: int | None = None
        while self.rows[output] < edge.height:
            ready = self._take(step)
            if room is None:
                room = self._needed(output) + edge.ring_rows if edge.ring_rows else edge.height
            if not ready or self.rows[output] >= room:
                break
            self.transient[step] |= 1 << self.now if transient_bytes(self.edges, self.ops[step]) else 0
            self._follow(output)
            self.rows[output] += 1
            self._pass(step, written=True)
        return self.now > begun

    def _follow(self, written: int) -> None:
        """A whole edge's next row is written, while others hold rows."""
        edge = self.edges[written]
        if edge.ring_rows:
            return
        end = edge.capacity - (edge.height - self.rows[written] - 1) * base_row_bytes(edge)
        for number, other in enumerate(self.edges):
            if self.since[number] is None or number == written or other.ring_rows:
                continue
            if number in self.leaving:  # what is read of it keeps its rows from the first that is needed on, if all are there
                there = self.rows[number] == other.height
                gap = end - self._needed(number) * base_row_bytes(other) if there else edge.capacity
                self.ahead[written, number] = max(gap, self.ahead.get((written, number), 0))
            self.ahead[number, written] = other.capacity  # whose rows are there before this one's

    def _take(self, step: int) -> bool:
        """Takes the rows that the next output row needs, as far as they are there; whether they all are."""
        y, taken = self.rows[self.ops[step].output], False
        for reader in self.inputs[step]:
            rows = min(reader.end[y], self.rows[reader.edge])
            if reader.copies and reader.taken < rows:
                reader.taken, taken = rows, True
        if taken:
            self._pass(step, written=False)
        return all(self.rows[reader.edge] >= reader.end[y] for reader in self.inputs[step])

    def _needed(self, edge: int) -> int:
        """The first row of an edge that a reader still needs; its height if none does."""
        needs = (reader.needs(self.rows[self.ops[reader.step].output]) for reader in self.readers[edge])
        return min(needs, default=self.edges[edge].height)

    def _pass(self, step: int, *, written: bool) -> None:
        """Ends a moment in which an operator took or wrote rows: what it touched may now hold something, or nothing any more."""
        output = self.ops[step].output
        if written and self.since[output] is None:
            self.since[output] = self.now
        for number in {output, *self.ops[step].inputs}:
            first = self.since[number]
            if first is not None and number not in self.outputs and self.rows[number] <= self._needed(number):
                self.alive[number] |= span(first, self.now)
                self.since[number] = None
        self.now += 1
