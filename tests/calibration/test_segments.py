"""The float runner of studies: LiteRT in stages, cut where tensors are replaced, against numpy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from builders.graphs import Build, everything, residual, samples
from dqa.calibration.segments import Runner, cut
from dqa.errors import DataError, ModelError
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.lab.methods.tensors import choose_tensors
from dqa.operators.functions import UNARY


@pytest.mark.parametrize("count", [1, 5, 8])
def test_the_runner_agrees_with_numpy_on_every_operator(count: int) -> None:
    graph = everything()
    x = samples(graph, count)
    expected = run(graph, x)
    seen: dict[int, list[np.ndarray]] = {}
    hooks = [op.outputs[0] for op in graph.ops if op.kind not in {"SOFTMAX"}]
    runner = Runner(graph, hooks, batch=4)

    def watch(index: int, values: np.ndarray) -> np.ndarray:
        seen.setdefault(index, []).append(values)
        return values

    out = runner.run(x, {index: partial(watch, index) for index in hooks})
    for index in hooks:
        np.testing.assert_allclose(np.concatenate(seen[index]), expected[index], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(out, expected[graph.outputs[0]], atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=4).run(x), out, atol=1e-6)


@pytest.mark.parametrize("kind", sorted(UNARY))
def test_the_runner_agrees_with_numpy_on_unary_operators(kind: str) -> None:
    net = Build(1, 3, 4, 2)
    graph = net.done(net.op(kind, [0], alpha=0.3, approximate=True))
    x = 3 * samples(graph, 3)
    np.testing.assert_allclose(
        Runner(graph, batch=2).run(x), run(graph, x)[graph.outputs[0]], rtol=1e-4, atol=2e-3 if kind == "GELU" else 1e-5
    )


def test_a_replaced_tensor_is_what_all_its_readers_see() -> None:
    graph, blocks = residual()
    x = samples(graph, 6)
    runner = Runner(graph, blocks, batch=4)
    assert [len(stage.changed) for stage in runner.stages] == [1, 1, 0]
    out = runner.run(x, {blocks[0]: np.zeros_like, blocks[1]: lambda values: values + 1})
    place = [op.outputs[0] for op in graph.ops].index
    middle = Graph(graph.tensors, graph.ops[place(blocks[0]) + 1 : place(blocks[1]) + 1], [blocks[0]], [])
    rest = Graph(graph.tensors, graph.ops[place(blocks[1]) + 1 :], [blocks[1]], [])
    second = run(middle, np.zeros((6, 8, 8, 6), np.float32))[blocks[1]]
    np.testing.assert_allclose(out, run(rest, second + 1)[graph.outputs[0]], atol=1e-6)


def test_work_before_a_tensor_can_be_kept_and_resumed() -> None:
    graph, blocks = residual()
    x = samples(graph, 4)
    runner = Runner(graph, blocks, batch=4)
    state = runner.resume(runner.start(x), 0, last=runner.stage_of[blocks[0]])
    before = {index: values.copy() for index, values in state.items()}
    direct = runner.run(x, {blocks[0]: lambda values: 2 * values})
    resumed = runner.outputs(runner.resume(state | {blocks[0]: 2 * state[blocks[0]]}, runner.stage_of[blocks[0]] + 1))
    np.testing.assert_array_equal(direct, resumed)
    assert all(np.array_equal(before[index], state[index]) for index in before)


def test_branches_that_are_replaced_run_in_one_stage() -> None:
    net = Build(1, 4, 4, 2)
    left, right = net.conv(0, 2), net.conv(0, 2)
    graph = net.done(net.binary("ADD", left, right))
    stages = cut(graph, [left, right])
    assert [stage.changed for stage in stages] == [(left, right), ()]
    x = samples(graph, 3)
    out = Runner(graph, [left, right], batch=2).run(x, {left: np.zeros_like})
    np.testing.assert_allclose(out, run(graph, x)[right], atol=1e-6)


def test_what_cannot_be_run_is_refused() -> None:
    graph, _ = residual()
    with pytest.raises(ModelError, match="cannot be replaced"):
        Runner(graph, [graph.inputs[0]])
    with pytest.raises(DataError, match="samples of shape"):
        Runner(graph).run(np.zeros((2, 3, 3, 2), np.float32))
    net = Build(1, 4, 4, 2)
    with pytest.raises(ModelError, match="no operator CUMSUM"):
        Runner(net.done(net.op("CUMSUM", [0], (1, 4, 4, 2)))).run(np.zeros((1, 4, 4, 2), np.float32))


def test_blocks_and_all_maps_are_found() -> None:
    graph, blocks = residual()
    assert choose_tensors(graph, "block") == blocks
    mids = [op.outputs[0] for op in graph.ops if op.kind == "CONV_2D" and op.attrs["activation"] == "RELU"]
    assert choose_tensors(graph, "all") == sorted(mids + blocks)


def test_bottlenecks_end_at_convolutions_behind_depthwise_ones() -> None:
    net = Build(1, 8, 8, 2)
    first = net.conv(net.depthwise(net.conv(0, 4)), 4, kernel=1, pads=(0, 0, 0, 0), activation="NONE")
    second = net.binary("ADD", net.conv(net.depthwise(first), 4, kernel=1, pads=(0, 0, 0, 0), activation="NONE"), first)
    graph = net.done(net.dense(second, 3))
    assert choose_tensors(graph, "block") == [first, second]
    assert len(choose_tensors(graph, "all")) == 5
