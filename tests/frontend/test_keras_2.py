"""Files of Keras 2, made by hand: Keras 3 refuses their form, dqa reads them and finds their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from builders.keras_files import in_process, keras_2_functional, keras_2_input, keras_2_layer, write_h5, write_keras
from dqa.frontend import load_model
from dqa.graph.execute import run

pytest.importorskip("tensorflow")

Array = npt.NDArray[np.float32]
RNG = np.random.default_rng(6)
W1, B1 = RNG.normal(size=(8, 6)).astype(np.float32), RNG.normal(size=6).astype(np.float32)
W2, B2 = RNG.normal(size=(6, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
W3, B3 = RNG.normal(size=(6, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
X = RNG.normal(size=(5, 8)).astype(np.float32)
HIDDEN = np.maximum(X @ W1 + B1, 0)
DENSE: dict[str, Any] = {
    "use_bias": True,
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
    "kernel_constraint": None,
}
ONE_HEAD = {"h": [W1, B1], "y": [W2, B2]}


@pytest.fixture(autouse=True)
def _without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)


def answers(path: Path) -> list[Array]:
    model = load_model(path)
    values = run(model.graph, X)
    return [values[index] for index in model.graph.outputs]


def hidden(**config: Any) -> dict[str, Any]:
    return keras_2_layer("Dense", "h", units=6, activation="relu", **DENSE, **config)


def head(name: str, after: str | None = None, call: int = 0) -> dict[str, Any]:
    return keras_2_layer("Dense", name, after, call, units=4, activation="linear", **DENSE)


def sequential(layers: list[dict[str, Any]], name: str = "net") -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}


def test_a_sequential_whose_first_layer_has_the_shape(tmp_path: Path) -> None:
    config = sequential([hidden(batch_input_shape=[None, 8]), keras_2_layer("Dropout", "d", rate=0.5), head("y")])
    (y,) = answers(write_h5(tmp_path / "m.h5", config, {"h": [W1, B1], "d": [], "y": [W2, B2]}))
    np.testing.assert_allclose(y, HIDDEN @ W2 + B2, atol=1e-5)


@pytest.mark.parametrize("nested_kind", ["Sequential", "Functional", "Model"])
def test_a_nested_model_in_a_functional_one(nested_kind: str, tmp_path: Path) -> None:
    entry = keras_2_input("inner_in", [8], functional=nested_kind != "Sequential")
    noise = keras_2_layer("GaussianNoise", "noise", None if nested_kind == "Sequential" else "inner_in", stddev=1.0)
    if nested_kind == "Sequential":
        inner = sequential([entry, noise, hidden()], "inner")
    else:
        dense = {**hidden(), "name": "h", "inbound_nodes": [[["noise", 0, 0, {}]]]}
        inner = {**keras_2_functional([entry, noise, dense], "inner_in", ["h"], "inner"), "class_name": nested_kind}
    inner |= {"name": "inner", "inbound_nodes": [[["in", 0, 0, {"training": False}]]]}
    heads = [head("zeta", "inner", 1), head("alpha", "inner", 1)]
    config = keras_2_functional([keras_2_input("in", [8]), inner, *heads], "in", ["zeta", "alpha"])
    path = write_h5(tmp_path / "m.h5", config, {"in": [], "inner": [W1, B1], "zeta": [W2, B2], "alpha": [W3, B3]})
    zeta, alpha = answers(path)
    np.testing.assert_allclose(zeta, HIDDEN @ W2 + B2, atol=1e-5)
    np.testing.assert_allclose(alpha, HIDDEN @ W3 + B3, atol=1e-5)
    assert [load_model(path).graph.tensors[index].name for index in load_model(path).graph.outputs] == ["zeta", "alpha"]


# Where each version keeps the three layers, the last two of one kind, of a functional model.
PLACES = {
    "2.12": ("_layer_checkpoint_dependencies/dense", "_layer_checkpoint_dependencies/dense_2", "_layer_checkpoint_dependencies/dense_4"),
    "2.13": ("_layer_checkpoint_dependencies/dense", "_layer_checkpoint_dependencies/dense_1", "_layer_checkpoint_dependencies/dense_2"),
    "2.15": ("layers/dense", "layers/dense_1", "layers/dense_2"),
}


@pytest.mark.parametrize(
    ("version", "module"),
    [("2.12", "keras.engine.functional"), ("2.13", "keras.src.engine.functional"), ("2.15", "tf_keras.src.engine.functional")],
)
def test_an_archive(version: str, module: str, tmp_path: Path) -> None:
    layers = [keras_2_input("in", [8]), {**hidden(), "name": "h", "inbound_nodes": [[["in", 0, 0, {}]]]}, head("z", "h"), head("a", "h")]
    for item in layers:
        width = 6 if item["config"]["name"] in "za" else 8
        item |= {"module": "keras.layers", "registered_name": None, "build_config": {"input_shape": [None, width]}}
    config = keras_2_functional(layers, "in", ["z", "a"])
    config |= {
        "module": module,
        "registered_name": "Functional",
        "build_config": {"input_shape": [None, 8]},
        "compile_config": {"loss": "x"},
    }
    weights = dict(zip(PLACES[version], ([W1, B1], [W2, B2], [W3, B3]), strict=True))
    z, a = answers(write_keras(tmp_path / "m.keras", config, weights, version))
    np.testing.assert_allclose(z, HIDDEN @ W2 + B2, atol=1e-5)
    np.testing.assert_allclose(a, HIDDEN @ W3 + B3, atol=1e-5)


def test_depthwise_groups_and_a_list_of_one_axis(tmp_path: Path) -> None:
    kernel, bias = RNG.normal(size=(3, 3, 2, 1)).astype(np.float32), RNG.normal(size=2).astype(np.float32)
    scale = [np.array(pair, np.float32) for pair in ([1.5, 0.5], [0.1, -0.2], [0.3, 0.4], [1.2, 0.7])]
    sizes: dict[str, Any] = {
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
    }
    config = sequential(
        [
            keras_2_input("in", [5, 4, 2], functional=False),
            keras_2_layer("DepthwiseConv2D", "dw", groups=1, depth_multiplier=1, activation="linear", **sizes, **DENSE),
            keras_2_layer("BatchNormalization", "bn", axis=[3], momentum=0.99, epsilon=0.001, center=True, scale=True),
        ]
    )
    model = load_model(write_h5(tmp_path / "m.h5", config, {"dw": [kernel, bias], "bn": scale}))
    x = RNG.normal(size=(3, 5, 4, 2)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    expected = np.einsum("nhwcij,ijc->nhwc", windows, kernel[..., 0]) + bias
    gamma, beta, mean, variance = scale
    expected = (expected - mean) / np.sqrt(variance + 0.001) * gamma + beta
    np.testing.assert_allclose(run(model.graph, x)[model.output.index], expected, atol=1e-4)
