"""Phases and bits: the search against brute force, on small made-up problems."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from dqa.errors import BoardError
from dqa.planning.phasing import Phasing
from dqa.planning.problem import EdgeOption, PlanEdge, PlanOperator, Problem, undominated
from dqa.planning.search import NEGLIGIBLE, TOLERANCE, Search, knee


def random_problem(seed: int, operators: int = 6, *, over: bool = False) -> Problem:
    """A chain with a few skips; sizes and losses fall and rise with the bits as real ones do. over: behind a large input."""
    rng = np.random.default_rng(seed)
    edges = [PlanEdge("input", 100, None, (0,), (EdgeOption(2500 if over else 100, 0.0, 8, (30,), plain=True),))]
    transients = rng.integers(10, 90, operators).tolist()
    for step in range(operators):
        consumers = [step + 1] if step + 1 < operators else []
        if step + 3 < operators and rng.random() < 0.4:
            consumers.append(step + 3)
        values = int(rng.integers(200, 2000))
        loss = float(rng.uniform(0.01, 1))
        decode = tuple(int(rng.integers(20, 200)) for _ in consumers)
        options = tuple(EdgeOption(values * bits // 8, loss * 4.0**-bits, bits, decode) for bits in (2, 4, 6))
        if not consumers:
            options = (EdgeOption(40, 0.0, 8, (), plain=True),)
        elif over:
            options = (*options, EdgeOption(values, loss * 4.0**-8, 8, decode, plain=True))
        flows: tuple[EdgeOption, ...] = ()
        brief = bool(rng.random() < 0.3)
        if consumers:
            none = tuple(0 for _ in consumers)
            flows = (EdgeOption(int(values * rng.uniform(0.1, 0.6)), loss * 4.0**-7, 7, none, plain=True, ring_rows=3),)
            if not brief and rng.random() < 0.5:
                packed = [EdgeOption(values * bits // 12, loss * 4.0**-bits, bits, decode, ring_rows=9) for bits in (2, 4)]
                flows = undominated([*packed, *flows], transients[step])
        edge = PlanEdge(f"e{step}", values, step, tuple(consumers), options, flows, brief=brief, border=not consumers)
        under = {i: int(rng.integers(0, values)) for i in range(step + 1) if rng.random() < 0.7}
        edges.append(replace(edge, over=under) if over and consumers else edge)
    ops = tuple(PlanOperator(f"op{i}", int(rng.integers(16, 60)), transients[i], int(rng.integers(1, 99))) for i in range(operators))
    return Problem(ops, tuple(edges))


def brute_force(problem: Problem, budget: int) -> float | None:
    """The least loss over all cuts and all bits."""
    best = None
    count = len(problem.operators)
    for cuts in (c for n in range(count) for c in combinations(range(1, count), n)):
        for phasing in (Phasing(problem, cuts), Phasing(problem, cuts, over=True)):
            for chosen in product(*(range(len(s.options)) for s in phasing.held)):
                if max(phasing.used(chosen)) <= budget:
                    loss = phasing.loss(chosen)
                    best = loss if best is None or loss < best else best
    return best


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_small_graphs_are_planned_exactly(seed: int, over: bool) -> None:
    problem = random_problem(seed, over=over)
    search = Search(problem)
    least = search.smallest.least
    for factor in (1.0, 1.2, 1.6, 3.0):
        budget = int(least * factor)
        solution = search.within(budget)

        assert solution.arena <= budget
        best = brute_force(problem, budget)
        assert best is not None
        assert best * (1 - 1e-9) <= solution.loss <= best * (1 + TOLERANCE)


@pytest.mark.parametrize("seed", range(6))
def test_the_least_budget_is_the_least(seed: int) -> None:
    problem = random_problem(seed)
    least = Search(problem).smallest.least

    assert brute_force(problem, least) is not None
    assert brute_force(problem, least - 1) is None


def test_a_budget_below_the_least_is_refused_with_the_number_and_the_layers() -> None:
    search = Search(random_problem(1))

    with pytest.raises(BoardError) as refusal:
        search.within(search.smallest.least - 1)

    assert f"{search.smallest.least:,} B" in refusal.value.message
    assert "op" in refusal.value.hint


@pytest.mark.parametrize("seed", range(4))
def test_more_ram_never_costs_accuracy(seed: int) -> None:
    front = Search(random_problem(seed, operators=9)).front()

    assert [s.arena for s in front] == sorted(s.arena for s in front)
    assert all(a.loss > b.loss for a, b in pairwise(front))
    assert knee(front) in front
    assert knee(front).loss <= NEGLIGIBLE or knee(front) is front[-1]


def test_long_graphs_are_improved_beyond_the_cuts_tried_first() -> None:
    problem = random_problem(3, operators=24)
    search = Search(problem)
    smallest = search.smallest

    for cuts in combinations(range(1, 24), 1):
        assert Phasing(problem, cuts).least >= smallest.least
    solution = search.within(int(smallest.least * 1.1))

    assert solution.arena <= smallest.least * 1.1


def test_equal_problems_get_equal_plans() -> None:
    first, second = (Search(random_problem(5)).within(4000) for _ in range(2))

    assert (first.phasing.cuts, first.chosen) == (second.phasing.cuts, second.chosen)


@pytest.mark.parametrize("seed", range(8))
def test_where_all_plans_lose_the_same_the_one_of_least_work_is_taken(seed: int) -> None:
    """Stored whole, an edge loses what its ring loses: whatever is cut, the sum is the same, and every cut is more work."""
    problem = random_problem(seed, 8)
    edges = [
        replace(e, flows=e.flows[-1:], options=(replace(e.options[-1], loss=e.flows[-1].loss),)) if e.flows else e for e in problem.edges
    ]
    equal = replace(problem, edges=tuple(edges))

    assert Search(equal).within(1 << 20).work == Phasing(equal, ()).work


def test_rings_that_hold_something_in_turns_count_once() -> None:
    """Three operators in one phase, brief rings of 50 and 70 bytes between them: the second operator has both."""
    ring = [EdgeOption(size, 0.0, 7, (0,), plain=True, ring_rows=1) for size in (50, 70)]
    packed = EdgeOption(400, 0.0, 4, (0,))
    ends = [PlanEdge("in", 1, None, (0,), (EdgeOption(4, 0.0, 8, (0,), plain=True),))]
    ends.append(PlanEdge("out", 1, 2, (), (replace(packed, decode=()),), border=True))
    middle = [PlanEdge(f"e{i}", 90, i, (i + 1,), (packed,), (ring[i],), brief=True) for i in range(2)]
    ops = tuple(PlanOperator(f"op{i}", 10, 60, 1) for i in range(3))
    phasing = Phasing(Problem(ops, (*ends, *middle)), ())

    # the states of three, the ends; the last operator packs a row while it reads the second ring
    assert phasing.used([0, 0]) == [3 * 10 + 4 + 400 + 70 + 60]
