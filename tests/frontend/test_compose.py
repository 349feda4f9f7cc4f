"""Functions that a model writes as several operators become one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.frontend import load_model
from dqa.frontend.passes import simplify
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lowering.supported import why_not
from dqa.operators.registry import float_operator
from dqa.program import read
from dqa.report import load_interface
from tflite_builder import Net, run_litert


def number(net: Net, value: float) -> int:
    return net.constant(np.float32(value))


def softplus(net: Net, x: int) -> int:
    return net.unary("LOG", net.binary("ADD", net.unary("EXP", x), number(net, 1)))


def rectified(net: Net, x: int) -> int:
    """ReLU up to 4, above a threshold."""
    high = net.unary("RELU", net.op("MINIMUM", [x, number(net, 4)], net.shape(x)))
    above = net.op("GREATER", [x, number(net, 0.5)], net.shape(x), dtype="bool")
    return net.op("SELECT_V2", [above, high, number(net, 0)], net.shape(x))


def root(net: Net, x: int) -> int:
    """Not defined below -1; its slope has no bound there."""
    return net.unary("SQRT", net.binary("ADD", x, number(net, 1)))


def softsign(net: Net, x: int) -> int:
    return net.binary("DIV", x, net.binary("ADD", net.unary("ABS", x), number(net, 1)))


FUNCTIONS = (softplus, rectified, root, softsign)


def simplified(data: bytes) -> Graph:
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    return graph


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_one_operator_computes_it_and_can_be_written_again(function: object) -> None:
    net = Net(1, 5, 4, 3)
    data = net.build(function(net, net.conv(net.input, 4)))  # type: ignore[operator]
    graph = simplified(data)
    assert [op.kind for op in graph.ops] == ["CONV_2D", "COMPOSED"]
    assert float_operator("COMPOSED").never_negative(graph.ops[1]) is (function is not softsign)
    x = samples(graph, 3)
    expected = run_litert(data, x)
    values = run(graph, x)
    np.testing.assert_allclose(values[graph.outputs[0]], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-5, atol=1e-5)
    slope = gradients(graph, values, {graph.outputs[0]: np.ones_like(expected)}, [graph.ops[0].outputs[0]])[graph.ops[0].outputs[0]]
    assert np.isfinite(slope).all()
    if function is softplus:
        np.testing.assert_allclose(slope, 1 / (1 + np.exp(-values[graph.ops[0].outputs[0]])), atol=1e-4)


def test_what_others_read_on_the_way_stays() -> None:
    net = Net(1, 5, 4, 3)
    power = net.unary("EXP", net.conv(net.input, 4))
    graph = simplified(net.build(net.unary("LOG", net.binary("ADD", power, number(net, 1))), power))
    assert [op.kind for op in graph.ops] == ["CONV_2D", "EXP", "COMPOSED"]
    assert [step.kind for step in graph.ops[2].attrs["steps"]] == ["CONSTANT", "ADD", "LOG"]


def test_what_has_operators_of_its_own_stays_as_it_was() -> None:
    net = Net(1, 5, 4, 3)
    x = net.conv(net.input, 4)
    x = net.binary("MUL", x, net.unary("LOGISTIC", x))
    x = net.unary("TANH", net.binary("MUL", x, number(net, 0.5)))
    graph = simplified(net.build(net.binary("ADD", net.binary("MUL", net.unary("ABS", x), net.weights(4)), x)))
    assert [op.kind for op in graph.ops] == ["CONV_2D", "SWISH", "DEPTHWISE_CONV_2D", "TANH", "ABS", "DEPTHWISE_CONV_2D", "ADD"]


@pytest.mark.parametrize("function", [root, softplus], ids=lambda function: function.__name__)
def test_the_host_answers_as_the_float_network(function: object, tmp_path: Path) -> None:
    net = Net(1, 6, 6, 3)
    data = net.build(net.conv(function(net, net.conv(net.input, 4, padding="SAME", activation="RELU")), 3))  # type: ignore[operator]
    (tmp_path / "m.tflite").write_bytes(data)
    x = np.random.default_rng(0).integers(0, 256, (32, 6, 6, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 255, maps="planes", bits=8, extra_bits=0)
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config).out
    assert [type(op).__name__ for op in read((out / "model.dqa").read_bytes()).ops] == ["Conv2D", "Lut", "Conv2D"]
    got = load_interface(out).outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(x.reshape(len(x), -1)).outputs)
    expected = run_litert(data, x / np.float32(255))
    assert np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) < 0.05 * expected.std()


@pytest.mark.slow
def test_every_activation_of_keras_has_an_operator(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    names = [
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "hard_silu",
        "hard_sigmoid",
        "tanh",
        "sigmoid",
        "softplus",
        "mish",
        "softsign",
        "exponential",
    ]
    names += ["hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "log_sigmoid", "sparse_plus"]
    functions = [layers.Activation(name) for name in names] + [layers.ReLU(4.0), layers.ReLU(threshold=0.5)]
    functions += [layers.ReLU(negative_slope=0.1, max_value=3, threshold=threshold) for threshold in (0, 0.3)]
    entry = keras.Input((6, 6, 3))
    first = layers.Conv2D(4, 3)(entry)
    sums = [layers.Conv2D(1, 1)(function(layers.Conv2D(2, 1)(first))) for function in functions]
    model = keras.Model(entry, [layers.Concatenate()(sums[:14]), layers.Concatenate()(sums[14:])])
    model.save(tmp_path / "m.keras")
    graph = load_model(tmp_path / "m.keras").graph
    assert [why_not(graph, op) for op in graph.ops] == [""] * len(graph.ops)
    x = np.random.default_rng(0).normal(0, 1, (4, 6, 6, 3)).astype(np.float32)
    values = run(graph, x)
    for expected, index in zip(model.predict(x, verbose=0), graph.outputs, strict=True):
        np.testing.assert_allclose(values[index], expected, rtol=1e-5, atol=1e-4)
