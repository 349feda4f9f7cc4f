"""The two buffer layouts of a program: edges and scratch by lifetime."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.planning.buffers import Buffer, place
from dqa.program import Edge, Layout, Operator, scratch_bytes, transient_bytes


def lifetimes(edge_count: int, ops: Sequence[Operator], input_count: int, output_count: int) -> list[tuple[int, int]]:
    """First and last step (operator number) at which each edge must hold its values; outputs to the end, inputs from the start."""
    first = [0] * edge_count
    last = [0] * edge_count
    for step, op in enumerate(ops):
        first[op.output] = step
        last[op.output] = max(last[op.output], step)
        for edge in op.inputs:
            last[edge] = max(last[edge], step)
    for edge in range(input_count):
        first[edge] = 0
    for edge in range(input_count, input_count + output_count):
        last[edge] = len(ops) - 1
    return list(zip(first, last, strict=True))


def plan(edges: Sequence[Edge], ops: Sequence[Operator], input_count: int, output_count: int, *, external: bool) -> Layout:
    """Places every edge and every operator's scratch; with `external` the inputs and outputs are the caller's and take no room."""
    spans = lifetimes(len(edges), ops, input_count, output_count)
    border = input_count + output_count
    owned = [i for i in range(len(edges)) if not (external and i < border)]
    buffers = [Buffer(edges[i].capacity, *spans[i]) for i in owned]
    buffers += [Buffer(scratch_bytes(edges, op), step, step) for step, op in enumerate(ops)]
    packing = [i for i, op in enumerate(ops) if transient_bytes(edges, op)]
    buffers += [Buffer(transient_bytes(edges, ops[step]), step, step) for step in packing]
    offsets, size = place(buffers)
    places: list[int | None] = [None] * len(edges)
    for i, offset in zip(owned, offsets, strict=False):
        places[i] = offset
    scratch, transient = offsets[len(owned) : len(owned) + len(ops)], dict(zip(packing, offsets[len(owned) + len(ops) :], strict=True))
    return Layout(size, tuple(places), tuple(scratch), tuple(transient.get(step) for step in range(len(ops))))
