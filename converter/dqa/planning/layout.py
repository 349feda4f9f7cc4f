"""The buffer layouts of a program: edges, scratch and transient rows by the moments in which they hold something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dqa.planning.buffers import ALIGNMENT, Buffer, place
from dqa.program import (
    Edge,
    Layout,
    LayoutName,
    Lifetimes,
    Operator,
    Program,
    in_output,
    lifetimes,
    scratch_bytes,
    transient_bytes,
)


@dataclass(frozen=True)
class Ends:
    """How many inputs and outputs a program has, and where they lie.

    inputs_inside, outputs_inside: in the arena. Of outputs outside the first one's memory is used too while it holds nothing yet.
    pushed: the rows of the only input come one by one; endless: and never end.
    """

    inputs: int
    outputs: int
    inputs_inside: bool = True
    outputs_inside: bool = True
    pushed: bool = False
    endless: bool = False

    @property
    def border(self) -> int:
        """Inputs and outputs."""
        return self.inputs + self.outputs

    def owned(self, edges: int) -> list[int]:
        """Those of so many edges that lie in the arena."""
        inside = self.inputs_inside, self.outputs_inside
        return [i for i in range(edges) if i >= self.border or inside[i >= self.inputs]]


def all_ends(program: Program) -> dict[LayoutName, Ends]:
    """The ends of each layout that a program has."""
    inside = Ends(program.input_count, program.output_count)
    outside = replace(inside, inputs_inside=False)
    found: dict[LayoutName, Ends] = {"internal": inside, "external": replace(outside, outputs_inside=False)}
    return found if program.pushed is None else {**found, "pushed": replace(outside, pushed=True, endless=program.period > 0)}


def moments_of(edges: Sequence[Edge], ops: Sequence[Operator], phases: Sequence[int], ends: Ends) -> Lifetimes:
    """When each buffer holds something. Raises ProgramError if the program stalls."""
    outputs = range(ends.inputs, ends.border)
    return lifetimes(edges, ops, phases, outputs=outputs, pushed=ends.pushed, endless=ends.endless)


def over(alive: Lifetimes, owned: Sequence[int]) -> dict[tuple[int, int], int]:
    """Lifetimes.ahead of the edges in the arena."""
    return {(a, b): gap for (a, b), gap in alive.ahead.items() if a in owned and b in owned}


def shared(edges: Sequence[Edge], layout: Layout, ends: Ends, alive: Lifetimes) -> list[tuple[int, int]]:
    """Bytes that two edges of a layout share while both are alive, one over rows of the other that were read: bytes, moments."""
    found = []
    for a, b in over(alive, ends.owned(len(edges))):
        first, second = layout.edges[a], layout.edges[b]
        assert first is not None and second is not None, "both lie in the arena"
        both = min(first + edges[a].capacity, second + edges[b].capacity) - max(first, second)
        if both > 0 and alive.edges[a] & alive.edges[b]:
            found.append((both // ALIGNMENT * ALIGNMENT, alive.edges[a] & alive.edges[b]))
    return found


def plan(edges: Sequence[Edge], ops: Sequence[Operator], phases: Sequence[int], ends: Ends) -> Layout:
    """Places every edge of the arena, every operator's scratch and transient row.

    Raises ProgramError if the program stalls.
    """
    alive = moments_of(edges, ops, phases, ends)
    owned = ends.owned(len(edges))
    rows = [transient_bytes(edges, op) for op in ops]
    packing = [i for i, size in enumerate(rows) if size]
    apart = 0 if ends.outputs_inside else edges[ends.inputs].capacity // 4 * 4
    buffers = [Buffer(apart, alive.edges[ends.inputs])] if apart else []
    buffers += [Buffer(edges[i].capacity, alive.edges[i]) for i in owned]
    buffers += [Buffer(scratch_bytes(edges, op), moments) for op, moments in zip(ops, alive.scratch, strict=True)]
    buffers += [Buffer(rows[i], alive.transient[i]) for i in packing]
    numbers = {edge: (1 if apart else 0) + position for position, edge in enumerate(owned)}
    offsets, size = place(buffers, apart, {(numbers[a], numbers[b]): gap for (a, b), gap in over(alive, owned).items()})
    found = iter([in_output(offset) if offset < apart else offset - apart for offset in offsets][1 if apart else 0 :])
    places: list[int | None] = [None] * len(edges)
    transient: list[int | None] = [None] * len(ops)
    for i in owned:
        places[i] = next(found)
    scratch = tuple(next(found) for _ in ops)
    for i in packing:
        transient[i] = next(found)
    return Layout(size - apart, tuple(places), scratch, tuple(transient))
