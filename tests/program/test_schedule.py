"""The simulated schedule: what it says of ring sizes is what the executor's sweeps do with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.programs import operator_program, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.operators.add import Add
from dqa.operators.conv_2d import Conv2D
from dqa.operators.max_pool_2d import MaxPool2D


class Sweeps:
    """Section 6 of docs/format.md to the letter: operators in table order, each as many rows as it may, until nothing moves."""

    def __init__(self, program: p.Program, pushed: bool) -> None:
        self.edges, self.ops, self.phases = program.edges, program.ops, program.op_phases
        self.rows = [0] * len(self.edges)
        self.taken = {(number, i): 0 for number, op in enumerate(self.ops) for i in range(len(op.inputs))}
        self.pushed = pushed
        if not pushed:
            self.rows[: program.input_count] = [edge.height for edge in program.inputs]

    def copies(self, op: p.Operator, i: int) -> bool:
        return not p.input_view(op, self.edges[op.inputs[i]], self.edges[op.output]).direct

    def finished(self, number: int) -> bool:
        output = self.ops[number].output
        return self.rows[output] == self.edges[output].height

    def needs(self, number: int, i: int) -> float:
        op = self.ops[number]
        if self.finished(number):
            return float("inf")
        if self.copies(op, i) or p.accumulates(op, self.edges[op.inputs[0]]):
            return self.taken[number, i]
        return max(0, p.span(self.edges, op, i, self.rows[op.output])[0])

    def least(self, edge: int) -> float:
        ends = [self.needs(n, i) for n, op in enumerate(self.ops) for i, source in enumerate(op.inputs) if source == edge]
        return min(ends, default=float("inf"))

    def visit(self, number: int) -> bool:
        """Whether the operator wrote or took a row."""
        op, moved = self.ops[number], False
        while not self.finished(number):
            y, ready = self.rows[op.output], True
            for i, source in enumerate(op.inputs):
                first, end = p.span(self.edges, op, i, y)
                end = min(end, self.edges[source].height)
                while self.taken[number, i] < min(end, self.rows[source]):
                    self.taken[number, i] += 1
                    moved = True
                ready &= first >= self.edges[source].height or end <= self.rows[source]
            ring_rows = self.edges[op.output].ring_rows
            if not ready or (ring_rows and not y - ring_rows < self.least(op.output)):
                return moved
            self.rows[op.output] = y + 1
            moved = True
        return moved

    def settle(self, phase: int) -> None:
        numbers = [n for n, of in enumerate(self.phases) if of == phase]
        while sum(self.visit(n) for n in numbers):  # not any(): all are visited
            pass

    def run(self) -> bool:
        """Whether every row was written."""
        if self.pushed:
            for _ in range(self.edges[0].height):
                self.rows[0] += 1
                self.settle(0)
                if self.least(0) < self.rows[0]:
                    return False
        for phase in range(self.phases[-1] + 1):
            self.settle(phase)
            if not all(self.finished(n) for n, of in enumerate(self.phases) if of == phase):
                return False
        return True


def with_rows(program: p.Program, rows: dict[int, int]) -> p.Program:
    return replace(program, edges=tuple(replace(e, ring_rows=rows.get(i, e.ring_rows)) for i, e in enumerate(program.edges)))


def rings(program: p.Program) -> dict[int, int]:
    return {i: edge.ring_rows for i, edge in enumerate(program.edges) if edge.ring_rows}


@pytest.mark.parametrize("block", range(10))
def test_rings_of_the_simulated_sizes_complete_and_smaller_ones_where_it_says_so(block: int) -> None:
    stalls = 0
    for seed in range(20 * block, 20 * block + 20):
        program = streamed(ladder(seed), seed)
        rng = np.random.default_rng(seed)
        sizes = rings(program)
        assert Sweeps(program, False).run()
        assert program.pushed is None or Sweeps(program, True).run()
        for _ in range(4):
            smaller = {edge: max(1, rows - int(rng.integers(0, 3))) for edge, rows in sizes.items()}
            for pushed in (False, True)[: program.input_count % 2 + 1]:
                said = p.simulate(program.edges, program.ops, program.op_phases, smaller, pushed=pushed).complete
                assert said == Sweeps(with_rows(program, smaller), pushed).run(), (seed, smaller, pushed)
                stalls += not said
    assert stalls > 5


@pytest.mark.parametrize("pushed", [False, True])
def test_any_number_of_rows_is_never_more_than_the_map(pushed: bool) -> None:
    for seed in range(60):
        program = streamed(random_program(seed), seed)
        if pushed and program.pushed is None:
            continue
        plan = p.simulate(program.edges, program.ops, program.op_phases, dict.fromkeys(rings(program)), pushed=pushed)
        assert plan.complete
        assert all(1 <= rows <= program.edges[edge].height for edge, rows in plan.ring_rows.items())


def chain(*operators: tuple[type[p.Operator], int], height: int = 12) -> tuple[list[p.Edge], list[p.Operator]]:
    """Rings of one column between windows of (kind, stride), kernel 3, padding 1."""
    edges = [p.Edge("in", height, 1, 1, p.Storage.RAW_INT8, 8, 0, -128, 0, height)]
    ops: list[p.Operator] = []
    for kind, stride in operators:
        source = len(edges) - 1
        edges.append(p.value_ring(replace(edges[-1], height=-(-edges[-1].height // stride)), 1))
        ops.append(kind("", (source,), source + 1, p.Window(3, 1, stride, 1, 1, 1, 1, 0), *[None] * (kind is Conv2D) * 2))  # type: ignore[arg-type, call-arg]
    return edges, ops


def test_a_chain_keeps_what_its_kernels_span() -> None:
    edges, ops = chain((Conv2D, 1), (Conv2D, 2), (MaxPool2D, 1), (Conv2D, 1))
    for pushed in (False, True):
        plan = p.simulate(edges, ops, [0] * 4, {1: None, 2: None, 3: None}, pushed=pushed)
        assert plan == p.Schedule(True, {1: 3, 2: 3, 3: 3})


def test_a_skip_waits_for_the_rows_of_the_longer_way() -> None:
    edges, ops = chain((MaxPool2D, 1), (Conv2D, 1), (Conv2D, 1))
    edges.append(replace(edges[3]))
    ops.append(Add("", (1, 3), 4, None, None, None))  # type: ignore[arg-type]
    plan = p.simulate(edges, ops, [0] * 4, {1: None, 2: None, 3: None}, pushed=True)
    # Row y of the sum needs row y + 1 of edge 2 and row y + 2 of edge 1, of which row y waits.
    assert plan == p.Schedule(True, {1: 3, 2: 3, 3: 1})


def test_a_pushed_row_that_must_wait_cannot_be_pushed() -> None:
    edges, ops = chain((Conv2D, 1))
    edges.append(edges[1])
    ops.append(Add("", (0, 1), 2, None, None, None))  # type: ignore[arg-type]
    assert p.simulate(edges, ops, [0, 0], {1: None}).complete
    assert not p.simulate(edges, ops, [0, 0], {1: None}, pushed=True).complete
    assert not p.simulate(edges, ops, [0, 1], {}, pushed=True).complete


@pytest.mark.parametrize("kind", p.Kind, ids=lambda kind: kind.name)
def test_every_operator_runs_between_rings(kind: p.Kind) -> None:
    for seed in range(8):
        program = streamed(operator_program(kind, seed, exact=1.0), seed, cut=0.0)
        assert program.op_phases == (0,) * len(program.ops)
        assert Sweeps(program, False).run()
        p.check_program(program)
