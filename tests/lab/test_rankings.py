"""Rankings of channels."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from builders.graphs import residual, samples
from dqa.calibration.segments import Runner
from dqa.errors import DataError, RecipeError
from dqa.graph.execute import run
from dqa.lab.methods.greedy import direct_but
from dqa.lab.methods.loss import correct
from dqa.lab.methods.rankings import RANKINGS, Samples, rank, units


def labelled(seed: int = 0, count: int = 40) -> tuple[Runner, Samples]:
    """A network whose accuracy on its samples is far from 0 and 1: a fifth of its own answers are made wrong."""
    graph, blocks = residual(seed)
    x = samples(graph, count)
    runner = Runner(graph, blocks, batch=16)
    y = runner.run(x).argmax(axis=-1)
    y[::5] = (y[::5] + 1) % 4
    return runner, Samples(x, y)


@pytest.mark.parametrize("seed", range(4))
def test_the_fast_greedy_ranking_gives_the_orders_of_the_literal_one_with_less_work(seed: int) -> None:
    runner, given = labelled(seed)
    literal, fast = rank("greedy", runner, given, bits=2), rank("greedy_fast", runner, given, bits=2)
    assert literal.orders == fast.orders
    assert literal.evaluations == fast.evaluations == 12
    assert literal.runs == 12 and fast.runs < 8


def test_the_greedy_ranking_is_algorithm_3() -> None:
    runner, given = labelled(1)
    assert given.y is not None
    first, second = runner.hooks
    order = rank("greedy", runner, given, bits=2).orders
    accuracy = []
    for channel in range(6):
        out = runner.run(given.x, {first: partial(direct_but, channel=channel, bits=2)})
        accuracy.append(correct(out, given.y))
    best = accuracy.index(max(accuracy))
    assert order[first] == [channel for _, channel in sorted(zip(accuracy, range(6), strict=True))]
    assert len(set(accuracy)) > 2
    accuracy = []
    for channel in range(6):
        changes = {
            first: partial(direct_but, channel=best, bits=2),
            second: partial(direct_but, channel=channel, bits=2),
        }
        accuracy.append(correct(runner.run(given.x, changes), given.y))
    assert order[second] == [channel for _, channel in sorted(zip(accuracy, range(6), strict=True))]


def test_energy_ranks_by_the_sum_of_squares() -> None:
    runner, given = labelled()
    values = run(runner.graph, given.x)
    ranking = rank("energy", runner, given)
    for index, order in ranking.orders.items():
        energy = (values[index].reshape(-1, 6).astype(np.float64) ** 2).sum(axis=0)
        assert list(np.diff(energy[order]) >= 0) == [True] * 5
    assert ranking.orders[runner.hooks[1]][0] == 0  # the dead channel


def test_pg_g_puts_what_the_loss_does_not_see_last() -> None:
    runner, given = labelled()
    ranking = rank("pg_g", runner, given)
    assert ranking.orders[runner.hooks[1]][0] == 0
    weights = next(op for op in runner.graph.ops if op.kind == "FULLY_CONNECTED").inputs[1]
    blind, _ = residual()
    blind.tensors[weights].data[:, 3] = 0  # type: ignore[index]
    order = rank("pg_g", Runner(blind, runner.hooks, batch=16), given).orders[runner.hooks[1]]
    assert set(order[:2]) == {0, 3}


@pytest.mark.parametrize("name", list(RANKINGS))
def test_every_ranking_orders_every_channel_and_repeats_itself(name: str) -> None:
    runner, given = labelled(count=8)
    finished: list[int] = []
    ranking = rank(name, runner, given, seed=3, done=finished.append)
    assert {index: sorted(order) for index, order in ranking.orders.items()} == {index: list(range(6)) for index in runner.hooks}
    assert sum(finished) == units(name, runner)
    assert rank(name, runner, given, seed=3).orders == ranking.orders
    assert ranking.seconds > 0


def test_rankings_that_cannot_be_made_are_refused() -> None:
    runner, given = labelled(count=4)
    with pytest.raises(RecipeError, match="'ranking' must be one of"):
        rank("best", runner, given)
    with pytest.raises(DataError, match="a label for each sample"):
        rank("greedy_fast", runner, Samples(given.x))
    with pytest.raises(DataError, match="do not name classes"):
        rank("greedy", runner, Samples(given.x, np.zeros((4, 2))))
