"""Normalizations over the channels from a .tflite to the host's bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.frontend.passes import simplify
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.program import read
from dqa.report import load_interface
from tflite_builder import Net, options, run_litert

Layer = Callable[[Net, int], int]


def over_channels(net: Net, kind: str, x: int) -> int:
    shape = (*net.shape(x)[:-1], 1)
    return net.op(kind, [x, net.constant([len(shape) - 1])], shape, options("ReducerOptions", keepDims=True))


def layer(net: Net, x: int, epsilon: float = 1e-3) -> int:
    """As TensorFlow's converter writes LayerNormalization."""
    channels = net.shape(x)[-1]
    mean = over_channels(net, "MEAN", x)
    square = over_channels(net, "MEAN", net.op("SQUARED_DIFFERENCE", [x, mean], net.shape(x), options("SquaredDifferenceOptions")))
    inverse = net.unary("RSQRT", net.binary("ADD", square, net.constant(np.float32(epsilon))))
    scale = net.binary("MUL", inverse, net.weights(1, 1, 1, channels))
    shift = net.binary("ADD", net.binary("MUL", scale, net.unary("NEG", mean)), net.weights(1, 1, 1, channels))
    return net.binary("ADD", net.binary("MUL", x, scale), shift)


def coarse(net: Net, x: int) -> int:
    """Its epsilon counts."""
    return layer(net, x, 0.5)


def unit(net: Net, x: int) -> int:
    """As UnitNormalization."""
    inverse = net.unary("RSQRT", over_channels(net, "SUM", net.unary("SQUARE", x)))
    return net.binary("MUL", x, net.op("MINIMUM", [inverse, net.constant(np.float32(1e6))], net.shape(inverse)))


def builtin(net: Net, x: int) -> int:
    return net.op("L2_NORMALIZATION", [x], net.shape(x), options("L2NormOptions"))


LAYERS = (layer, coarse, unit, builtin)


def network(normalization: Layer, channels: int = 12) -> bytes:
    net = Net(1, 6, 5, 3)
    return net.build(net.conv(normalization(net, net.conv(net.input, channels, padding="SAME")), 4))


def simplified(data: bytes) -> Graph:
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    return graph


@pytest.mark.parametrize("normalization", LAYERS, ids=lambda layer: layer.__name__)
def test_it_is_one_operator_that_computes_and_is_differentiated_as_litert_runs_it(normalization: Layer) -> None:
    data = network(normalization)
    graph = simplified(data)
    assert [op.kind.removeprefix("L2_") for op in graph.ops] == ["CONV_2D", "NORMALIZATION", "CONV_2D"]
    x = samples(graph, 3)
    expected, values = run_litert(data, x), run(graph, x)
    np.testing.assert_allclose(values[graph.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-4)
    step = np.asarray(1e-2 * samples(graph, 3, seed=7), np.float32)
    seed = np.random.default_rng(3).normal(0, 1, expected.shape).astype(np.float32)
    slope = gradients(graph, values, {graph.outputs[0]: seed}, graph.inputs)[graph.inputs[0]]
    ahead, behind = (run(graph, np.asarray(moved, np.float32))[graph.outputs[0]] for moved in (x + step, x - step))
    np.testing.assert_allclose(np.sum(slope * step), np.sum(seed * (ahead - behind)) / 2, rtol=2e-2, atol=2e-3)


def test_what_is_almost_one_is_none() -> None:
    def fourth(net: Net, x: int) -> int:
        square = over_channels(net, "MEAN", net.unary("SQUARE", x))
        return net.binary("MUL", x, net.op("POW", [square, net.constant(np.float32(-0.25))], net.shape(square)))

    assert "NORMALIZATION" not in {op.kind for op in simplified(network(fourth)).ops}


@pytest.mark.parametrize(("normalization", "streamed"), [(layer, False), (coarse, True), (unit, False)], ids=["layer", "coarse", "unit"])
def test_the_host_answers_as_the_float_network(normalization: Layer, streamed: bool, tmp_path: Path) -> None:
    data = network(normalization)
    (tmp_path / "m.tflite").write_bytes(data)
    x = np.random.default_rng(0).integers(0, 256, (48, 6, 5, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    planes = ConvertConfig(input_scale=1 / 255, maps="planes", bits=8, extra_bits=0)
    config = ConvertConfig(input_scale=1 / 255, ram="auto") if streamed else planes
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config).out
    assert [type(op).__name__ for op in read((out / "model.dqa").read_bytes()).ops] == ["Conv2D", "Normalization", "Conv2D"]
    got = load_interface(out).outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(x.reshape(len(x), -1)).outputs)
    expected = run_litert(data, x / np.float32(255))
    assert np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) < (0.08 if streamed else 0.04) * expected.std()
