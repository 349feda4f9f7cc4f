"""Networks of one dimension: time runs along the rows, steps of a series flow, and the answers are Keras'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.keras_files import in_process
from dqa import ConvertConfig, convert
from dqa.calibration import float_outputs
from dqa.engine.host import HostModel
from dqa.frontend import load_model
from dqa.graph.execute import run
from dqa.program import read
from dqa.report import load_interface

pytestmark = pytest.mark.slow
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")


def dilated(x: Any) -> Any:
    layers = keras.layers
    x = layers.Conv1D(8, 1)(x)
    for dilation in (1, 2, 4):
        y = layers.Conv1D(8, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.Add()([x, layers.Conv1D(8, 3, padding="causal", dilation_rate=dilation, activation="relu")(y)])
    return layers.Conv1D(4, 1)(x)


def separable(x: Any) -> Any:
    layers = keras.layers
    x = layers.SeparableConv1D(8, 5, strides=2, padding="same", activation="relu")(layers.DepthwiseConv1D(3, padding="same")(x))
    return layers.Dense(3)(layers.GlobalAveragePooling1D()(x))


def pooled(x: Any) -> Any:
    layers = keras.layers
    x = layers.MaxPooling1D(2)(layers.Conv1D(8, 3, padding="same", activation="relu")(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(12, 7, strides=2)(x)))
    return layers.Dense(5, activation="softmax")(layers.Flatten()(layers.AveragePooling1D(2)(x)))


def grown(x: Any) -> Any:
    layers = keras.layers
    return layers.UpSampling1D(2)(layers.Conv1DTranspose(4, 4, strides=2, padding="same")(layers.ZeroPadding1D(1)(x)))


def strongest(x: Any) -> Any:
    return keras.layers.Dense(3)(keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(8, 3, activation="relu")(x)))


def joined(x: Any) -> Any:
    layers = keras.layers
    return layers.Concatenate(axis=1)([layers.Conv1D(4, 3, padding="same")(x), layers.Conv1D(4, 5, padding="same", activation="relu")(x)])


def then_an_image(x: Any) -> Any:
    layers = keras.layers
    x = layers.Reshape((20, 4, 2))(layers.Conv1D(8, 3, padding="same", activation="relu")(x))
    return layers.Dense(3)(layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(x)))


STEPS: dict[Callable[[Any], Any], int] = {dilated: 64, separable: 50, pooled: 128, grown: 20, strongest: 40, joined: 30, then_an_image: 20}


@pytest.mark.parametrize("network", STEPS, ids=lambda network: network.__name__)
def test_a_series_is_a_map_of_one_column_and_keeps_its_answers(
    network: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process(monkeypatch)
    keras.utils.set_random_seed(3)
    steps = STEPS[network]
    entry = keras.Input((steps, 3))
    model = keras.Model(entry, network(entry))
    model.save(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(40, steps, 3)).astype(np.float32)
    expected = np.asarray(model(x))

    loaded = load_model(tmp_path / "m.keras")
    maps = [tensor.hwc for tensor in loaded.graph.activations() if len(tensor.shape) == 3]
    assert maps and all(width == 1 for _, width, _ in maps)
    assert not any(tensor.hwc[0] == 1 and tensor.hwc[1] > 1 for tensor in loaded.graph.activations())
    np.testing.assert_allclose(float_outputs(loaded, x).reshape(expected.shape), expected, atol=1e-4)
    computed = run(loaded.graph, x)[loaded.graph.outputs[0]]
    np.testing.assert_allclose(computed.reshape(expected.shape), expected, atol=1e-4)

    np.savez(tmp_path / "x.npz", x=x)
    for config in (ConvertConfig(bits=8), ConvertConfig(ram="auto")):
        out = convert(tmp_path / "m.keras", tmp_path / "x.npz", tmp_path / "out", config).out
        interface, program = load_interface(out), (out / "model.dqa").read_bytes()
        found = interface.answers(HostModel(program).run(interface.inputs[0].to_bytes(x)).outputs, 0).reshape(expected.shape)
        assert np.mean((found - expected) ** 2) < 0.01 * expected.var(axis=0).mean()


def test_steps_of_a_dilated_stack_flow_through_rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    entry = keras.Input((200, 3))
    keras.Model(entry, dilated(entry)).save(tmp_path / "m.keras")
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(40, 200, 3)).astype(np.float32))
    out = convert(tmp_path / "m.keras", tmp_path / "x.npz", tmp_path / "out", ConvertConfig(ram="auto", push_rows=True)).out
    program = read((out / "model.dqa").read_bytes())
    rings = [edge for edge in program.edges if edge.ring_rows]
    assert len(rings) >= 7 and max(edge.ring_rows for edge in rings) <= 2 * 4 + 1 + 2 * 4  # what a kernel reaches, and a skip beside it
    assert program.pushed is not None and program.pushed.arena_size < 0.2 * sum(edge.values for edge in program.edges)


def test_a_series_that_is_not_alone_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of one row that the user made is one, and the model's ends keep their shapes."""
    in_process(monkeypatch)
    entry = keras.Input((1, 20, 3))
    keras.Model(entry, keras.layers.Conv2D(4, (1, 3))(entry)).save(tmp_path / "m.keras")
    graph = load_model(tmp_path / "m.keras").graph
    assert [tensor.hwc for tensor in graph.activations()] == [(1, 20, 3), (1, 18, 4)]
