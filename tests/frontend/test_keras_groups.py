"""GroupNormalization, and what takes parts of tensors: as Keras computes them, and standalone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.keras_files import in_process
from dqa.calibration import float_outputs
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.lowering.supported import why_not

pytestmark = pytest.mark.slow
keras = pytest.importorskip("keras")


def normalized(*args: Any, **options: Any) -> Any:
    return keras.layers.GroupNormalization(*args, gamma_initializer="random_normal", beta_initializer="random_normal", **options)


NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "groups of maps": ((6, 5, 8), lambda x: normalized(4)(x)),
    "each channel alone": ((6, 5, 4), lambda x: normalized(-1, center=False)(x)),
    "all of a series": ((9, 6), lambda x: normalized(1, scale=False)(x)),
    "of a vector": ((12,), lambda x: normalized(3, epsilon=0.01)(x)),
    "gates": ((6, 5, 8), lambda x: keras.activations.glu(keras.activations.threshold(x, 0.3, 0.1))),
    "parts": ((9, 6), lambda x: keras.layers.Conv1D(3, 1)(x[:, 1:-1:2, 2:])),
    "products of series": ((9, 6), lambda x: keras.layers.Dot((2, 2))([keras.layers.Conv1D(4, 3)(x), keras.layers.Conv1D(4, 5)(x)])),
    "halves": ((12,), lambda x: keras.ops.multiply(*keras.ops.split(x, 2, axis=-1))),
    "where": ((12,), lambda x: keras.ops.where(x > 0, x, 0.1 * x)),
    "last": ((9, 6), lambda x: keras.layers.Dense(3)(x[:, -1])),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_it_is_what_keras_computes(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    shape, layer = NETWORKS[case]
    start = keras.Input(shape)
    model = keras.Model(start, layer(start))
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert not [found for op in loaded.graph.ops if (found := why_not(loaded.graph, op))]
    x = np.random.default_rng(1).normal(0.5, 2, (4, *shape)).astype(np.float32)
    np.testing.assert_allclose(float_outputs(loaded, x), model.predict(x, verbose=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("keepdims", [False, True])
def test_an_argmax_at_the_end_leaves_the_scores(keepdims: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    start = keras.Input((6,))
    model = keras.Model(start, keras.ops.argmax(keras.layers.Dense(3)(start), axis=-1, keepdims=keepdims))
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert loaded.graph.argmax == (0,)
    x = np.random.default_rng(1).normal(0, 2, (9, 6)).astype(np.float32)
    assert float_outputs(loaded, x).argmax(axis=-1).tolist() == model.predict(x, verbose=0).ravel().tolist()


def test_groups_of_another_axis_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    keras.Sequential([keras.Input((6, 5, 8)), keras.layers.GroupNormalization(2, axis=1)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"'group_normalization.*axis 1"):
        load_model(tmp_path / "m.keras")


def test_a_model_that_keras_cannot_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(8, activation="glu"), keras.layers.Dense(3)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"Keras cannot run it: .*axis -1 of input shape to have value 8"):
        load_model(tmp_path / "m.keras")
