"""TRANSPOSE_CONV from a .tflite to the host's bytes: what the tests of all kinds cannot know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from builders.keras_files import in_process
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.operators.transpose_conv import TransposeConv
from dqa.operators.weighted import weighted_operator
from dqa.program import read
from dqa.report import load_interface
from tflite_builder import Net, options, run_litert

SAME, VALID = 0, 1
Size = tuple[int, int]
WINDOWS: tuple[tuple[Size, Size, int, Size], ...] = (
    ((2, 2), (2, 2), VALID, (0, 0)),
    ((3, 3), (2, 2), SAME, (0, 0)),
    ((3, 3), (2, 2), VALID, (1, 1)),
    ((4, 5), (2, 1), SAME, (0, 0)),
    ((3, 2), (1, 1), SAME, (0, 0)),
    ((1, 2), (3, 2), SAME, (0, 0)),  # rows and columns that no input reaches
    ((5, 4), (3, 2), VALID, (2, 0)),
    ((1, 3), (1, 2), SAME, (0, 0)),
)
"""Kernel, strides, padding, rows and columns beyond those that VALID gives, as Keras's output_padding makes them."""


def transposed(net: Net, x: int, out: int, window: tuple[Size, Size, int, Size], bias: bool = True, activation: int = 0) -> int:
    (kernel_h, kernel_w), (stride_h, stride_w), padding, extra = window
    _, height, width, channels = net.shape(x)
    rows, columns = height * stride_h, width * stride_w
    if padding == VALID:
        rows, columns = (height - 1) * stride_h + kernel_h + extra[0], (width - 1) * stride_w + kernel_w + extra[1]
    size = (1, rows, columns, out)
    inputs = [net.constant(list(size)), net.weights(out, kernel_h, kernel_w, channels), x, *([net.weights(out)] if bias else [])]
    fused = {"padding": padding, "strideH": stride_h, "strideW": stride_w, "fusedActivationFunction": activation}
    return net.op("TRANSPOSE_CONV", inputs, size, options("TransposeConvOptions", **fused))


def alone(window: tuple[Size, Size, int, Size], **further: object) -> bytes:
    net = Net(1, 5, 4, 3)
    return net.build(transposed(net, net.input, 4, window, **further))  # type: ignore[arg-type]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize(("bias", "activation"), [(True, 0), (False, 1)])
def test_it_is_read_as_litert_runs_it(window: tuple[Size, Size, int, Size], bias: bool, activation: int) -> None:
    data = alone(window, bias=bias, activation=activation)
    graph = read_graph(data, "m.tflite")
    x = samples(graph, 3)
    expected = run_litert(data, x)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_its_gradient_is_its_transpose_and_its_patches_give_its_sums(window: tuple[Size, Size, int, Size]) -> None:
    graph = read_graph(alone(window), "m.tflite")
    op, (source, target) = graph.ops[0], (graph.inputs[0], graph.outputs[0])
    x, step = samples(graph, 2), samples(graph, 2, seed=7)
    values, moved = run(graph, x), run(graph, x + step)
    seed = np.random.default_rng(3).normal(0, 1, values[target].shape).astype(np.float32)
    slope = gradients(graph, values, {target: seed}, [source])[source]
    np.testing.assert_allclose((slope * step).sum(), (seed * (moved[target] - values[target])).sum(), rtol=1e-3, atol=1e-3)
    weights, bias = (np.asarray(graph.tensors[index].data) for index in op.inputs[1:])
    sums = weighted_operator(op.kind).patches(op, x, weights) @ weights.reshape(len(weights), -1).T + bias
    np.testing.assert_allclose(sums.reshape(values[target].shape), values[target], rtol=1e-4, atol=1e-4)


def decoder() -> bytes:
    """An encoder and a decoder whose upsampling is learned, with a skip, a scale per channel behind it, and activations of its own."""
    net = Net(1, 12, 8, 3)
    skip = net.conv(net.input, 6, padding="SAME", activation="RELU")
    x = net.conv(skip, 8, padding="SAME", activation="RELU6", stride=2)
    x = transposed(net, x, 6, ((3, 3), (2, 2), SAME, (0, 0)), bias=False)
    x = net.unary("RELU", net.binary("ADD", net.binary("MUL", x, net.weights(6)), net.weights(6)))
    x = net.binary("ADD", x, skip)
    x = net.unary("LOGISTIC", net.conv(x, 4, padding="SAME"))  # its zero point is not 0
    return net.build(transposed(net, x, 2, ((2, 2), (2, 2), VALID, (0, 0))))


def relative_error(data: bytes, out: Path, x: np.ndarray) -> float:
    interface = load_interface(out)
    inputs = interface.inputs[0].to_bytes(x / 255).reshape(len(x), -1)
    got = interface.outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(inputs.view(np.uint8)).outputs)
    expected = run_litert(data, x / np.float32(255))
    return float(np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) / expected.std())


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"maps": "planes", "bits": 8, "extra_bits": 0}, 0.06),
        ({"maps": "planes", "bits": 8, "extra_bits": 0, "weight_bits": 4}, 0.25),
        ({"ram": "auto"}, 0.15),
    ],
    ids=["8 bits", "4-bit weights", "streamed"],
)
def test_an_encoder_with_its_decoder_answers_as_the_float_network(settings: dict[str, object], most: float, tmp_path: Path) -> None:
    data = decoder()
    (tmp_path / "m.tflite").write_bytes(data)
    x = np.random.default_rng(0).integers(0, 256, (48, 12, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 255, **settings)  # type: ignore[arg-type]
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config).out
    program = read((out / "model.dqa").read_bytes())
    assert sum(isinstance(op, TransposeConv) for op in program.ops) == 2
    assert not any(type(op).__name__ == "DepthwiseConv2D" for op in program.ops)  # the scale is part of the weights
    assert relative_error(data, out, x) < most


def test_a_kernel_too_tall_is_left_to_tflite() -> None:
    net = Net(1, 4, 4, 2)
    graph = read_graph(net.build(transposed(net, net.input, 2, ((65, 1), (2, 2), SAME, (0, 0)))), "m.tflite")
    op = graph.ops[0]
    why = weighted_operator(op.kind).why_not(op, [graph.tensors[i] for i in op.inputs], graph.tensors[op.outputs[0]])
    assert why == "a window of 65 rows and 1 columns"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"strides": 2, "padding": "same", "activation": "relu"},
        {"strides": (2, 3), "padding": "valid", "use_bias": False},
        {"strides": 2, "padding": "same", "output_padding": 1},
        {"strides": 1, "padding": "valid", "activation": "tanh"},
        {"strides": (3, 1), "padding": "valid", "output_padding": (2, 0)},
    ],
    ids=str,
)
def test_keras_layers_become_it(options: dict[str, object], tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Conv2DTranspose(4, 3, **options), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    model = keras.Sequential([keras.Input((6, 5, 2)), *layers])
    model.save(tmp_path / "m.keras")
    graph = load_model(tmp_path / "m.keras").graph
    assert "TRANSPOSE_CONV" in kinds(graph)
    x = samples(graph, 2)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]], np.asarray(model(x)), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_conv_1d_transpose_becomes_it(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((8, 3)), keras.layers.Conv1DTranspose(4, 3, strides=2, padding="same", activation="relu")])
    model.save(tmp_path / "m.keras")
    graph = load_model(tmp_path / "m.keras").graph
    assert kinds(graph) == {"TRANSPOSE_CONV"}
    x = samples(graph, 2)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]].reshape(2, 16, 4), np.asarray(model(x)), rtol=1e-3, atol=1e-4)


def transposed_keras(layer: str, shape: tuple[int, ...], path: Path, **options: object) -> Any:
    keras = pytest.importorskip("keras")
    layers = [keras.layers.InputLayer(shape=shape), getattr(keras.layers, layer)(4, bias_initializer="normal", **options)]
    model = keras.Sequential([keras.Input(shape), keras.Sequential(layers, name="inner"), keras.layers.ReLU()])
    model.save(path)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "shape", "kernel", "dilation", "padding"),
    [
        ("Conv1DTranspose", (8, 3), (3,), (2,), "same"),
        ("Conv1DTranspose", (8, 3), (4,), (3,), "valid"),
        ("Conv1DTranspose", (8, 3), (2,), (3,), "same"),  # reaches an odd number of steps
        ("Conv2DTranspose", (6, 5, 2), (2, 3), (1, 3), "same"),
        ("Conv2DTranspose", (6, 5, 2), (3, 2), (2, 3), "valid"),
    ],
    ids=str,
)
def test_dilated_ones_become_convolutions(
    layer: str,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TensorFlow cannot run them on a CPU: they are compared with the same layer, its kernel spread by zeros."""
    in_process(monkeypatch)
    model = transposed_keras(layer, shape, tmp_path / "m.keras", kernel_size=kernel, dilation_rate=dilation, padding=padding)
    weights, bias = model.get_weights()
    spread = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    wide = np.zeros((*spread, *weights.shape[len(kernel) :]), np.float32)
    wide[tuple(slice(None, None, d) for d in dilation)] = weights
    same = transposed_keras(layer, shape, tmp_path / "spread.keras", kernel_size=spread, padding=padding)
    same.set_weights([wide, bias])
    graph = load_model(tmp_path / "m.keras").graph
    assert kinds(graph) == {"CONV_2D"}
    x = samples(graph, 2)
    expected = np.asarray(same(x))
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]].reshape(expected.shape), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_one_that_tensorflow_cannot_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    transposed_keras(
        "Conv2DTranspose", (6, 5, 2), tmp_path / "m.keras", kernel_size=(3, 4), strides=2, padding="same", output_padding=(1, 0)
    )
    with pytest.raises(
        ModelError, match=r"layer 'conv2d_transpose\w*': an even kernel with padding='same' and output_padding=0"
    ) as refused:
        load_model(tmp_path / "m.keras")
    assert "output_padding" in str(refused.value.hint)


def kinds(graph: Graph) -> set[str]:
    return {op.kind for op in graph.ops}
