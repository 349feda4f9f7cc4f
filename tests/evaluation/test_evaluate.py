"""What an evaluation makes of data, metrics and a target's figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import dqa
from dqa.data.dataset import Dataset
from dqa.device.evaluate import DeviceResult
from dqa.engine.tflm_host import UnavailableError
from dqa.errors import DataError, ModelError, RecipeError, ToolError
from dqa.evaluation import targets
from dqa.evaluation.evaluate import EvaluateResult
from dqa.evaluation.heads import Head
from dqa.evaluation.subject import Subject, model_inputs
from dqa.program import Interface, Port
from dqa.report import Identity
from dqa.support.progress import SilentProgress
from tflite_builder import Net

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


@pytest.mark.parametrize(
    ("dtype", "x", "says"),
    [
        ("uint8", np.array([0, 256], np.int16), "from 0 to 256, the model takes it as uint8, which holds 0 to 255 .* sample 1"),
        ("uint8", np.array([-1, 255], np.int64), "from -1 to 255, .* sample 0"),
        ("uint8", np.array([0, 70000], np.uint32), "from 0 to 70000, .* sample 1"),
        ("int8", np.array([0, 200], np.uint8), "as int8, which holds -128 to 127 .* sample 1"),
        ("int8", np.array([-129, 0], np.int16), "sample 0"),
        ("int8", np.array([0, 127.6], np.float32), "from 0 to 127.6"),
    ],
)
def test_numbers_that_the_type_of_the_input_cannot_hold_are_refused(dtype: str, x: npt.NDArray[np.generic], says: str) -> None:
    data = np.repeat(x, 6).reshape(2, 2, 1, 3)
    with pytest.raises(DataError, match=says) as caught:
        model_inputs(interface(1.0, 0.0, 1.0, 0.0, dtype), Dataset(data, None, None))
    assert "calibration" in caught.value.hint
    # where calibration chose the scale, as of other floats, what it did not see saturates
    _, inputs = model_inputs(interface(0.5, 0.0, 1.0, 0.0, "int8"), Dataset(data, None, None))
    assert {-128, 127} & set(inputs.view(np.int8).ravel().tolist())


@pytest.mark.parametrize("wide", [np.int16, np.uint16, np.int64, np.float16, np.float64])
def test_wider_types_that_hold_what_the_input_takes_give_the_same_bytes(wide: type[np.generic]) -> None:
    found = interface(0.25, 3.0, 0.25, 3.0, "uint8")
    pixels = np.array([0, 1, 127, 128, 254, 255] * 2, np.uint8).reshape(2, 2, 1, 3)
    _, narrow = model_inputs(found, Dataset(pixels, None, None))
    assert np.array_equal(model_inputs(found, Dataset(pixels.astype(wide), None, None))[1], narrow)
    assert np.array_equal(narrow.ravel(), pixels.ravel())


def result(**given: object) -> EvaluateResult:
    fixed = {"metric": "auc", "samples": 2, "target": "host", "stored_bits": 4.5, "outputs": np.zeros((2, 1), np.float32)}
    return EvaluateResult(**(fixed | {"value": None, "answers": [0.5, 1.0], "details": {}} | given))  # type: ignore[arg-type]


def test_what_a_target_cannot_give_is_absent() -> None:
    assert set(result().to_json()) == {"dqa", "metric", "samples", "target", "stored_bits", "answers"}
    given = result(value=0.5, agreement=(1, 2), ram={"static": 1, "stack": 2}).to_json()
    assert given["agreement"] == {"equal": 1, "of": 2}
    assert given["ram"] == {"static": 1, "stack": 2}


def subject(y: npt.NDArray[Any]) -> Subject:
    """Samples of three numbers with labels y, for a model of one input and one output."""
    x = np.zeros((len(y), 3), np.float32)
    port = Port("x", (3,), "int8", (1.0,), (0.0,))
    interface = Interface((port,), (port,), 1.0, 0.0, None)
    data = Dataset(x, y if y.ndim == 1 else None)
    return Subject(Path(), interface, Identity("", ""), (), b"", None, data, "", x, y.view(np.uint8), False)


@pytest.mark.parametrize("code", [None, 100])
def test_a_board_flashed_from_elsewhere_gives_no_flash_sizes(code: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = np.zeros((2, 4), np.uint8)
    device = DeviceResult(outputs, ram_static=10, stack=20, dropped_rows=0, flash_code=code, flash_model=code and 200, microseconds=1.5)
    monkeypatch.setattr("dqa.device.evaluate.run_samples", lambda *_given, **_options: device)
    run = targets.on_target(targets.parse("serial:x", None, None), subject(outputs), None, SilentProgress())
    found = result(**(run.measured or {})).to_json()
    assert found.get("flash") == (None if code is None else {"code": 100, "model": 200})
    assert ("instructions" in found, found["microseconds"], found["ram"]) == (False, 1.5, {"static": 10, "stack": 20})


def test_an_interpreter_that_fails_is_told_and_one_that_is_missing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a board with TFLite builtins must answer: without the wheel nobody knows, but a crash is not that."""
    mixed, place = replace(subject(np.zeros((2, 4), np.uint8)), program=None), targets.parse("sim:mps2_an386", "tflm", None)

    def fails(error: ToolError) -> None:
        def run(*_given: object) -> None:
            raise error

        monkeypatch.setattr(targets, "_on_tflm", run)

    fails(UnavailableError("not installed"))
    assert targets.on_host(place, mixed, None, SilentProgress()) is None
    fails(ToolError("died by signal 11"))
    with pytest.raises(ToolError, match="signal 11"):
        targets.on_host(place, mixed, None, SilentProgress())


def test_an_auc_of_one_class_is_left_out_of_a_limited_run_only() -> None:
    scores = np.arange(4, dtype=np.float32)[:, None]
    one_class = np.zeros(4, np.uint8)
    head, real = Head(0, "score", Dataset(scores, one_class), "auc"), np.zeros((4, 3), np.float32)
    assert head.value(scores, real, limited=True) is None
    with pytest.raises(DataError, match="both classes"):
        head.value(scores, real)
    with pytest.raises(DataError, match="labels 0 and 1"):
        replace(head, dataset=Dataset(scores, np.full(4, 7))).value(scores, real, limited=True)


def test_the_functions_take_paths_as_text(example_out: Path, noise_npz: Path, tmp_path: Path) -> None:
    found = dqa.evaluate(str(example_out), str(noise_npz), limit=3)
    assert (found.samples, found.target, len(found.answers)) == (3, "host", 3)
    with pytest.raises(ModelError, match="nowhere"):
        dqa.convert("nowhere.h5", str(noise_npz), str(tmp_path / "out"))


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted network of 3 outputs, in OUT; x.npy beside it."""
    folder = tmp_path_factory.mktemp("classes")
    net = Net(1, 5, seed=2)
    (folder / "m.tflite").write_bytes(net.build(net.dense(net.input, 3)))
    x = np.random.default_rng(0).normal(0, 1, (30, 5)).astype(np.float32)
    np.save(folder / "x.npy", x)
    np.savez(folder / "c.npz", x=x, y=np.array([{}], object))  # what is y is of no concern here
    dqa.convert(folder / "m.tflite", folder / "c.npz", folder / "out")
    return folder


def test_labels_of_every_form_give_the_same_accuracy(three_classes: Path, tmp_path: Path) -> None:
    x, numbers = np.load(three_classes / "x.npy"), np.random.default_rng(1).integers(0, 3, 30)
    names = np.array(["dog", "ant", "cat"])
    forms: list[dict[str, Any]] = [
        {"y": numbers},
        {"y": numbers[:, None]},
        {"y": np.eye(3)[numbers]},
        {"y": np.eye(3, dtype=bool)[numbers]},
    ]
    forms += [{"y": numbers.astype(str)}, {"y": names[numbers], "classes": names}]
    found = []
    for form in forms:
        np.savez(tmp_path / "x.npz", x=x, **form)
        result = dqa.evaluate(three_classes / "out", tmp_path / "x.npz")
        found.append((result.metric, result.value, result.float_value))
    assert len(set(found)) == 1 and found[0][0] == "top1"
    np.savez(tmp_path / "x.npz", x=x, y=names[numbers])  # in the order of the alphabet: other classes
    sorted_ = dqa.evaluate(three_classes / "out", tmp_path / "x.npz")
    assert sorted_.value == pytest.approx((sorted_.outputs.argmax(axis=1) == np.array([2, 0, 1])[numbers]).mean())


def test_samples_that_leave_the_calibrated_range_are_told(three_classes: Path, tmp_path: Path) -> None:
    x, y = np.load(three_classes / "x.npy"), np.zeros(30, int)
    np.savez(tmp_path / "same.npz", x=x, y=y)
    assert dqa.evaluate(three_classes / "out", tmp_path / "same.npz").notes == ()
    wider = x.copy()
    wider[:6, 0] = 100  # 6 of 150 values
    np.savez(tmp_path / "wider.npz", x=wider, y=y)
    (note,) = dqa.evaluate(three_classes / "out", tmp_path / "wider.npz").notes
    assert note.startswith("4.0% of the values of x are beyond")


def test_samples_beyond_float32_and_infinite_answers_are_refused(three_classes: Path, tmp_path: Path) -> None:
    for value, says in ((1e300, "beyond float32"), (3e38, "answers NaN or infinity")):
        np.savez(tmp_path / "x.npz", x=np.full((4, 5), value), y=np.zeros(4, int))
        with pytest.raises(DataError, match=says):
            dqa.evaluate(three_classes / "out", tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runtime": "standalone"}, "runtime has no effect with target host"),
        ({"tflm": Path("tree")}, "tflm has no effect with target host"),
        ({"target": "serial:P", "runtime": "tflm", "tflm": Path("tree")}, "tflm has no effect with target serial:P"),
        ({"target": "sim:B", "tflm": Path("tree")}, "tflm has no effect with runtime standalone"),
        ({"target": "sim:B", "runtime": "zephyr"}, "runtime: expected standalone or tflm"),
    ],
)
def test_an_option_without_effect_is_refused_before_anything_is_read(options: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        dqa.evaluate("nowhere", "nothing.npz", **options)
