"""The `plan` section of report.json: what lies where and when, what each edge does and why, what other budgets would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dqa.lowering.planned import Planned
from dqa.planning.layout import Ends, all_ends, moments_of, shared
from dqa.planning.search import Solution
from dqa.program import (
    IN_OUTPUT,
    Layout,
    LayoutName,
    Lifetimes,
    Program,
    Storage,
    align,
    as_bits,
    scratch_bytes,
    transient_bytes,
)
from dqa.report.reasons import edge_decisions, phase_reasons, smallest_reason


def plan_section(program: Program, planned: Planned | None = None) -> dict[str, Any]:
    """What docs/report.md says of `plan`; sizes and offsets in bytes, JSON types only.

    planned: how the program came about; None: without a planner, then choice, smallest and budget are None and the front is empty.
    """
    every: dict[LayoutName, Layout | None] = {"internal": None, "external": None, "pushed": None, **program.layouts()}
    ends = all_ends(program)
    layouts = {
        name: (layout, ends[name], moments_of(program.edges, program.ops, program.op_phases, ends[name]))
        for name, layout in program.layouts().items()
    }
    return {
        "layout": planned.layout if planned is not None else "internal",
        "budget": planned.budget if planned is not None else None,
        "arena": {name: layout.arena_size if layout is not None else None for name, layout in every.items()},
        "phases": _phases(program, planned, {name: _alive(program, *layout) for name, layout in layouts.items()}),
        "memory": {name: memory_map(program, layout, lives) for name, (layout, _, lives) in layouts.items()},
        "edges": edge_decisions(program, planned),
        "choice": _choice(planned) if planned is not None else None,
        "front": [{**_point(s, planned.beside), "chosen": _same(s, planned.solution)} for s in planned.front]
        if planned is not None
        else [],
        "smallest": _smallest(planned) if planned is not None else None,
    }


def memory_map(program: Program, layout: Layout, lives: Lifetimes) -> list[dict[str, Any]]:
    """The buffers of a layout, each needed from phase `first` to phase `last`, both included.

    where: arena, or output: the memory of the first output, from whose beginning `offset` counts. kind: input, output, map (packed), ring,
    plain (bytes), scratch (of an operator), row (to be packed). in_turns: others have some of its bytes in the same phase, at other
    moments or where its rows were read.
    """
    buffers = []
    for name, kind, place, size, moments in _buffers(program, layout, lives):
        of = [number for number, phase in enumerate(lives.phases) if phase & moments]
        where, offset = ("output", place - IN_OUTPUT) if place & IN_OUTPUT else ("arena", place)
        buffers.append({"name": name, "kind": kind, "where": where, "offset": offset, "size": size, "first": of[0], "last": of[-1]})
    return [{**b, "in_turns": any(a is not b and _meet(a, b) for a in buffers)} for b in buffers]


def _buffers(program: Program, layout: Layout, lives: Lifetimes) -> Iterator[tuple[str, str, int, int, int]]:
    """Name, kind, place, bytes and moments of every buffer that has a place."""
    edges, ops = program.edges, program.ops
    found = [
        *((edge.name, _kind(program, n), layout.edges[n], edge.capacity, lives.edges[n]) for n, edge in enumerate(edges)),
        *((op.name, "scratch", layout.scratch[n], scratch_bytes(edges, op), lives.scratch[n]) for n, op in enumerate(ops)),
        *((op.name, "row", layout.transient[n], transient_bytes(edges, op), lives.transient[n]) for n, op in enumerate(ops)),
    ]
    yield from ((name, kind, place, size, moments) for name, kind, place, size, moments in found if place is not None)


def _alive(program: Program, layout: Layout, ends: Ends, lives: Lifetimes) -> list[int]:
    """For each phase the most bytes that are alive in the arena at one of its moments."""
    moments = lives.phases[-1].bit_length()
    total = np.zeros(moments, np.int64)
    for _, _, place, size, alive in _buffers(program, layout, lives):
        if not place & IN_OUTPUT:
            total += align(size) * as_bits(alive, moments)
    for size, alive in shared(program.edges, layout, ends, lives):
        total -= size * as_bits(alive, moments)
    return [int(total[as_bits(phase, moments) > 0].max()) for phase in lives.phases]


def _meet(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two buffers have bytes and phases in common."""
    apart = a["offset"] + a["size"] <= b["offset"] or b["offset"] + b["size"] <= a["offset"]
    return a["where"] == b["where"] and not apart and a["first"] <= b["last"] and b["first"] <= a["last"]


def _kind(program: Program, number: int) -> str:
    edge = program.edges[number]
    if number < program.input_count:
        return "input"
    if number < program.input_count + program.output_count:
        return "output"
    if edge.ring_rows:
        return "ring"
    return "map" if edge.storage in (Storage.MAP, Storage.CODED) else "plain"


def _phases(program: Program, planned: Planned | None, alive: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """For each phase its operators, the most bytes alive in each arena at a moment of it, and why it begins where it does."""
    result = []
    for number, reason in enumerate(phase_reasons(program, planned)):
        operators = [op.name for op, phase in zip(program.ops, program.op_phases, strict=True) if phase == number]
        result.append({"operators": operators, "alive": {name: sizes[number] for name, sizes in alive.items()}, "reason": reason})
    return result


def _point(solution: Solution, beside: int) -> dict[str, Any]:
    return {
        "arena": solution.arena + beside,
        "loss": float(solution.loss),
        "instructions": solution.work,
        "phases": solution.phasing.phases[-1] + 1,
    }


def _same(a: Solution, b: Solution) -> bool:
    return (a.arena, a.loss, a.phasing.cuts, a.phasing.over) == (b.arena, b.loss, b.phasing.cuts, b.phasing.over)


def _choice(planned: Planned) -> dict[str, Any]:
    reason = planned.reason if planned.budget is None else f"the least predicted loss within {planned.budget:,} B"
    return {**_point(planned.solution, planned.beside), "reason": reason}


def _smallest(planned: Planned) -> dict[str, Any]:
    return {"arena": planned.smallest.least + planned.beside, "reason": smallest_reason(planned.smallest)}
