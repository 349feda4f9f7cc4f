"""Coded maps among the choices of the planner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dqa
from builders.networks import Net, images, scaled, statistics_of
from builders.studies import write_model
from dqa.engine.host import HostModel
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.lowering.planned import Planned, Planner
from dqa.planning.describe import CODED_READ, CODED_WRITE
from dqa.program import LayoutName, Storage, read, write
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.coded import bit_allocation
from dqa.quantization.decide import free_ranges
from dqa.report.plan import plan_section
from dqa.support.settings import ConvertConfig, Maps
from reference import mirror

SIZE = 16


def network() -> Graph:
    """A residual block whose skip is wide, and another at half the size."""
    net = Net(3, SIZE, SIZE, 3)
    x = net.conv(0, 24)
    for stride, channels in ((1, 24), (2, 32)):
        inside = net.conv(net.conv(x, channels, stride=stride), channels, activation="NONE")
        skip = x if stride == 1 else net.conv(x, channels, kernel=1, stride=stride, activation="NONE")
        x = net.op("ADD", [inside, skip], net.graph.tensors[inside].shape, activation="RELU")
    return net.finish(x)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return images(1, 12, network())


def planner_of(graph: Graph, samples: np.ndarray, *, coded: bool = True, layout: LayoutName = "internal") -> Planner:
    x = scaled(samples)
    statistics = statistics_of(graph, x)
    inputs = {0: BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))}
    network = Calibrated(graph, statistics, inputs, ConvertConfig())
    free = free_ranges(network) if coded else []
    ranges = bit_allocation.coded_ranges(graph, free, run(graph, x), x)
    return Planner(network, layout=layout, coded=ranges)


@pytest.fixture(scope="module")
def plans(samples: np.ndarray) -> Planner:
    return planner_of(network(), samples)


@pytest.fixture(scope="module")
def packed(samples: np.ndarray) -> Planner:
    return planner_of(network(), samples, coded=False)


@pytest.fixture(scope="module")
def tight(plans: Planner, packed: Planner) -> Planned:
    """The plan in the fewest bytes that packed maps fit in."""
    return plans.within(packed.ram(packed.realize(packed.search.smallest_plan()).program))


def coded_edges(planned: Planned) -> set[str]:
    return {edge.name for edge in planned.program.edges if edge.storage is Storage.CODED}


def test_within_the_same_bytes_they_lose_less_than_packed_maps(packed: Planner, tight: Planned) -> None:
    assert tight.budget is not None

    assert coded_edges(tight)
    assert tight.solution.loss < 0.7 * packed.within(tight.budget).solution.loss


def test_they_fit_where_packed_maps_do_not(packed: Planner, plans: Planner) -> None:
    assert plans.search.smallest.least < packed.search.smallest.least


@pytest.mark.parametrize("layout", ["internal", "external", "pushed"])
def test_the_program_keeps_within_its_budget_and_answers_as_the_mirror(samples: np.ndarray, layout: LayoutName) -> None:
    plans = planner_of(network(), samples, layout=layout)
    least = plans.ram(plans.realize(plans.search.smallest_plan()).program)
    planned = plans.within(least)

    assert coded_edges(planned)
    assert plans.ram(planned.program) <= least
    answers = HostModel(write(planned.program), layout).run(samples.reshape(len(samples), -1), jobs=1).outputs
    for image, answer in zip(samples, answers, strict=True):
        np.testing.assert_array_equal(mirror.run(planned.program, [image]).outputs[0].ravel().view(np.int8), answer)


def test_with_room_nothing_is_coded(plans: Planner) -> None:
    assert not coded_edges(plans.within(1 << 20))


def test_their_instructions_count(tight: Planned) -> None:
    held = [(h, h.options[option]) for h, option in zip(tight.solution.phasing.held, tight.solution.chosen, strict=True)]
    coded = [(h.edge, option) for h, option in held if option.stored_bits]

    assert coded
    for edge, option in coded:
        assert option.work == edge.values * (CODED_WRITE + CODED_READ * len(edge.consumers))
    assert tight.solution.work == tight.solution.phasing.work + sum(option.work for _, option in coded)


def test_the_report_names_their_bits(tight: Planned) -> None:
    reasons = {edge["name"]: edge["reason"] for edge in plan_section(tight.program, tight)["edges"]}

    for name in coded_edges(tight):
        assert "coded bits" in reasons[name]


def test_tensors_that_share_a_range_are_not_coded(samples: np.ndarray) -> None:
    net = Net(5, SIZE, SIZE, 3)
    pooled = net.op(
        "MAX_POOL_2D", [net.conv(0, 16)], (1, SIZE // 2, SIZE // 2, 16), kernel_h=2, kernel_w=2, stride_h=2, stride_w=2,
        pad_top=0, pad_bottom=0, pad_left=0, pad_right=0, activation="NONE",
    )  # fmt: skip
    plans = planner_of(net.finish(net.conv(pooled, 8)), samples)

    assert pooled not in plans.coded
    plans.realize(plans.search.smallest_plan())


@pytest.mark.parametrize("maps", ["coded", "planes"])
def test_a_conversion_codes_maps_unless_planes_are_asked_for(tmp_path: Path, maps: Maps) -> None:
    write_model(tmp_path)
    model, calibration = tmp_path / "tiny.tflite", tmp_path / "calibration.npz"
    auto = dqa.convert(model, calibration, tmp_path / "auto", dqa.ConvertConfig(maps=maps, ram="auto"))
    smallest = auto.report["plan"]["smallest"]["arena"]
    dqa.convert(model, calibration, tmp_path / "out", dqa.ConvertConfig(maps=maps, ram=smallest))
    dqa.convert(model, calibration, tmp_path / "again", recipe=tmp_path / "out" / "recipe.yaml")
    program = read((tmp_path / "out" / "model.dqa").read_bytes())

    assert any(edge.storage is Storage.CODED for edge in program.edges) is (maps == "coded")
    assert (tmp_path / "again" / "model.tflite").read_bytes() == (tmp_path / "out" / "model.tflite").read_bytes()
