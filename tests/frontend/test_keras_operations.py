"""Operations that a Keras model calls without a layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.keras_files import in_process
from dqa.calibration import float_outputs
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.frontend.keras_config import check_config


def test_they_compute_what_keras_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    in_process(monkeypatch)
    ops, (a, b) = keras.ops, (keras.Input((6, 6, 4)), keras.Input((6, 6, 4)))
    parts = [ops.abs(a - b) * 2.0 + ops.square(a) / 3.0, ops.relu(-a), ops.maximum(a, b), ops.clip(a, -1, 1), ops.exp(-ops.square(b))]
    x = keras.layers.Conv2D(6, 3)(ops.concatenate([*parts, ops.gelu(b), ops.sqrt(ops.abs(a) + 1.0)], axis=-1))
    ends = ops.softmax(ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, 96))), ops.sigmoid(ops.mean(x, axis=(1, 2)))
    model = keras.Model([a, b], list(ends))
    model.save(tmp_path / "m.keras")
    given = np.random.default_rng(3).normal(size=(2, 5, 6, 6, 4)).astype(np.float32)
    loaded, together = load_model(tmp_path / "m.keras"), np.concatenate([part.reshape(5, -1) for part in given], axis=1)
    for place, expected in enumerate(model.predict([*given], verbose=0)):
        np.testing.assert_allclose(float_outputs(loaded, together, output=place), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "module"), [("Absolute", "other.ops"), ("Absolute", None), ("Map", "keras.src.ops.core")])
def test_others_are_refused_by_name(name: str, module: str | None) -> None:
    item = {"class_name": name, "module": module, "config": {"name": "x"}}
    with pytest.raises(ModelError, match=name):
        check_config({"class_name": "Functional", "config": {"name": "m", "layers": [item]}}, "m.keras")
