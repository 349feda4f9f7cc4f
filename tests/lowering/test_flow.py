"""Rows that pass from one operator to the next are not stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml

import dqa
from builders.networks import Net, images, scaled, statistics_of
from builders.studies import write_model
from dqa.graph import Graph
from dqa.lowering.build import build, edge_order
from dqa.lowering.flow import Flow, flowing
from dqa.program import Program, Storage, read
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.decide import decide
from dqa.quantization.shared_range import StorageChoice
from dqa.support.settings import ConvertConfig


def found(graph: Graph, bits: float = 3) -> tuple[set[str], Flow]:
    """The names of the tensors that pass, and all about them."""
    statistics = statistics_of(graph, scaled(images(0, 8, graph)))
    given = {0: BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))}
    choices = {t.index: StorageChoice(Storage.MAP, 7) for t in graph.activations()}
    formats = decide(Calibrated(graph, statistics, given, ConvertConfig()), choices)
    program, order = build(graph, formats), edge_order(graph)
    free = {n for n, edge in enumerate(program.edges) if edge.storage is Storage.MAP}
    result = flowing(program, free, bits)
    return {graph.tensors[order[number]].name for number in result.edges}, result


def names(graph: Graph, *tensors: int) -> set[str]:
    return {graph.tensors[t].name for t in tensors}


def test_a_1x1_convolution_takes_the_rows_of_the_depthwise_one_before_it() -> None:
    net = Net(1, 12, 12, 3)
    depthwise = net.depthwise(first := net.conv(0, 8))
    pointwise = net.conv(depthwise, 8, kernel=1)
    graph = net.finish(last := net.depthwise(pointwise))
    passed, result = found(graph)

    assert names(graph, first).isdisjoint(passed)
    assert passed == names(graph, depthwise, last)  # the mean takes rows one by one, too
    assert result.phases[:4] == (0, 1, 1, 2)
    assert result.phases[3] == result.phases[4]


def test_a_3x3_convolution_does_not() -> None:
    net = Net(1, 12, 12, 3)
    graph = net.finish(net.conv(net.conv(0, 8), 8, stride=2))
    passed, result = found(graph)

    assert len(passed) == 1
    assert result.phases == (0, 1, 1, 2, 3)


def test_an_addition_takes_the_rows_of_both_operands_while_the_skip_is_stored() -> None:
    net = Net(2, 12, 12, 3)
    skip = net.conv(0, 8)
    left = net.conv(net.conv(skip, 8), 8, activation="NONE")
    right = net.conv(skip, 8, kernel=1, activation="NONE")
    total = net.op("ADD", [left, right], net.graph.tensors[left].shape, activation="RELU")
    graph = net.finish(net.conv(total, 8))
    passed, result = found(graph)

    assert passed >= names(graph, left, right)
    assert not passed & names(graph, skip, total)
    steps = [op.outputs[0] for op in graph.ops]
    assert len({result.phases[steps.index(t)] for t in (left, right, total)}) == 1


def test_what_two_operators_read_is_stored() -> None:
    net = Net(3, 12, 12, 3)
    shared = net.depthwise(net.conv(0, 8))
    left, right = net.conv(shared, 8, kernel=1), net.conv(shared, 8, kernel=1)
    total = net.op("ADD", [left, right], net.graph.tensors[left].shape, activation="RELU")
    graph = net.finish(net.conv(total, 4))

    assert not found(graph)[0] & names(graph, shared)


@pytest.mark.parametrize(("height", "bits", "flows"), [(4, 3, True), (2, 3, False), (4, 2, False), (1, 8, False)])
def test_rows_flow_only_where_one_is_smaller_than_the_stored_map(height: int, bits: float, flows: bool) -> None:
    net = Net(4, height, 8, 3)
    depthwise = net.depthwise(net.conv(0, 8))
    graph = net.finish(net.conv(depthwise, 8, kernel=1, stride=1))

    assert (names(graph, depthwise) <= found(graph, bits)[0]) is flows


def test_a_row_waits_while_the_other_branch_is_computed() -> None:
    net = Net(5, 12, 12, 3)
    start = net.conv(0, 8)
    early = net.conv(start, 8, kernel=1)
    late = net.conv(net.conv(start, 8), 8, activation="NONE")
    total = net.op("ADD", [early, late], net.graph.tensors[late].shape, activation="RELU")
    graph = net.finish(net.conv(total, 8))
    passed, result = found(graph)

    assert passed >= names(graph, early, late)
    assert result.phases[:5] == (0, 1, 1, 1, 1)


def converted(folder: Path, config: ConvertConfig) -> tuple[Path, Program]:
    folder.mkdir()
    write_model(folder)
    dqa.convert(folder / "tiny.tflite", folder / "calibration.npz", folder / "out", config)
    return folder / "out", read((folder / "out" / "model.dqa").read_bytes())


def test_a_conversion_stores_the_others_within_the_bits_asked_for(tmp_path: Path) -> None:
    out, program = converted(tmp_path / "x", ConvertConfig(bits=3))
    rings = [edge for edge in program.edges if edge.ring_rows]
    coded = [edge for edge in program.edges if edge.storage is Storage.CODED]
    report = dqa.evaluate(out, tmp_path / "x" / "test.npz").to_json()

    assert {edge.ring_rows for edge in rings} == {1}
    assert sum(edge.capacity for edge in coded) * 8 <= 3 * sum(edge.values for edge in coded)
    assert report["value"] > 0.7
    assert "passes row by row" in (out / "recipe.yaml").read_text()


def test_the_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    out, program = converted(tmp_path / "x", ConvertConfig(bits=3, weight_bits=4))
    assert recipe_of(out)["phases"] == list(program.op_phases) != list(range(len(program.ops)))

    dqa.convert(tmp_path / "x" / "tiny.tflite", tmp_path / "x" / "calibration.npz", tmp_path / "again", recipe=out / "recipe.yaml")
    assert (tmp_path / "again" / "model.tflite").read_bytes() == (out / "model.tflite").read_bytes()


def test_planes_are_stored_whole_as_ever(tmp_path: Path) -> None:
    _, program = converted(tmp_path / "x", ConvertConfig(maps="planes", bits=3))

    assert program.phases is None
    assert not any(edge.ring_rows for edge in program.edges)


def recipe_of(out: Path) -> Mapping[str, object]:
    return dict(yaml.safe_load((out / "recipe.yaml").read_text()))
