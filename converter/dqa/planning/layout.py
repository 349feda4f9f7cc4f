"""The buffer layouts of a program: edges, scratch and transient rows by lifetime, counted in phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dqa.planning.buffers import Buffer, place
from dqa.program import Edge, Layout, Operator, scratch_bytes, transient_bytes


@dataclass(frozen=True)
class Ends:
    """How many inputs and outputs a program has, and whether they lie in the arena."""

    inputs: int
    outputs: int
    inputs_inside: bool = True
    outputs_inside: bool = True


def lifetimes(edge_count: int, ops: Sequence[Operator], phases: Sequence[int], ends: Ends) -> list[tuple[int, int]]:
    """First and last phase in which each edge must hold its values; outputs to the end, inputs from the start."""
    first = [0] * edge_count
    last = [0] * edge_count
    for phase, op in zip(phases, ops, strict=True):
        first[op.output] = phase
        last[op.output] = max(last[op.output], phase)
        for edge in op.inputs:
            last[edge] = max(last[edge], phase)
    for edge in range(ends.inputs, ends.inputs + ends.outputs):
        last[edge] = phases[-1]
    return list(zip(first, last, strict=True))


def plan(edges: Sequence[Edge], ops: Sequence[Operator], phases: Sequence[int], ends: Ends) -> Layout:
    """Places every edge of the arena, every operator's scratch and one transient row for each phase, which its operators share."""
    spans = lifetimes(len(edges), ops, phases, ends)
    border = ends.inputs + ends.outputs
    owned = [i for i in range(len(edges)) if i >= border or (ends.inputs_inside if i < ends.inputs else ends.outputs_inside)]
    rows = [transient_bytes(edges, op) for op in ops]
    widest = [max(size for size, p in zip(rows, phases, strict=True) if p == phase) for phase in range(phases[-1] + 1)]
    buffers = [Buffer(edges[i].capacity, *spans[i]) for i in owned]
    buffers += [Buffer(scratch_bytes(edges, op), phase, phase) for phase, op in zip(phases, ops, strict=True)]
    buffers += [Buffer(size, phase, phase) for phase, size in enumerate(widest)]
    offsets, size = place(buffers)
    places: list[int | None] = [None] * len(edges)
    for i, offset in zip(owned, offsets, strict=False):
        places[i] = offset
    scratch, shared = offsets[len(owned) : len(owned) + len(ops)], offsets[len(owned) + len(ops) :]
    transient = tuple(shared[phase] if row else None for phase, row in zip(phases, rows, strict=True))
    return Layout(size, tuple(places), tuple(scratch), transient)
