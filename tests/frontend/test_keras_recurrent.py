"""Recurrent layers of Keras files are read whole, and give Keras's numbers; what has no counterpart is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.graphs import samples
from builders.keras_files import in_process, keras_2_layer, write_h5
from dqa.calibration import float_outputs
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.graph.execute import run

pytestmark = pytest.mark.slow
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

STEPS, CHANNELS = 7, 3


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)


def loaded(layers: list[Any], place: Path) -> tuple[Any, Any]:
    """A Keras model with biases other than 0, and the model that dqa reads from its file."""
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((STEPS, CHANNELS)), *layers])
    for weight in model.weights:
        weight.assign(weight + np.random.default_rng(1).normal(0, 0.3, weight.shape))
    model.save(place / "m.keras")
    return model, load_model(place / "m.keras")


def check(layers: list[Any], place: Path) -> list[str]:
    """The kinds of a network whose numbers are Keras's, in numpy and in LiteRT."""
    model, found = loaded(layers, place)
    x = samples(found.graph, 5)
    expected = np.asarray(model(x))
    np.testing.assert_allclose(run(found.graph, x)[found.graph.outputs[0]].reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(float_outputs(found, x).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    return [op.kind for op in found.graph.ops]


@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_a_layer_at_its_defaults(kind: str, tmp_path: Path) -> None:
    make = getattr(keras.layers, kind)
    mark = {"SimpleRNN": "KERAS_RNN"}.get(kind, f"KERAS_{kind}")
    assert check([make(5, return_sequences=True), make(4)], tmp_path) == [mark, mark]


@pytest.mark.parametrize(
    "options",
    [
        {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
        {"use_bias": False, "activation": "relu"},
        {"reset_after": False, "use_bias": False, "dropout": 0.2, "recurrent_dropout": 0.1, "unroll": True},
    ],
    ids=str,
)
def test_options_of_a_gru(options: dict[str, Any], tmp_path: Path) -> None:
    assert check([keras.layers.GRU(5, **options)], tmp_path) == ["KERAS_GRU"]


def test_layers_that_read_steps_backwards(tmp_path: Path) -> None:
    layers = keras.layers
    assert check([layers.GRU(4, go_backwards=True, return_sequences=True)], tmp_path) == ["REVERSE_V2", "KERAS_GRU"]
    stacked = [layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.Bidirectional(layers.SimpleRNN(3), merge_mode="sum")]
    assert sorted(check(stacked, tmp_path)) == sorted([*["REVERSE_V2"] * 3, *["KERAS_LSTM", "KERAS_RNN"] * 2, "CONCATENATION", "ADD"])


def test_a_network_around_them(tmp_path: Path) -> None:
    layers = keras.layers
    net = [layers.Conv1D(4, 3, activation="relu", padding="causal"), layers.BatchNormalization(), layers.GRU(5, return_sequences=True)]
    kinds = check([*net, layers.Dense(4, activation="relu"), layers.LSTM(4), layers.Dense(3, activation="softmax")], tmp_path)
    assert {"KERAS_GRU", "KERAS_LSTM"} < set(kinds)


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    """Its layers hold options that Keras 3 does not know."""
    off = dict.fromkeys(("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major"), False)
    plain: dict[str, Any] = {"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "implementation": 2, "dropout": 0.0}
    plain |= {"use_bias": True, **off}
    layer = keras_2_layer("GRU", "gru", batch_input_shape=[None, STEPS, CHANNELS], reset_after=True, recurrent_dropout=0.0, **plain)
    shapes = ((CHANNELS, 12), (4, 12), (2, 12))
    weights = [np.random.default_rng(i).normal(0, 0.5, shape).astype(np.float32) for i, shape in enumerate(shapes)]
    path = write_h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}, {"gru": weights})
    found = load_model(path)
    model = keras.Sequential([keras.Input((STEPS, CHANNELS)), keras.layers.GRU(4)])
    model.set_weights(weights)
    x = samples(found.graph, 2)
    np.testing.assert_allclose(float_outputs(found, x), np.asarray(model(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda layers: layers.LSTM(3, name="suspect", activation="gelu"), "has the activation 'gelu'"),
        (lambda layers: layers.GRU(3, name="suspect", recurrent_activation="relu"), "has the recurrent_activation 'relu'"),
        (lambda layers: layers.GRU(3, name="suspect", stateful=True), "is stateful"),
        (lambda layers: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], name="suspect"), "RNN"),
        (lambda layers: layers.RNN(layers.GRUCell(2), name="suspect"), "RNN"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(make: Any, said: str, tmp_path: Path) -> None:
    keras.Sequential([keras.Input(batch_shape=(1, STEPS, CHANNELS)), make(keras.layers)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="suspect") as refused:
        load_model(tmp_path / "m.keras")
    assert said in refused.value.message
    assert refused.value.hint


def refused(answer: Any, entry: Any, place: Path) -> str:
    keras.Model(entry, answer).save(place / "m.keras")
    with pytest.raises(ModelError, match="suspect") as error:
        load_model(place / "m.keras")
    return error.value.message


def test_states_that_leave_a_layer_or_come_into_it_are_refused(tmp_path: Path) -> None:
    layers, entry = keras.layers, keras.Input((STEPS, CHANNELS))
    state = layers.Dense(3)(layers.GlobalAveragePooling1D()(entry))
    assert "gives its state" in refused(layers.GRU(3, return_state=True, name="suspect")(entry)[0], entry, tmp_path)
    assert "begins with a state" in refused(layers.GRU(3, name="suspect")(entry, initial_state=state), entry, tmp_path)
    both = layers.Bidirectional(layers.GRU(3), name="suspect")(entry, initial_state=[state, state])
    assert "begins with a state" in refused(both, entry, tmp_path)


def test_masked_steps_are_refused(tmp_path: Path) -> None:
    layers = [keras.layers.Embedding(9, 4, mask_zero=True, name="suspect"), keras.layers.GRU(3)]
    keras.Sequential([keras.Input((STEPS,)), *layers]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"'suspect' .* masks steps"):
        load_model(tmp_path / "m.keras")


def test_the_hard_sigmoid_of_keras_2_is_refused(tmp_path: Path) -> None:
    layer = keras_2_layer("LSTM", "suspect", batch_input_shape=[None, 4, 2], units=3, recurrent_activation="hard_sigmoid", implementation=1)
    path = write_h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}, {})
    with pytest.raises(ModelError, match=r"'suspect'.*hard_sigmoid of Keras 2"):
        load_model(path)
