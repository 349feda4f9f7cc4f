"""A layer that a network uses several times is stored once, where what it sees is alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqa import ConvertConfig, convert, evaluate
from dqa.calibration import float_outputs
from dqa.evaluation import subject
from dqa.frontend import load_model
from dqa.graph.twins import shared_layers, twins
from dqa.program import read
from dqa.program.writer import assemble
from tflite_builder import Net

RANDOM = np.random.default_rng(8)
X = [RANDOM.normal(size=(60, 10, 10, 2)).astype(np.float32) for _ in range(2)]


def siamese(path: Path) -> Path:
    """Two convolutions and a dense layer on each of two maps, and a dense layer on the absolute differences of what they give."""
    net = Net(1, 10, 10, 2)
    branches: list[int] = []
    layers: list[Any] = []
    for end in (net.input, net.another_input(1, 10, 10, 2)):
        before = len(net.graph.operators)
        x = net.conv(net.conv(end, 6, stride=2, activation="RELU"), 8, stride=2)
        branches.append(net.dense(net.unary("RELU", x), 16))
        made = net.graph.operators[before:]
        for op, own in zip(made, layers or made, strict=True):
            op.inputs = [op.inputs[0], *own.inputs[1:]]  # the constants of the first use
        layers = layers or made
    path.write_bytes(net.build(net.dense(net.unary("ABS", net.binary("SUB", branches[0], branches[1])), 3)))
    return path


def weights_of(place: Path, factor: float = 1.0, **settings: Any) -> list[int]:
    """By how many layers each table of weights of the program is used. factor: of the second input."""
    np.savez(place / "x.npz", x0=X[0], x1=X[1] * factor, y=np.zeros((60, 3)))
    convert(siamese(place / "m.tflite"), place / "x.npz", place / "out", ConvertConfig(**settings))
    sections = assemble(read((place / "out" / "model.dqa").read_bytes())).sections
    return [len(section.titles) for section in sections if "weights (" in section.titles[0]]


def snr(place: Path) -> float:
    found = subject.load(place / "out", place / "x.npz", None, None, None)
    answers = evaluate(place / "out", place / "x.npz", target="host").outputs
    expected = float_outputs(load_model(place / "out" / "float.tflite"), found.real)
    return float(10 * np.log10(expected.var() / np.square(answers - expected).mean()))


@pytest.mark.parametrize("settings", [{}, {"bits": 5}, {"ram": 2000, "maps": "planes"}, {"weight_rounding": "nearest"}], ids=str)
def test_shared_layers_are_stored_once(settings: dict[str, Any], tmp_path: Path) -> None:
    assert weights_of(tmp_path, **settings) == [2, 2, 2, 1]
    assert snr(tmp_path) > 18


def test_so_are_weights_of_4_bits(tmp_path: Path) -> None:
    assert sorted(weights_of(tmp_path, weight_bits=4))[-2:] == [2, 2]


def test_inputs_of_unlike_size_have_weights_of_their_own(tmp_path: Path) -> None:
    """One scale would cost the smaller one four bits."""
    assert 1 in weights_of(tmp_path, factor=16.0)[:2]
    assert snr(tmp_path) > 18


def test_a_recipe_and_the_boards_program_are_the_same(tmp_path: Path) -> None:
    weights_of(tmp_path)
    again = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "again", recipe=tmp_path / "out" / "recipe.yaml").out
    assert (again / "model.dqa").read_bytes() == (tmp_path / "out" / "model.dqa").read_bytes()
    assert evaluate(tmp_path / "out", tmp_path / "x.npz", "sim:mps2_an386", limit=3).agreement == (3, 3)


def test_what_corresponds_is_found_by_equal_constants(tmp_path: Path) -> None:
    graph = load_model(siamese(tmp_path / "m.tflite")).graph
    layers = [op for op in graph.ops if len(op.inputs) == 3]
    assert [[op.outputs for op in uses] for uses in shared_layers(graph)] == [[layers[i].outputs, layers[i + 3].outputs] for i in range(3)]
    assert set(twins(graph)) >= {tuple(graph.inputs), *((layers[i].outputs[0], layers[i + 3].outputs[0]) for i in range(3))}


def test_layers_of_equal_ones_are_not_taken_for_one(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 8)
    ends = net.input, net.another_input(1, 4, 4, 8)
    ones, bias = net.constant(np.ones((8, 1, 1, 8))), net.constant(np.zeros(8))
    branches = [net.conv(end, 8, 1) for end in ends]
    for op in net.graph.operators:
        op.inputs = [op.inputs[0], ones, bias]
    (tmp_path / "m.tflite").write_bytes(net.build(net.binary("ADD", branches[0], branches[1])))
    graph = load_model(tmp_path / "m.tflite").graph
    assert shared_layers(graph) == [] and twins(graph) == []
