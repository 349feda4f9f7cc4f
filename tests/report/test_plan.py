"""The plan in the report: buffers in their places, and a reason for everything."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations

import pytest

from builders.networks import convert, images, planner, residual
from builders.programs import random_program
from builders.streams import streamed
from dqa.lowering.planned import Planned
from dqa.program import LayoutName, Program, Storage
from dqa.report.plan import plan_section
from dqa.support.settings import ConvertConfig


@pytest.fixture(scope="module")
def tight() -> Planned:
    """A budget a little above the smallest."""
    plans = planner()
    planned = plans.within(int(plans.search.smallest.least * 1.1))
    return replace(planned, front=tuple(plans.search.front(5)))


def check_memory(program: Program, planned: Planned | None = None) -> None:
    """Buffers alive together do not overlap, the highest ends where the arena does, and the phases tell what is alive."""
    plan = plan_section(program, planned)
    assert len(plan["memory"]) == (2 if program.pushed is None else 3)
    for layout, buffers in plan["memory"].items():
        inside = [b for b in buffers if b["where"] == "arena"]
        assert max((b["offset"] + -(-b["size"] // 4) * 4 for b in inside), default=0) == plan["arena"][layout]
        assert layout == "external" or len(inside) == len(buffers)
        in_turns = set()
        for (i, a), (j, b) in combinations(enumerate(buffers), 2):
            together = a["where"] == b["where"] and a["first"] <= b["last"] and b["first"] <= a["last"]
            if together and not (a["offset"] + a["size"] <= b["offset"] or b["offset"] + b["size"] <= a["offset"]):
                in_turns |= {i, j}
        assert in_turns == {i for i, b in enumerate(buffers) if b["in_turns"]}
        for number, phase in enumerate(plan["phases"]):
            steady = [b for b in inside if b["first"] <= number <= b["last"] and b["kind"] == "scratch"]
            assert sum(b["size"] for b in steady) <= phase["alive"][layout] <= plan["arena"][layout]


@pytest.mark.parametrize("layout", ["internal", "external", "pushed"])
@pytest.mark.parametrize("room", [1.0, 1.3, 4.0])
def test_buffers_of_plans_never_overlap_and_fill_the_arena(room: float, layout: LayoutName) -> None:
    plans = planner(layout)
    least = plans.ram(plans.realize(plans.search.smallest_plan()).program)
    planned = plans.within(int(least * room))
    assert plans.ram(planned.program) <= least * room

    check_memory(planned.program, planned)
    assert plan_section(planned.program, planned)["layout"] == layout


@pytest.mark.parametrize("seed", range(12))
def test_buffers_of_programs_without_a_planner_are_told_too(seed: int) -> None:
    program = random_program(seed)

    check_memory(program)
    check_memory(streamed(program, seed))


def test_every_buffer_has_the_name_and_kind_of_its_owner(tight: Planned) -> None:
    program = tight.program
    buffers = plan_section(program, tight)["memory"]["internal"]

    of_edges = [b for b in buffers if b["kind"] not in {"scratch", "row"}]
    assert [(b["name"], b["size"]) for b in of_edges] == [(edge.name, edge.capacity) for edge in program.edges]
    assert [b["name"] for b in buffers if b["kind"] == "scratch"] == [op.name for op in program.ops]
    assert (of_edges[0]["kind"], of_edges[1]["kind"]) == ("input", "output")
    for buffer, edge in list(zip(of_edges, program.edges, strict=True))[2:]:
        assert buffer["kind"] == ("ring" if edge.ring_rows else "map" if edge.storage is Storage.MAP else "plain")
    packing = [op for op in program.ops if program.edges[op.output].storage is Storage.MAP]
    assert [b["name"] for b in buffers if b["kind"] == "row"] == [op.name for op in packing]


def test_every_edge_has_a_decision_and_a_reason_with_its_numbers(tight: Planned) -> None:
    plan = plan_section(tight.program, tight)

    assert [e["name"] for e in plan["edges"]] == [e.name for e in tight.program.edges]
    decisions = {e["decision"] for e in plan["edges"]}
    assert decisions == {"input", "output", "flows", "stored"}
    for decided, edge in zip(plan["edges"], tight.program.edges, strict=True):
        if decided["decision"] == "flows":
            assert decided["reason"].startswith(f"ring of {edge.ring_rows} row")
            assert f"{edge.capacity:,} B" in decided["reason"] and "whole map at 4 bits" in decided["reason"]
        if decided["decision"] == "stored":
            assert re.match(rf"stored (at .* bits|as bytes), {edge.capacity:,} B: \S", decided["reason"])


def test_bits_that_would_not_fit_are_told_with_the_bytes_they_lack(tight: Planned) -> None:
    solution = tight.solution
    told = {e["name"]: e["reason"] for e in plan_section(tight.program, tight)["edges"]}
    checked = 0

    for held, option in zip(solution.phasing.held, solution.chosen, strict=True):
        if option + 1 < len(held.options) and (lacks := re.search(r"not fit the budget by ([\d,]+) B", told[held.edge.name])):
            more = list(solution.chosen)
            more[solution.phasing.held.index(held)] += 1
            assert max(solution.phasing.used(more)) - (tight.budget or 0) == int(lacks[1].replace(",", ""))
            checked += 1
    assert checked > 0


def test_edges_of_another_phase_are_told_to_cross_the_cut() -> None:
    plans = planner()
    planned = plans.within(plans.search.smallest.least)
    program = planned.program
    told = {e["name"]: e["reason"] for e in plan_section(program, planned)["edges"]}
    phases = program.op_phases
    assert phases[-1] > 0, "the smallest budget needs a cut"

    for step, op in enumerate(program.ops):
        later = [phase for reader, phase in zip(program.ops, phases, strict=True) if op.output in reader.inputs and phase > phases[step]]
        if later:
            first_of_next = program.ops[phases.index(phases[step] + 1)].name
            assert f"crosses the cut before {first_of_next}" in told[program.edges[op.output].name]


def test_the_front_tells_which_plan_was_chosen_and_what_limits_the_smallest(tight: Planned) -> None:
    plan = plan_section(tight.program, tight)
    arenas = [point["arena"] for point in plan["front"]]

    assert arenas == sorted(arenas) and len(arenas) > 1
    assert plan["smallest"]["arena"] == min(arenas) <= plan["choice"]["arena"] <= tight.budget
    assert any(op.name in plan["smallest"]["reason"] for op in tight.program.ops)
    assert f"{tight.budget:,} B" in plan["choice"]["reason"]


def test_the_knee_is_told_as_such() -> None:
    plans = planner()
    planned = plans.auto()
    plan = plan_section(planned.program, planned)

    assert plan["budget"] is None and "knee" in plan["choice"]["reason"]
    assert [point["chosen"] for point in plan["front"]].count(True) == 1


def test_phases_after_the_first_say_why_they_are_apart(tight: Planned) -> None:
    reasons = [phase["reason"] for phase in plan_section(tight.program, tight)["phases"]]

    assert reasons[0] == "the first"
    assert all(reason.startswith(f"apart from phase {number}") for number, reason in enumerate(reasons[1:]))


def test_without_a_planner_every_edge_is_stored_and_nothing_is_chosen() -> None:
    graph = residual(1)
    program, _ = convert(graph, images(1, 16, graph), ConvertConfig())
    plan = plan_section(program)

    assert (plan["budget"], plan["choice"], plan["smallest"], plan["front"]) == (None, None, None, [])
    assert len(plan["phases"]) == len(program.ops)
    inner = plan["edges"][program.input_count + program.output_count :]
    assert {e["decision"] for e in inner} == {"stored"}
    assert all(e["reason"].endswith("no plan was made") for e in inner)


def test_the_plan_is_plain_json(tight: Planned) -> None:
    plan = plan_section(tight.program, tight)

    assert json.loads(json.dumps(plan)) == plan
