"""Several outputs, each with labels and a metric of its own: data, conversion, evaluation, report, commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.cli import Shell
from dqa import ConvertConfig, convert, evaluate
from dqa.calibration import float_outputs
from dqa.data.dataset import DataFile
from dqa.errors import DataError, RecipeError
from dqa.frontend import load_model
from tflite_builder import Net

X = np.random.default_rng(5).normal(size=(48, 8)).astype(np.float32)
NAMES = ("t3", "t6")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a network with four classes and two real numbers; data.npz with its float answers as labels of each output."""
    directory = tmp_path_factory.mktemp("outputs")
    net = Net(1, 8)
    (directory / "m.tflite").write_bytes(net.build(net.dense(net.input, 4), net.dense(net.input, 2)))
    model = load_model(directory / "m.tflite")
    classes, numbers = (float_outputs(model, X, output=i) for i in (0, 1))
    np.savez(directory / "data.npz", x=X, y0=classes.argmax(axis=1), y1=numbers)
    found = convert(directory / "m.tflite", directory / "data.npz", directory / "out")
    assert tuple(found.measured.outputs) == NAMES if found.measured else False
    return directory


def labels(place: Path) -> dict[str, Any]:
    with np.load(place / "data.npz") as data:
        return dict(data)


def test_each_output_has_a_metric_by_its_labels(place: Path) -> None:
    found = evaluate(place / "out", place / "data.npz")
    assert [(name, one.metric) for name, one in found.by_output.items()] == [(NAMES[0], "top1"), (NAMES[1], "mse")]
    first, second = found.by_output.values()
    assert first.float_value == 1.0 and second.float_value == pytest.approx(0, abs=1e-10)
    assert first.value is not None and first.value > 0.9 and second.value is not None and 0 < second.value < 0.01
    assert (found.metric, found.value, found.output) == ("top1", first.value, NAMES[0]) and found.each == (first, second)
    assert first.outputs.shape == (48, 4) and second.outputs.shape == (48, 2)
    rows = found.to_json()["outputs"]
    assert [row["output"] for row in rows] == list(NAMES) and rows[1]["value"] == second.value and len(rows[1]["answers"]) == 48
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert [row["metric"] for row in report["evaluations"][-1]["outputs"]] == ["top1", "mse"]
    page = (place / "out" / "report.html").read_text(encoding="utf-8")
    assert f"<td>{NAMES[0]}: top1</td>" in page and f"<td>{NAMES[1]}: mse</td>" in page


def test_what_was_measured_at_conversion_has_them_too(place: Path) -> None:
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    first, second = report["measured"]["outputs"]
    assert (first["metric"], second["metric"]) == ("top1", "mse") and first["dqa"]["metric"] > 0.7
    assert second["float_value"] == pytest.approx(0, abs=1e-10) and second["dqa"]["metric"] > 0


def test_one_output_alone_is_measured_by_its_name(place: Path) -> None:
    found = evaluate(place / "out", place / "data.npz", output=NAMES[1])
    assert (found.metric, found.output, found.by_output) == ("mse", NAMES[1], {}) and "outputs" not in found.to_json()


def test_labels_may_have_the_names_of_the_outputs_and_be_of_some(place: Path, tmp_path: Path) -> None:
    given = labels(place)
    np.savez(tmp_path / "d.npz", x=X, **{NAMES[1]: given["y1"]})
    found = evaluate(place / "out", tmp_path / "d.npz")
    assert (found.output, found.metric, found.by_output) == (NAMES[1], "mse", {})
    np.savez(tmp_path / "d.npz", x=X, **{NAMES[0]: given["y0"], "y1": given["y1"]})
    assert list(evaluate(place / "out", tmp_path / "d.npz").by_output) == list(NAMES)


def test_each_output_has_names_of_its_classes(place: Path, tmp_path: Path) -> None:
    names, given = np.array(["a", "b", "c", "d"]), labels(place)
    np.savez(tmp_path / "d.npz", x=X, y0=names[given["y0"]], classes0=names[::-1], y1=given["y1"])
    first = evaluate(place / "out", tmp_path / "d.npz").by_output[NAMES[0]]
    assert first.classes is not None and first.classes.names == ("d", "c", "b", "a") and first.float_value is not None
    assert first.float_value < 0.5  # the list says that output 0 is d


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"y": "y0", "y1": "y1"}, "holds 'y' and 'y1'"),
        ({"y0": "y0", NAMES[0]: "y0"}, f"'y0' and '{NAMES[0]}' are labels of the same output"),
        ({"y0": "y1"}, f"output '{NAMES[0]}': labels of shape"),
    ],
)
def test_labels_that_fit_no_output_are_refused(given: dict[str, str], says: str, place: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, **{key: labels(place)[of] for key, of in given.items()})
    with pytest.raises(DataError) as caught:
        evaluate(place / "out", tmp_path / "d.npz")
    assert says in caught.value.message


def test_a_metric_of_each_output_may_be_named(place: Path, tmp_path: Path) -> None:
    one_hot = np.eye(4)[labels(place)["y0"]]
    np.savez(tmp_path / "d.npz", x=X, y0=one_hot, y1=labels(place)["y1"])
    assert [one.metric for one in evaluate(place / "out", tmp_path / "d.npz", metric={"y0": "mse"}).each] == ["mse", "mse"]
    with pytest.raises(RecipeError, match="no output 'y2'"):
        evaluate(place / "out", place / "data.npz", metric={"y2": "mse"})
    with pytest.raises(RecipeError, match="given twice"):
        evaluate(place / "out", place / "data.npz", metric={"y0": "top1", NAMES[0]: "top1"})
    with pytest.raises(RecipeError, match="no output 'z'"):
        convert(place / "m.tflite", place / "data.npz", tmp_path / "out", ConvertConfig(metric={"z": "mse"}))


def test_samples_are_parted_with_the_labels_of_each_output(place: Path) -> None:
    whole = DataFile(place / "data.npz", outputs=NAMES).load()
    part = whole.skip(10).take(5).of_output(1, NAMES[1])
    assert part.y is not None and np.array_equal(part.y, labels(place)["y1"][10:15]) and len(part) == 5


def test_the_command_shows_a_row_for_each(place: Path, dqa: Shell, tmp_path: Path) -> None:
    done = dqa("evaluate", place / "out", "--data", place / "data.npz", "--metric", f"{NAMES[0]}=top1,y1=mse")
    assert (
        done.code == 0 and f"{NAMES[0]}: top1" in done.out and f"{NAMES[1]}: mse" in done.out and f"{NAMES[1]}: answered worst" in done.out
    )
    again = dqa("evaluate", place / "out", "--data", place / "data.npz", "--metric", "top1", "--metric", "mse", "--quiet")
    assert again.code == 0 and len(again.out.split()) == 2
    ways = {"top1,y1=mse": "some have a name", "y0=top1,y0=mse": "twice", "best": "expected top1", "y2=mse": "no output 'y2'"}
    for given, says in ways.items():
        assert says in dqa.refuses("evaluate", place / "out", "--data", place / "data.npz", "--metric", given, "--quiet").err
    error = dqa.refuses("evaluate", place / "out", "--data", place / "data.npz", "--min-accuracy", "0.5", "--quiet").err
    assert f"that of '{NAMES[1]}'" in error and "--output" in error
    out = tmp_path / "out"
    assert dqa("convert", place / "m.tflite", "--calibration", place / "data.npz", "--metric", "y0=top1", "-o", out, "--quiet").code == 0
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["interface"]["metric"] == {"y0": "top1"}
    assert [one.metric for one in evaluate(out, place / "data.npz").each] == ["top1", "mse"]


def test_two_inputs_and_two_outputs_run_on_a_simulated_board(tmp_path: Path) -> None:
    """A map of bytes and a vector of real numbers; a class and two numbers: each output is measured, all bytes are the host's."""
    random = np.random.default_rng(6)
    net = Net(1, 9, 9, 2)
    image, vector = net.dense(net.conv(net.input, 6, stride=2, activation="RELU"), 8), net.dense(net.another_input(1, 5), 8)
    joined = net.unary("RELU", net.binary("ADD", image, vector))
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(joined, 4), net.dense(joined, 2)))
    data: dict[str, Any] = {
        "x0": random.integers(0, 256, (40, 9, 9, 2)).astype(np.uint8),
        "x1": random.normal(size=(40, 5)).astype(np.float32),
    }
    model = load_model(tmp_path / "m.tflite")
    real = np.concatenate([data["x0"].reshape(40, -1).astype(np.float32) / 255, data["x1"]], axis=1)
    answers = [float_outputs(model, real, output=i) for i in (0, 1)]
    np.savez(tmp_path / "x.npz", **data, y0=answers[0].argmax(axis=1), y1=answers[1])
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", ConvertConfig(input_scale={"x0": 1 / 255})).out
    host = evaluate(out, tmp_path / "x.npz", limit=3)
    found = evaluate(out, tmp_path / "x.npz", "sim:mps2_an386", limit=3)
    assert found.agreement == (3, 3)
    assert [(one.metric, one.float_value) for one in found.each] == [("top1", 1.0), ("mse", pytest.approx(0, abs=1e-9))]
    for board, ours in zip(found.each, host.each, strict=True):
        assert board.value == ours.value and np.array_equal(board.outputs, ours.outputs)
