"""The `plan` section of report.json: what lies where and when, what each edge does and why, what other budgets would give."""

from __future__ import annotations

from typing import Any

from dqa.lowering.planned import Planned
from dqa.planning.layout import Ends, phase_spans
from dqa.planning.search import Solution
from dqa.program import Layout, Program, Storage, align, scratch_bytes, transient_bytes
from dqa.report.reasons import edge_decisions, phase_reasons, smallest_reason


def plan_section(program: Program, planned: Planned | None = None) -> dict[str, Any]:
    """What docs/report.md says of `plan`; sizes and offsets in bytes, JSON types only.

    planned: how the program came about; None: without a planner, then choice, smallest and budget are None and the front is empty.
    """
    layouts = {"internal": program.internal, "external": program.external, "pushed": program.pushed}
    memory = {name: memory_map(program, layout) for name, layout in layouts.items() if layout is not None}
    return {
        "layout": "pushed" if planned is not None and planned.pushed else "internal",
        "budget": planned.budget if planned is not None else None,
        "arena": {name: layout.arena_size if layout is not None else None for name, layout in layouts.items()},
        "phases": _phases(program, planned, memory),
        "memory": memory,
        "edges": edge_decisions(program, planned),
        "choice": _choice(planned) if planned is not None else None,
        "front": [{**_point(s), "chosen": _same(s, planned.solution)} for s in planned.front] if planned is not None else [],
        "smallest": _smallest(planned) if planned is not None else None,
    }


def memory_map(program: Program, layout: Layout) -> list[dict[str, Any]]:
    """The buffers of the arena, each alive from phase `first` to phase `last`, both included; those alive together do not overlap.

    kind: input, output, map (packed), ring, plain (bytes), scratch (of an operator), row (to be packed; the operators of a phase share it).
    """
    phases = program.op_phases
    spans = phase_spans(len(program.edges), program.ops, phases, Ends(program.input_count, program.output_count))
    buffers = [
        _buffer(edge.name, _kind(program, number), offset, edge.capacity, *spans[number])
        for number, (edge, offset) in enumerate(zip(program.edges, layout.edges, strict=True))
        if offset is not None
    ]
    rows: dict[tuple[int, int], int] = {}
    for op, phase, offset, row in zip(program.ops, phases, layout.scratch, layout.transient, strict=True):
        buffers.append(_buffer(op.name, "scratch", offset, scratch_bytes(program.edges, op), phase, phase))
        if row is not None:
            rows[phase, row] = max(rows.get((phase, row), 0), transient_bytes(program.edges, op))
    return buffers + [_buffer(f"row of phase {phase}", "row", offset, size, phase, phase) for (phase, offset), size in rows.items()]


def _buffer(name: str, kind: str, offset: int, size: int, first: int, last: int) -> dict[str, Any]:
    return {"name": name, "kind": kind, "offset": offset, "size": size, "first": first, "last": last}


def _kind(program: Program, number: int) -> str:
    edge = program.edges[number]
    if number < program.input_count:
        return "input"
    if number < program.input_count + program.output_count:
        return "output"
    if edge.ring_rows:
        return "ring"
    return "map" if edge.storage is Storage.MAP else "plain"


def _phases(program: Program, planned: Planned | None, memory: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """For each phase its operators, the bytes alive in each layout, and why it begins where it does."""
    result = []
    for number, reason in enumerate(phase_reasons(program, planned)):
        alive = {
            name: sum(align(buffer["size"]) for buffer in buffers if buffer["first"] <= number <= buffer["last"])
            for name, buffers in memory.items()
        }
        operators = [op.name for op, phase in zip(program.ops, program.op_phases, strict=True) if phase == number]
        result.append({"operators": operators, "alive": alive, "reason": reason})
    return result


def _point(solution: Solution) -> dict[str, Any]:
    return {
        "arena": solution.arena,
        "loss": float(solution.loss),
        "instructions": solution.candidate.work,
        "phases": solution.candidate.phases[-1] + 1,
    }


def _same(a: Solution, b: Solution) -> bool:
    return (a.arena, a.loss, a.candidate.cuts) == (b.arena, b.loss, b.candidate.cuts)


def _choice(planned: Planned) -> dict[str, Any]:
    if planned.budget is None:
        reason = "the knee of the front: beyond it, more RAM buys little"
    else:
        reason = f"the least predicted loss within {planned.budget:,} B"
    return {**_point(planned.solution), "reason": reason}


def _smallest(planned: Planned) -> dict[str, Any]:
    return {"arena": planned.smallest.least, "reason": smallest_reason(planned.smallest)}
