"""Plans as programs: packed rings, budgets of TensorFlow Lite Micro's arena, predictions against measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.networks import Net, images, scaled, statistics_of
from dqa.engine.host import HostModel
from dqa.errors import BoardError, RecipeError
from dqa.graph import Graph
from dqa.lowering.planned import Planner
from dqa.planning.interpreter import interpreter_arena
from dqa.planning.phasing import Phasing
from dqa.planning.search import Solution
from dqa.program import LayoutName, Storage, write
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.support.settings import ConvertConfig
from reference import mirror

SIZE = 32


def network() -> Graph:
    """An encoder and decoder: the skip waits until the rows come back from a fourth of the size."""
    net = Net(5, SIZE, SIZE, 3)
    skip = net.conv(0, 16)
    deep = net.conv(net.conv(net.conv(skip, 12, stride=2), 8, stride=2), 8)
    steps = (np.arange(SIZE) // 4).tolist()
    large = net.op("RESIZE_NEAREST_NEIGHBOR", [deep], (1, SIZE, SIZE, 8), rows=steps, columns=steps)
    joined = net.op("CONCATENATION", [skip, large], (1, SIZE, SIZE, 24), axis=3, activation="NONE")
    net.graph.outputs = [net.conv(joined, 2)]
    return net.graph


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return images(1, 12, network())


def planner(samples: np.ndarray, layout: LayoutName = "internal") -> Planner:
    graph = network()
    statistics = statistics_of(graph, scaled(samples))
    given = BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))
    return Planner(Calibrated(graph, statistics, {0: given}, ConvertConfig()), layout=layout)


def test_a_skip_flows_through_a_packed_ring_and_answers_as_the_mirror(samples: np.ndarray) -> None:
    plans = planner(samples)
    phasing = Phasing(plans.search.problem, ())
    program = plans.realize(Solution(phasing, (0,) * len(phasing.held), 0.0)).program
    packed = [edge for edge in program.edges if edge.ring_rows and edge.storage is Storage.MAP]

    assert packed, "no edge of this network is worth a packed ring"
    assert all(edge.ring_rows < edge.height for edge in packed)
    for layout in ("internal", "external", "pushed"):
        answers = HostModel(write(program), layout).run(samples.reshape(len(samples), -1), jobs=1).outputs
        for image, answer in zip(samples, answers, strict=True):
            np.testing.assert_array_equal(mirror.run(program, [image]).outputs[0].ravel().view(np.int8), answer)


def test_rings_of_eight_bits_answer_as_the_mirror_and_err_less(samples: np.ndarray) -> None:
    """What is never negative may flow in 8 bits, its zero at -128, where readers with padding have rows of their own for it."""
    plans = planner(samples)
    phasing = Phasing(plans.search.problem, ())
    losses = []
    for bits in (7, 8):
        rings = [sorted((o.code_bits != bits, i) for i, o in enumerate(held.options) if o.plain and o.ring_rows) for held in phasing.held]
        chosen = tuple(found[0][1] if found else 0 for found in rings)
        program = plans.realize(Solution(phasing, chosen, 0.0)).program
        wide = [edge for edge in program.edges if edge.ring_rows and edge.low == edge.zero_point == -128]
        assert bool(wide) == (bits == 8)
        answers = HostModel(write(program)).run(samples.reshape(len(samples), -1), jobs=1).outputs
        for image, answer in zip(samples, answers, strict=True):
            np.testing.assert_array_equal(mirror.run(program, [image]).outputs[0].ravel().view(np.int8), answer)
        losses.append(phasing.loss(list(chosen)))
    assert losses[1] < losses[0]


@pytest.mark.parametrize("layout", ["internal", "external", "pushed"])
def test_plans_keep_within_the_budget_of_what_they_are_planned_for(samples: np.ndarray, layout: LayoutName) -> None:
    plans = planner(samples, layout)
    least = plans.ram(plans.realize(plans.search.smallest_plan()).program)
    losses = []
    for budget in (least, int(least * 1.2), least * 3):
        planned = plans.within(budget)
        assert plans.ram(planned.program) <= budget
        losses.append(planned.solution.loss)

    assert losses == sorted(losses, reverse=True)
    with pytest.raises(BoardError, match=r"the least is [\d,]+ B"):
        plans.within(least // 2)


@pytest.mark.slow
def test_the_interpreters_arena_is_predicted(dqa: Shell, example_h5: Path, noise_npz: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    pytest.importorskip("tflite_micro")
    from dqa.engine.tflm_host import TflmModel
    from dqa.program import read

    out, budget = tmp_path / "out", 7000
    done = dqa("convert", example_h5, "--calibration", noise_npz, "--ram", str(budget), "--runtime", "tflm", "-o", out, "--quiet")
    assert done.code == 0, done.err
    predicted = interpreter_arena(read((out / "model.dqa").read_bytes()))
    with TflmModel((out / "model.tflite").read_bytes()) as model:
        assert model.arena_used is not None
        assert predicted - 64 <= model.arena_used <= predicted <= budget


def test_rows_are_not_pushed_into_an_interpreter() -> None:
    with pytest.raises(RecipeError, match="push_rows: runtime tflm takes no rows"):
        ConvertConfig(ram=1000, push_rows=True, runtime="tflm")
    with pytest.raises(RecipeError, match="runtime: expected standalone or tflm"):
        ConvertConfig(runtime="zephyr")
