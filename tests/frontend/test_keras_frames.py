"""TimeDistributed over frames: used once for each, as Keras computes it, frames one below the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dqa
from builders.keras_files import in_process
from dqa import ConvertConfig, convert
from dqa.calibration import float_outputs
from dqa.errors import DataError, ModelError
from dqa.frontend import load_model
from dqa.lowering.supported import why_not

pytestmark = pytest.mark.slow
keras = pytest.importorskip("keras")


def each(layer: Any) -> Any:
    return keras.layers.TimeDistributed(layer)


def layers(x: Any) -> Any:
    """One after the other: what is between them is never put together."""
    own = keras.layers
    x = each(own.MaxPooling2D())(each(own.Conv2D(4, 3, padding="same", activation="relu"))(x))
    x = own.Dropout(0.5)(each(own.BatchNormalization())(x))
    return own.Dense(3)(own.GRU(4)(each(own.Dense(5))(each(own.Flatten())(x))))


def network(x: Any) -> Any:
    own = keras.layers
    inner = keras.Sequential([own.Conv2D(4, 3, strides=2), own.ReLU(), own.GlobalAveragePooling2D(), own.Dense(6)])
    return own.Conv1D(2, 3)(each(inner)(x))


def lines(x: Any) -> Any:
    own = keras.layers
    return own.Dense(3)(own.Flatten()(each(own.GlobalMaxPooling1D())(each(own.Conv1D(5, 3))(x))))


def all_at_once(x: Any) -> Any:
    """What the frames give is read as a whole, in five dimensions."""
    return keras.layers.Dense(3)(keras.layers.Flatten()(each(keras.layers.Conv2D(3, 3))(x)))


CASES: list[tuple[Callable[[Any], Any], tuple[int, ...], tuple[int, ...]]] = [
    (layers, (3, 6, 6, 2), (18, 6, 2)),
    (all_at_once, (3, 5, 6, 2), (15, 6, 2)),
    (network, (20, 5, 7, 2), (100, 7, 2)),
    (lines, (4, 8, 3), (4, 8, 3)),
]


def save(build: Callable[[Any], Any], shape: tuple[int, ...], path: Path) -> Any:
    start = keras.Input(shape)
    model = keras.Model(start, build(start))
    model.save(path)
    return model


@pytest.mark.parametrize(("build", "shape", "seen"), CASES)
def test_it_is_what_keras_computes(
    build: Callable[[Any], Any], shape: tuple[int, ...], seen: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process(monkeypatch)
    model = save(build, shape, tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert loaded.entries.shape == (1, *seen)
    assert not [found for op in loaded.graph.ops if (found := why_not(loaded.graph, op))]
    x = np.random.default_rng(1).normal(0.5, 2, (4, *shape)).astype(np.float32)
    np.testing.assert_allclose(float_outputs(loaded, x.reshape(4, *seen)), model.predict(x, verbose=0), rtol=1e-4, atol=1e-4)


def test_the_host_answers_as_keras_and_weights_are_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    sizes = []
    for frames in (3, 9):
        model, x = save(network, (frames, 5, 7, 2), tmp_path / "m.keras"), np.random.default_rng(0).normal(0, 1, (48, frames, 5, 7, 2))
        np.savez(tmp_path / "x.npz", x=x.astype(np.float32).reshape(48, -1, 7, 2))
        config = ConvertConfig(maps="planes", bits=8, extra_bits=0)
        out = convert(tmp_path / "m.keras", tmp_path / "x.npz", tmp_path / f"out{frames}", config).out
        expected = model.predict(x, verbose=0)
        got = np.asarray(dqa.load(out).predict(x.astype(np.float32).reshape(48, -1, 7, 2))).reshape(expected.shape)
        assert np.sqrt(np.mean((got - expected) ** 2)) < 0.05 * expected.std()
        sizes.append((out / "model.dqa").stat().st_size)
    assert sizes[1] < 3 * sizes[0]


def test_frames_that_lie_otherwise_are_refused_with_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    save(layers, (3, 6, 6, 2), tmp_path / "m.keras")
    np.savez(tmp_path / "x.npz", x=np.zeros((8, 3, 6, 6, 2), np.float32))
    with pytest.raises(DataError) as caught:
        convert(tmp_path / "m.keras", tmp_path / "x.npz", tmp_path / "out")
    assert "x.reshape(-1, 18, 6, 2)" in caught.value.hint


def test_more_frames_than_a_program_should_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    save(lines, (80, 8, 3), tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"'time_distributed.*80 steps.*at most 64"):
        load_model(tmp_path / "m.keras")
