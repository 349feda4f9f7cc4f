"""Biases that take back what stored activations shift the sums of a layer by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import dqa
from builders.networks import Net
from builders.studies import write_model
from dqa.errors import RecipeError
from dqa.graph import Graph, Op
from dqa.graph.execute import run
from dqa.operators.conv_2d import Conv2D
from dqa.program import Storage, read
from dqa.quantization.coded.read_back import storing
from dqa.quantization.formats import Reason, TensorFormat
from dqa.quantization.weights.bias_correction import Centered, corrected_biases, with_biases
from dqa.quantization.weights.layer_by_layer import parameters, replace_layers
from dqa.support.arrays import Float32, Float64
from dqa.support.settings import ConvertConfig

TWO_BITS = ConvertConfig(maps="planes", bits=2, method="direct", bias_correction=True, weight_rounding="nearest")


def network() -> tuple[Graph, Float32]:
    net = Net(3, 8, 8, 4)
    deep = net.depthwise(net.conv(0, 6), activation="NONE")
    return net.finish(net.conv(deep, 5), classes=3), np.random.default_rng(3).normal(size=(40, 8, 8, 4)).astype(np.float32)


def coarse(graph: Graph, x: Float32) -> dict[int, TensorFormat]:
    """Formats that round to few levels: their errors have means that are not 0."""
    values, formats = run(graph, x), {}
    for tensor in graph.activations():
        if tensor.index not in (*graph.inputs, *graph.outputs):
            channels, step = tensor.hwc[2], float(np.abs(values[tensor.index]).max()) / 2
            formats[tensor.index] = TensorFormat(Storage.MAP, 2, 0, 0, np.zeros(channels), np.full(channels, step), Reason.MAP)
    return formats


def outputs(graph: Graph, x: Float32, formats: dict[int, TensorFormat]) -> dict[int, Float32]:
    """The activations of the network with stored activations, before they are stored."""
    store, found = storing(graph, formats), {}

    def keep(tensor: int, values: Float32) -> Float32:
        found[tensor] = values
        return store(tensor, values)

    def same(_op: Op, _kept: Float32, _real: Float32) -> None:
        return None

    replace_layers(graph, {graph.inputs[0]: x}, same, keep)
    return found


def test_sums_get_the_means_of_the_float_network() -> None:
    graph, x = network()
    formats = coarse(graph, x)
    biases: dict[int, Float64] = {}
    replace_layers(graph, {graph.inputs[0]: x}, Centered(graph, {}, biases), storing(graph, formats))
    layers = [op.outputs[0] for op in graph.ops if len(op.inputs) == 3]
    assert list(biases) == layers
    clean, before, after = run(graph, x), outputs(graph, x, formats), outputs(with_biases(graph, biases), x, formats)
    for tensor in (layers[1], layers[-1]):  # those without an activation function
        axes = tuple(range(clean[tensor].ndim - 1))
        wanted = clean[tensor].mean(axis=axes)
        assert np.abs(before[tensor].mean(axis=axes) - wanted).max() > 0.02
        np.testing.assert_allclose(after[tensor].mean(axis=axes), wanted, atol=2e-3)


def test_biases_change_only_where_answers_come_nearer() -> None:
    graph, x = network()
    formats = coarse(graph, x)
    assert corrected_biases(graph, {}, {graph.inputs[0]: x}) == {}  # nothing is lost
    answer = graph.ops[-1].inputs[0]

    def change(biases: dict[int, Float64]) -> float:
        return float(((outputs(with_biases(graph, biases), x, formats)[answer] - run(graph, x)[answer]) ** 2).mean())

    biases = corrected_biases(graph, formats, {graph.inputs[0]: x})
    assert biases and change(biases) < change({})


def test_the_original_graph_keeps_its_biases() -> None:
    graph, _ = network()
    before = {index: tensor.data for index, tensor in graph.tensors.items()}
    changed = with_biases(graph, {graph.ops[0].outputs[0]: np.arange(6.0)})
    assert {index: tensor.data for index, tensor in graph.tensors.items()} == before
    np.testing.assert_array_equal(parameters(changed, changed.ops[0])[1], np.arange(6))


def test_a_recipe_holds_the_biases(tmp_path: Path) -> None:
    first = converted(tmp_path / "first", TWO_BITS)
    recipe = yaml.safe_load((first / "recipe.yaml").read_text())
    assert recipe["biases"] and recipe["config"]["bias_correction"] is True

    model = tmp_path / "first" / "tiny.tflite"
    dqa.convert(model, None, tmp_path / "again", recipe=first / "recipe.yaml")
    assert (tmp_path / "again" / "model.tflite").read_bytes() == (first / "model.tflite").read_bytes()

    name, bias = next(iter(recipe["biases"].items()))
    for biases, match in (({name: bias[1:]}, "numbers"), ({"nobody": bias}, "nobody"), ({name: 1}, "list"), ({name: ["1"]}, "list")):
        (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(recipe | {"biases": biases}))
        with pytest.raises(RecipeError, match=match):
            dqa.convert(model, None, tmp_path / "wrong", recipe=tmp_path / "wrong.yaml")


def test_it_can_be_left_out(tmp_path: Path) -> None:
    plain, corrected = (converted(tmp_path / str(flag), replace(TWO_BITS, bias_correction=flag)) for flag in (False, True))
    assert "biases" not in yaml.safe_load((plain / "recipe.yaml").read_text())
    before, after = (read((out / "model.dqa").read_bytes()) for out in (plain, corrected))
    assert [edge.low for edge in before.edges] == [edge.low for edge in after.edges]
    pairs = [
        (a.requantization.bias, b.requantization.bias)
        for a, b in zip(before.ops, after.ops, strict=True)
        if isinstance(a, Conv2D) and isinstance(b, Conv2D)
    ]
    assert pairs and any(not np.array_equal(a, b) for a, b in pairs)


def converted(folder: Path, config: ConvertConfig) -> Path:
    """OUT of a small network; model and data lie beside it."""
    folder.mkdir()
    write_model(folder)
    dqa.convert(folder / "tiny.tflite", folder / "calibration.npz", folder / "out", config)
    return folder / "out"
