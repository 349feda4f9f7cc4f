"""Rows that never end (docs/format.md, section 6): a window's network computes each row once, for all windows that it is part of.

Row y of an edge is row y of the window that begins with the first row of the input; the window that begins `step` rows later has it as
row y - 1, where step is the product of the strides up to the edge. The answer of each window is a row of the output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dqa.errors import ProgramError
from dqa.operators.base import Operator, require
from dqa.operators.records import Edge
from dqa.operators.windows import Windowed
from dqa.program.maps import minimum_capacity
from dqa.program.model import Program
from dqa.program.rings import value_ring
from dqa.program.rows import input_view, span
from dqa.program.schedule import simulate
from dqa.support.limits import MAX_PERIOD

LEAST_PERIOD = 4096
"""Rows of the input: beginning again costs nothing beside them."""


def _ends(op: Operator, why: str, hint: str) -> ProgramError:
    """That an operator's rows cannot go on without end, and what to do."""
    return ProgramError(f"layer '{op.name}' cannot run continuously: {why}", hint=hint)


def steps(edges: Sequence[Edge], ops: Sequence[Operator]) -> list[int]:
    """Rows of the input from one row of each edge to the next. Raises ProgramError where rows of several steps meet."""
    found = [1] * len(edges)
    for op in ops:
        of = {found[edge] for edge in op.inputs}
        if len(of) > 1:
            raise _ends(op, "its inputs have strides in time that differ", "give both branches the same strides")
        found[op.output] = of.pop() * (op.window.stride_h if isinstance(op, Windowed) else 1)
    return found


def check_answers(edges: Sequence[Edge], ops: Sequence[Operator]) -> None:
    """Raises ProgramError unless the first row of the output, edge 1, is that of the window, whatever came before it.

    A convolution that pads before the window sees zeros there, and earlier rows where they never end: the rows of the window that see
    such are not clean, nor is what is made of them.
    """
    clean, padding = [0] * len(edges), dict[int, Operator]()
    for op in ops:
        if why := op.why_ends([edges[i] for i in op.inputs], edges[op.output]):
            raise _ends(op, why, "let nothing but valid or causal padding, and reductions over the whole window, touch time")
        first = 0
        while first < edges[op.output].height and any(
            span(edges, op, index, first)[0] < clean[edge] for index, edge in enumerate(op.inputs)
        ):
            first += 1
        clean[op.output] = first
        if first:
            padding[op.output] = next((padding[edge] for edge in op.inputs if edge in padding), op)
    if clean[1]:
        raise _ends(
            padding[1],
            "it pads before the window, and the answer depends on that padding, which is not there without end",
            "use padding='valid', or read a last row whose receptive field lies inside the window",
        )


def longer(edges: Sequence[Edge], ops: Sequence[Operator], rows: int) -> list[Edge]:
    """The edges of the same network on a window of so many rows, at least its own."""
    found = list(edges)
    found[0] = replace(edges[0], height=rows)
    for op in ops:
        heights = [found[edge].height for edge in op.inputs]
        height = found[op.output].height
        while all(span(found, op, index, height)[1] <= limit for index, limit in enumerate(heights)):
            height += 1
        found[op.output] = replace(found[op.output], height=height)
    return found


def answer_at(edges: Sequence[Edge], ops: Sequence[Operator], edge: int = 1, row: int = 0) -> int:
    """Rows of the input that make a row of an edge: with as many pushed, it is there."""
    writer = {op.output: op for op in ops}
    if edge not in writer:
        return row + 1
    op = writer[edge]
    return max(answer_at(edges, ops, source, span(edges, op, index, row)[1] - 1) for index, source in enumerate(op.inputs))


def period(edges: Sequence[Edge], ops: Sequence[Operator], least: int = LEAST_PERIOD) -> int:
    """The least period, from `least` rows of the input on, at which every ring is at its first slot again. Raises ProgramError."""
    of = steps(edges, ops)
    turn = math.lcm(*(step * max(1, edge.ring_rows) for step, edge in zip(of, edges, strict=True)))
    for op in ops:
        for edge in op.inputs:
            view = input_view(op, edges[edge], edges[op.output])
            turn = turn if view.direct else math.lcm(turn, of[edge] * view.rows)
            if turn > MAX_PERIOD:
                raise _ends(op, "the rings of all layers are at their beginning together too rarely", "give kernels like sizes")
    return turn * -(-max(least, answer_at(edges, ops) + 2 * of[1]) // turn)


def check_endless(program: Program) -> None:
    """Raises ProgramError where a program cannot run without end."""
    edges, ops = program.edges, program.ops
    require((program.input_count, program.output_count) == (1, 1), "rows without end need one input and one output")
    require(program.pushed is not None and set(program.op_phases) == {0}, "rows without end are pushed in one phase")
    require(0 < program.period <= MAX_PERIOD, f"a period of {program.period} rows")
    require(edges[1].height == 1 and all(edge.ring_rows for edge in edges[2:]), "rows without end need rings, and one row of output")
    require(all(1 not in op.inputs for op in ops), "the output is read")
    for op in ops:
        require(not (why := op.why_ends([edges[i] for i in op.inputs], edges[op.output])), f"'{op.name}': {why}")
    require(_turns(program), "a ring is not at its first slot after a period")


def _turns(program: Program) -> bool:
    """Whether every ring is at its first slot after a period."""
    edges, of = program.edges, steps(program.edges, program.ops)
    if any(program.period % (step * max(1, edge.ring_rows)) for step, edge in zip(of, edges, strict=True)):
        return False
    views = ((of[i], input_view(op, edges[i], edges[op.output])) for op in program.ops for i in op.inputs)
    return all(view.direct or program.period % (step * view.rows) == 0 for step, view in views)


def with_rings(edges: Sequence[Edge], ops: Sequence[Operator]) -> tuple[Edge, ...]:
    """All edges but input and output as rings, as long as rows without end need them."""
    found = [value_ring(edge, 1) if number > 1 else edge for number, edge in enumerate(edges)]
    shown = 2 * (answer_at(found, ops) + 2 * steps(found, ops)[1])
    rings = dict.fromkeys(range(2, len(edges)))
    rows = simulate(longer(found, ops, shown), ops, [0] * len(ops), rings, pushed=True)
    require(rows.complete, "the rows of this network cannot be taken as they are pushed")
    for number, ring_rows in rows.ring_rows.items():
        ring = replace(found[number], ring_rows=ring_rows)
        found[number] = replace(ring, capacity=minimum_capacity(ring))
    return tuple(found)
