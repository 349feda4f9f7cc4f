"""What an evaluation makes of data, metrics and a target's figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dqa
from dqa import evaluation
from dqa.data import Dataset
from dqa.device.evaluate import DeviceResult
from dqa.errors import DataError, ModelError
from dqa.evaluation import EvaluateResult, model_inputs
from dqa.progress import SilentProgress
from dqa.report import Interface, Port

PIXELS = np.arange(-6, 6, dtype=np.int8).reshape(2, 2, 1, 3)


def interface(port_scale: float, port_zero_point: float, data_scale: float, data_zero_point: float, dtype: str = "int8") -> Interface:
    port = Port("x", (2, 1, 3), dtype, (port_scale,), (port_zero_point,))
    return Interface((port,), (), data_scale, data_zero_point, None)


@pytest.mark.parametrize(("scale", "zero_point"), [(0.25, 3.0), (1 / 255, 0.0), (1 / 127.5, 0.5)])
def test_data_of_the_device_s_type_and_scale_reach_it_as_they_are(scale: float, zero_point: float) -> None:
    real, inputs = model_inputs(interface(scale, zero_point, scale, zero_point), Dataset(PIXELS, None, None))
    assert np.array_equal(inputs.view(np.int8), PIXELS.reshape(2, -1))
    assert np.allclose(real, (PIXELS - zero_point) * scale)


def test_data_of_the_device_s_type_but_another_scale_are_scaled() -> None:
    # calibrated with float data, which got an int8 scale of 0.5 and zero point -2; now whole numbers come as int8
    found = interface(0.5, -2.0, 1.0, 0.0)
    _, inputs = model_inputs(found, Dataset(PIXELS, None, None))
    _, of_floats = model_inputs(found, Dataset(PIXELS.astype(np.float32), None, None))
    assert np.array_equal(inputs, of_floats)
    assert np.array_equal(inputs.view(np.int8), PIXELS.reshape(2, -1) * 2 - 2)


def result(**given: object) -> EvaluateResult:
    fixed = {"metric": "auc", "samples": 2, "target": "host", "stored_bits": 4.5, "outputs": np.zeros((2, 1), np.float32)}
    return EvaluateResult(**(fixed | {"value": None, "answers": [0.5, 1.0], "details": {}} | given))  # type: ignore[arg-type]


def test_what_a_target_cannot_give_is_absent() -> None:
    assert set(result().to_json()) == {"dqa", "metric", "samples", "target", "stored_bits", "answers"}
    given = result(value=0.5, agreement=(1, 2), ram={"static": 1, "stack": 2}).to_json()
    assert given["agreement"] == {"equal": 1, "of": 2}
    assert given["ram"] == {"static": 1, "stack": 2}


@pytest.mark.parametrize("code", [None, 100])
def test_a_board_flashed_from_elsewhere_gives_no_flash_sizes(code: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = np.zeros((2, 4), np.uint8)
    device = DeviceResult(outputs, ram_static=10, stack=20, dropped_rows=0, flash_code=code, flash_model=code and 200, microseconds=1.5)
    monkeypatch.setattr("dqa.device.evaluate.run_samples", lambda *_given, **_options: device)
    run = evaluation._on_device(Path(), "serial:x", "standalone", None, False, outputs, None, SilentProgress())
    found = result(**(run.measured or {})).to_json()
    assert found.get("flash") == (None if code is None else {"code": 100, "model": 200})
    assert ("instructions" in found, found["microseconds"], found["ram"]) == (False, 1.5, {"static": 10, "stack": 20})


def test_an_auc_of_one_class_is_left_out_of_a_limited_run_only() -> None:
    scores = np.arange(4, dtype=np.float32)[:, None]
    inputs = np.zeros((4, 3), np.float32)
    one_class = Dataset(inputs, np.zeros(4, np.uint8), None)
    assert evaluation._value("auc", scores, one_class, inputs, limit=4) is None
    with pytest.raises(DataError, match="both classes"):
        evaluation._value("auc", scores, one_class, inputs, limit=None)
    with pytest.raises(DataError, match="labels 0 and 1"):
        evaluation._value("auc", scores, Dataset(inputs, np.full(4, 7), None), inputs, limit=4)


def test_the_functions_take_paths_as_text(example_out: Path, noise_npz: Path) -> None:
    found = dqa.evaluate(str(example_out), str(noise_npz), limit=3)
    assert (found.samples, found.target, len(found.answers)) == (3, "host", 3)
    with pytest.raises(ModelError, match="nowhere"):
        dqa.convert("nowhere.h5", str(noise_npz), "out")
