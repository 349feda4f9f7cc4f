"""The schedule of a program without its data: whether rings are large enough, and how large they must be (docs/format.md, section 6).

An operator may write its next row when its input rows are there and its output has room. A row that may be written stays so
until it is written: the order in which operators run decides nothing about completion, and rings that are large enough for
the order taken here are large enough for the executor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dqa.operators.base import Operator
from dqa.operators.records import Edge
from dqa.program.rows import accumulates, input_view, span


@dataclass(frozen=True)
class Schedule:
    """complete: every row gets written. ring_rows: the rows each ring held at most, at least 1; so many are enough if it is complete."""

    complete: bool
    ring_rows: dict[int, int]


def simulate(
    edges: Sequence[Edge], ops: Sequence[Operator], phases: Sequence[int], ring_rows: Mapping[int, int | None], *, pushed: bool = False
) -> Schedule:
    """Runs a program's rows, no data.

    phases: of each operator. ring_rows: the edges that are rings and their rows, None for any number (whatever the edges say of it);
    all other edges are whole. pushed: the rows of the only input come one by one, and the next only when every reader took the last.
    A row is written only when a reader needs it, as far as the given rings and pushed rows allow, and readers run as soon as they can:
    that keeps rings of any number of rows short.
    """
    run = _Run(edges, ring_rows)
    written = {op.output for op in ops}
    inputs = [edge for edge in range(len(edges)) if edge not in written]
    for edge in inputs:
        run.rows[edge] = edges[edge].height
    complete = not pushed or len(inputs) == 1
    for phase in sorted(set(phases)):
        members = [op for op, of in zip(ops, phases, strict=True) if of == phase]
        arriving = inputs[0] if pushed and phase == phases[0] else None
        late = pushed and arriving is None and any(edge in inputs for op in members for edge in op.inputs)
        complete = complete and not late and run.phase(members, arriving)
    return Schedule(complete, run.held)


class Reader:
    """An input of an operator: which rows of edge `edge` each output row needs (clipped to the input), and the rows taken so far."""

    def __init__(self, edges: Sequence[Edge], op: Operator, index: int, step: int) -> None:
        source, output = edges[op.inputs[index]], edges[op.output]
        spans = [span(edges, op, index, y) for y in range(output.height)]
        self.step = step
        self.edge = op.inputs[index]
        self.height = source.height
        self.first = [max(0, first) for first, _ in spans]
        self.end = [min(source.height, max(0, end)) for _, end in spans]
        self.copies = accumulates(op, source) or not input_view(op, source, output).direct
        self.taken = 0

    def needs(self, y: int) -> int:
        """The first row still needed while output row y is the next."""
        if y == len(self.first):
            return self.height
        return self.taken if self.copies else self.first[y]


class _Run:
    """The rows written of every edge, and of every ring the most it held."""

    def __init__(self, edges: Sequence[Edge], ring_rows: Mapping[int, int | None]) -> None:
        self.edges, self.ring_rows = edges, ring_rows
        self.rows = [0] * len(edges)
        self.held = dict.fromkeys(ring_rows, 1)

    def phase(self, ops: Sequence[Operator], arriving: int | None) -> bool:
        """Runs the operators of one phase; `arriving`: the input whose rows are pushed. Whether all rows were written."""
        self.ops = ops
        self.inputs = [[Reader(self.edges, op, i, step) for i in range(len(op.inputs))] for step, op in enumerate(ops)]
        self.readers: dict[int, list[Reader]] = {}
        for reader in (reader for readers in self.inputs for reader in readers):
            self.readers.setdefault(reader.edge, []).append(reader)
        self.wanted = [False] * len(ops)
        self.arriving = arriving
        height = 0
        if arriving is not None:
            height, self.rows[arriving] = self.rows[arriving], 0
        self._take_all()
        self._settle(len(ops) - 1)
        while arriving is not None and self.rows[arriving] < height:
            self.rows[arriving] += 1
            readers = self.readers.get(arriving, [])
            for reader in readers:
                self._take(reader)
            self._settle(max((reader.step for reader in readers), default=-1))
            while self._untaken():
                if not self._force():
                    return False
        while self._unfinished() and self._force():
            pass
        return not self._unfinished()

    def _unfinished(self) -> bool:
        return any(self.rows[op.output] < self.edges[op.output].height for op in self.ops)

    def _take_all(self) -> None:
        for readers in self.inputs:
            for reader in readers:
                self._take(reader)

    def _take(self, reader: Reader) -> None:
        """A reader with rows of its own copies what its next output row spans."""
        y = self.rows[self.ops[reader.step].output]
        if reader.copies and y < len(reader.end):
            reader.taken = max(reader.taken, min(reader.end[y], self.rows[reader.edge]))

    def _untaken(self, step: int | None = None) -> bool:
        """Whether a reader (of operator `step`) has not yet taken the row that arrived last."""
        if self.arriving is None:
            return False
        rows = self.rows[self.arriving]
        readers = self.readers.get(self.arriving, []) if step is None else self.inputs[step]
        late = (r for r in readers if r.edge == self.arriving and self.rows[self.ops[r.step].output] < len(r.first))
        return any(reader.needs(self.rows[self.ops[reader.step].output]) < rows for reader in late)

    def _least(self, edge: int) -> int:
        """The first row of an edge that a reader still needs; its height if none does."""
        return min(
            (reader.needs(self.rows[self.ops[reader.step].output]) for reader in self.readers.get(edge, [])),
            default=self.edges[edge].height,
        )

    def _may_write(self, step: int) -> bool:
        output = self.ops[step].output
        y = self.rows[output]
        if y == self.edges[output].height:
            return False
        if any(self.rows[reader.edge] < reader.end[y] for reader in self.inputs[step]):
            return False
        room = self.ring_rows.get(output)
        return room is None or y - room < self._least(output)

    def _wants(self, step: int) -> bool:
        """Whether the next row of an operator is needed now: a whole edge is, a ring if a wanted reader lacks the row."""
        output = self.ops[step].output
        y = self.rows[output]
        if y == self.edges[output].height:
            return False
        if output not in self.ring_rows or self._untaken(step):
            return True
        for reader in self.readers.get(output, []):
            if self.wanted[reader.step] and reader.end[self.rows[self.ops[reader.step].output]] > y:
                return True
        return False

    def _write(self, step: int) -> int:
        """Writes a row; returns the last operator whose state it may change."""
        output = self.ops[step].output
        y = self.rows[output]
        if output in self.held:
            self.held[output] = max(self.held[output], min(y, y - self._least(output)) + 1)
        self.rows[output] = y + 1
        for reader in self.inputs[step]:
            self._take(reader)
        readers = self.readers.get(output, [])
        for reader in readers:
            self._take(reader)
        return max((reader.step for reader in readers), default=step)

    def _settle(self, last: int) -> None:
        """Writes wanted rows, the furthest downstream first, until there are none; `last`: the last operator whose state changed."""
        step = last
        while step >= 0:
            self.wanted[step] = self._wants(step)
            step = self._write(step) if self.wanted[step] and self._may_write(step) else step - 1

    def _force(self) -> bool:
        """Writes rows that no reader asks for, where nothing else goes on. Whether a row was written."""
        for step in reversed(range(len(self.ops))):
            if self._may_write(step):
                self._write(step)
                self._settle(len(self.ops) - 1)
                return True
        return False
