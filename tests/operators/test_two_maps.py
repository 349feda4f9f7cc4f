"""Operators of two maps from a .tflite to the host's bytes: products, differences, extremes, vectors and maps of one channel repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from builders.mixed_models import mean
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lowering.supported import why_not
from dqa.report import load_interface
from tflite_builder import Net, options, run_litert

KINDS = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM")


def two(net: Net, kind: str, a: int, b: int) -> int:
    if kind not in ("MINIMUM", "MAXIMUM"):
        return net.binary(kind, a, b)
    return net.op(kind, [a, b], np.broadcast_shapes(net.shape(a), net.shape(b)), options("MaximumMinimumOptions"))


def network(kind: str, other: str, swapped: bool = False) -> bytes:
    """A map and another, or a vector of its channels as global pooling and dense layers give it, or a map of one channel."""
    net = Net(1, 7, 6, 3)
    x = net.conv(net.input, 5, padding="SAME")
    if other == "map":
        second = net.conv(net.input, 5, padding="SAME")
    elif other == "vector":
        second = net.unary(
            "LOGISTIC", net.op("FULLY_CONNECTED", [mean(net, x), net.weights(5, 5)], (1, 5), options("FullyConnectedOptions"))
        )
    else:
        second = net.unary("TANH", net.conv(net.input, 1, padding="SAME"))
    return net.build(net.conv(two(net, kind, *((second, x) if swapped else (x, second))), 4))


CASES = [(kind, other, swapped) for kind in KINDS for other, swapped in (("map", False), ("vector", True), ("one", False))]
CASES = [case for case in CASES if case[1] != "one" or case[0] not in ("MINIMUM", "MAXIMUM")]


@pytest.mark.parametrize(("kind", "other", "swapped"), CASES)
def test_it_is_read_and_differentiated_as_litert_runs_it(kind: str, other: str, swapped: bool) -> None:
    data = network(kind, other, swapped)
    graph = read_graph(data, "m.tflite")
    x = samples(graph, 3)
    expected = run_litert(data, x)
    values = run(graph, x)
    np.testing.assert_allclose(values[graph.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-4)
    step = np.asarray(1e-3 * samples(graph, 3, seed=7), np.float32)
    seed = np.random.default_rng(3).normal(0, 1, expected.shape).astype(np.float32)
    slope = gradients(graph, values, {graph.outputs[0]: seed}, graph.inputs)[graph.inputs[0]]
    ahead, behind = (run(graph, np.asarray(moved, np.float32))[graph.outputs[0]] for moved in (x + step, x - step))
    np.testing.assert_allclose(np.sum(slope * step), np.sum(seed * (ahead - behind)) / 2, rtol=2e-2, atol=1e-3)


def error(data: bytes, folder: Path, **settings: object) -> float:
    """Of the host's answers, relative to the deviation of the float network's."""
    (folder / "m.tflite").write_bytes(data)
    x = np.random.default_rng(0).integers(0, 256, (48, *read_graph(data, "m").tensors[0].shape[1:])).astype(np.uint8)
    np.savez(folder / "x.npz", x=x)
    out = convert(folder / "m.tflite", folder / "x.npz", folder / "out", ConvertConfig(**{"input_scale": 1 / 255, **settings})).out  # type: ignore[arg-type]
    interface = load_interface(out)
    got = interface.outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(x.reshape(len(x), -1)).outputs)
    expected = run_litert(data, x / np.float32(255))
    return float(np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) / expected.std())


@pytest.mark.parametrize(
    ("kind", "other", "swapped"), [("SUB", "one", True), ("MUL", "map", False), ("MUL", "vector", True), ("MAXIMUM", "vector", True)]
)
def test_the_host_answers_as_the_float_network(kind: str, other: str, swapped: bool, tmp_path: Path) -> None:
    settings: dict[str, object] = {"ram": "auto"} if other == "one" else {"maps": "planes", "bits": 8, "extra_bits": 0}
    assert error(network(kind, other, swapped), tmp_path, **settings) < 0.08


def test_a_product_of_small_steps_is_as_fine_as_its_output() -> None:
    """Two maps of few bits, whose product has few values: a factor above 1/4."""
    from dqa.operators.arithmetic import multiply
    from dqa.operators.requantize import requantize

    one, zero = np.ones(1), np.zeros(1)
    _, _, scaled = multiply(one, zero, one, zero, one / 4, np.zeros(1, bool))
    acc = np.arange(-30, 31) * 32 * 32
    assert requantize(acc, scaled.multiplier.astype(np.int64), scaled.shift.astype(np.int64)).tolist() == (4 * np.arange(-30, 31)).tolist()


def test_a_squared_difference_is_the_square_of_a_difference_that_the_network_has(tmp_path: Path) -> None:
    net = Net(1, 5, 4, 3)
    a, b = (net.conv(net.input, 3, padding="SAME") for _ in range(2))
    apart = net.binary("SUB", a, b)
    squared = net.op("SQUARED_DIFFERENCE", [a, b], net.shape(a), options("SquaredDifferenceOptions"))
    data = net.build(net.conv(net.binary("ADD", squared, apart), 2))
    (tmp_path / "x.tflite").write_bytes(data)
    graph = load_model(tmp_path / "x.tflite").graph
    assert sum(op.kind == "SUB" for op in graph.ops) == 1 and not any(why_not(graph, op) for op in graph.ops)
    assert error(data, tmp_path, maps="planes", bits=8, extra_bits=0) < 0.05


def test_what_is_repeated_otherwise_stays_a_builtin() -> None:
    net = Net(1, 4, 4, 3)
    graph = read_graph(net.build(net.binary("ADD", net.input, net.weights(1, 4, 4, 1))), "m")
    assert "constant" in why_not(graph, graph.ops[0])
    net = Net(1, 4, 4, 3)
    graph = read_graph(net.build(two(net, "MAXIMUM", net.input, net.conv(net.input, 1, padding="SAME"))), "m")
    assert "one channel" in why_not(graph, graph.ops[-1])


def test_channels_of_the_input_that_a_table_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    net = Net(1, 5, 5, 2)
    data = net.build(net.conv(net.unary("TANH", net.input), 3))
    assert error(data, tmp_path, input_scale=(1 / 255, 1 / 255)) < 0.05
    with pytest.raises(ModelError, match="'tanh' \\(TANH\\)"):
        error(data, tmp_path, input_scale=(1 / 255, 1 / 60))
