"""Activations that are not worth storing: their rows flow to the one operator that reads them, each as soon as it is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dqa.program import Program, value_ring
from dqa.program.schedule import simulate

RING_BITS = 8
"""Of a value in a ring."""


@dataclass(frozen=True)
class Flow:
    """edges: those that are rings of one row. phases: of each operator, as few joined as the rings need."""

    edges: frozenset[int]
    phases: tuple[int, ...]


def flowing(program: Program, free: Collection[int], bits: float) -> Flow:
    """Which of the edges `free` flow: those with one reader, for which a ring of one row is enough and smaller than the map.

    program: with the edges `free` stored as maps of 7 bits, whose real zero is that of a ring. bits: of a stored value, on average.
    """
    readers: dict[int, list[int]] = {number: [] for number in range(len(program.edges))}
    for step, op in enumerate(program.ops):
        for number in {*op.inputs}:
            readers[number].append(step)
    edges, found = list(program.edges), set[int]()
    starts = set(range(len(program.ops)))
    for step, op in enumerate(program.ops):
        number = op.output
        if number not in free or len(readers[number]) != 1 or edges[number].height * bits <= RING_BITS:
            continue
        whole, edges[number] = edges[number], value_ring(edges[number], 1)
        joined = starts.difference(range(step + 1, readers[number][0] + 1))
        rings: dict[int, int | None] = dict.fromkeys([*found, number], 1)
        if simulate(edges, program.ops, _phases(joined, len(program.ops)), rings).complete:
            found.add(number)
            starts = joined
        else:
            edges[number] = whole
    return Flow(frozenset(found), _phases(starts, len(program.ops)))


def _phases(starts: Collection[int], count: int) -> tuple[int, ...]:
    """The phase of each operator; `starts`: the first of each."""
    phases = [0]
    for step in range(1, count):
        phases.append(phases[-1] + (step in starts))
    return tuple(phases)
