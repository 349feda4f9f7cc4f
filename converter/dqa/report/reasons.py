"""Why a plan is as it is, in words computed from it."""

from __future__ import annotations

from typing import Any

from dqa.lowering.planned import Planned
from dqa.planning.phasing import Held, Phasing
from dqa.planning.problem import EdgeOption
from dqa.program import Edge, Operator, Program, Storage, input_view, row_bytes

COMPARED_BITS = 4
"""Bits of the whole map that a ring is compared with: the usual ones."""
NEXT_TO_NOTHING = 0.01
"""A part of the predicted loss that is not worth bytes."""


def edge_decisions(program: Program, planned: Planned | None) -> list[dict[str, Any]]:
    """For each edge, in the program's order: name, decision (input, output, flows or stored), bytes and reason."""
    words = _EdgeWords(program, planned)
    return [
        {"name": edge.name, "decision": words.decision(number), "bytes": edge.capacity, "reason": words.reason(number)}
        for number, edge in enumerate(program.edges)
    ]


def phase_reasons(program: Program, planned: Planned | None) -> list[str]:
    """Why each phase begins where it does."""
    count = program.op_phases[-1] + 1
    if planned is None:
        alone = [program.op_phases.count(number) == 1 for number in range(count)]
        return ["an operator by itself" if one else "rows flow from operator to operator" for one in alone]
    return ["the first", *(_cut_reason(planned, number) for number in range(1, count))]


def _cut_reason(planned: Planned, number: int) -> str:
    """What would happen if a phase were one with that before it."""
    solution = planned.solution
    phasing, limit = solution.phasing, planned.limit
    cuts = phasing.cuts[: number - 1] + phasing.cuts[number:]
    merged = Phasing(phasing.problem, cuts, phasing.over)
    found = merged.allocate(limit)
    before = f"apart from phase {number - 1}: together they"
    if found is None:
        return f"{before} need {merged.least + planned.beside:,} B at least"
    if found[0] > solution.loss * (1 + NEXT_TO_NOTHING):
        return f"{before} fit only with fewer bits, predicted loss {found[0]:.3g} instead of {solution.loss:.3g}"
    if merged.work > phasing.work:
        return f"{before} take {merged.work - phasing.work:,} more instructions"
    return f"{before} would be about as good, too"


def smallest_reason(phasing: Phasing) -> str:
    """What fills the fullest phase of the plan with the fewest bytes."""
    used = phasing.used(phasing.fewest)
    phase = used.index(max(used))
    problem = phasing.problem
    operators = [op for op, at in zip(problem.operators, phasing.phases, strict=True) if at == phase]
    rings = [problem.edges[i] for i in phasing.rings if phasing.phases[problem.edges[i].producer or 0] == phase]
    parts = [(edge.flows[0].size, f"ring of {edge.name}") for edge in rings if not edge.brief]
    least = zip(phasing.held, phasing.fewest, strict=True)
    parts += [(h.weight(o, phase), f"{h.edge.name} {_held(_option(h.options[o]))}, its readers' rows included") for h, o in least]
    parts = sorted((part for part in parts if part[0]), key=lambda part: -part[0])
    shown = "; ".join(f"{name}: {size:,} B" for size, name in parts[:3])
    rest = used[phase] - sum(size for size, _ in parts[:3])
    where = operators[0].name if len(operators) == 1 else f"{operators[0].name} .. {operators[-1].name}"
    return f"set by what is alive in {where} with the fewest bits ({shown}; others: {rest:,} B)"


class _EdgeWords:
    """The decisions about a program's edges."""

    def __init__(self, program: Program, planned: Planned | None) -> None:
        self.program, self.planned = program, planned
        self.readers: dict[int, list[Operator]] = {}
        self.producers: dict[int, int] = {}
        for step, op in enumerate(program.ops):
            self.producers[op.output] = step
            for number in set(op.inputs):
                self.readers.setdefault(number, []).append(op)
        self.held: dict[int, tuple[Held, int]] = {}
        self.used: list[int] = []
        if planned is not None:
            solution = planned.solution
            self.held = {h.index: (h, option) for h, option in zip(solution.phasing.held, solution.chosen, strict=True)}
            self.used = solution.phasing.used(solution.chosen)

    def decision(self, number: int) -> str:
        if number < self.program.input_count:
            return "input"
        if number < self.program.input_count + self.program.output_count:
            return "output"
        return "flows" if self.program.edges[number].ring_rows else "stored"

    def reason(self, number: int) -> str:
        edge = self.program.edges[number]
        decision = self.decision(number)
        if decision == "input":
            return "bytes as they come" + self._pushing()
        if decision == "output":
            return "bytes as they leave"
        if decision == "flows":
            return self._flows(number, edge)
        return f"stored {_held(_bits(edge))}, {edge.capacity:,} B: {self._why_stored(number)}{self._why_not_more(number)}"

    def _pushing(self) -> str:
        pushed = self.program.pushed
        if pushed is None:
            return ""
        if self.planned is not None and self.planned.layout == "pushed":
            return "; pushed row by row they take no room"
        return f"; rows pushed one by one would take no room (arena {pushed.arena_size:,} B)"

    def _flows(self, number: int, edge: Edge) -> str:
        program, readers = self.program, self.readers[number]
        spans = [(input_view(op, edge, program.edges[op.output]).rows, op.name) for op in readers]
        most, name = max(spans, key=lambda span: span[0])
        packed = " packed" if edge.storage is Storage.MAP else ""
        why = f"{name} spans {_rows(most)}"
        if edge.ring_rows > most and len(readers) > 1:
            why += f", the others wait for {readers[-1].name}"
        whole = edge.height * row_bytes(edge.row_values, COMPARED_BITS, None)
        ring = f"ring of {_rows(edge.ring_rows, packed)}, {edge.capacity:,} B"
        return f"{ring} ({why}; whole map at {COMPARED_BITS} bits: {whole:,} B)"

    def _why_stored(self, number: int) -> str:
        program = self.program
        phases, first = program.op_phases, program.op_phases[self.producers[number]]
        if program.phases is None:
            return "every edge is, no plan was made"
        readers = self.readers.get(number, [])
        steps = [step for step, op in enumerate(program.ops) if op in readers]
        if any(phases[step] > first for step in steps):
            return f"crosses the cut before {program.ops[phases.index(first + 1)].name}"
        if any(op.by_table for op in (*readers, program.ops[self.producers[number]])):
            return "next to a table, which takes bytes"
        if number in self.held and (rings := [o.size for o in self.held[number][0].options if o.ring_rows]):
            return f"a ring long enough for its readers would take {min(rings):,} B"
        return "it shares its scale with an input or output" if self.planned is not None else "no plan was made here"

    def _why_not_more(self, number: int) -> str:
        """Why the edge has no more bits; empty where there is no choice."""
        if self.planned is None or number not in self.held:
            return ""
        held, option = self.held[number]
        options = held.options
        if len(options) == 1:
            return ""
        if option + 1 == len(options):
            return "; more bits would gain nothing"
        solution = self.planned.solution
        limit, more = self.planned.limit, options[option + 1]
        steps = range(held.first, held.last + 1)
        over = max(self.used[p] + held.weight(option + 1, p) - held.weight(option, p) - limit for p in steps)
        if over > 0:
            fit = "would not fit the budget by" if self.planned.budget is not None else "would make the arena larger by"
            return f"; {_option(more)} {fit} {over:,} B"
        if options[option].loss - more.loss < NEXT_TO_NOTHING * solution.loss:
            return f"; {_option(more)} would lower the predicted loss by less than {NEXT_TO_NOTHING:.0%}"
        return f"; {_option(more)} would fit in sum, but the buffers would not pack"


def _held(bits: str) -> str:
    return f"as {bits}" if bits == "bytes" else f"at {bits}"


def _bits(edge: Edge) -> str:
    if edge.storage is Storage.CODED:
        return f"{8 * edge.capacity / edge.values:.2f} coded bits"
    if edge.storage is not Storage.MAP:
        return "bytes"
    return f"{edge.code_bits} + {edge.extra_bits} bits" if edge.important else f"{edge.code_bits} bits"


def _option(option: EdgeOption) -> str:
    if option.plain:
        return "bytes"
    if option.stored_bits:
        return f"{option.stored_bits:.2f} coded bits"
    return f"{option.code_bits} + {option.extra_bits} bits" if option.extra_bits else f"{option.code_bits} bits"


def _rows(count: int, kind: str = "") -> str:
    return f"{count}{kind} row{'s' if count != 1 else ''}"
