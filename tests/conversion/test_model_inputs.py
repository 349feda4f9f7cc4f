"""Several inputs: each with data, scale and zero point of its own, from the file to the board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.cli import Shell
from builders.keras_files import in_process
from dqa import ConvertConfig, convert, evaluate
from dqa.calibration import float_outputs
from dqa.conversion import recipe
from dqa.engine.host import HostModel
from dqa.errors import DqaError
from dqa.evaluation import subject
from dqa.frontend import load_model
from dqa.report import load_interface
from tflite_builder import Net

RANDOM = np.random.default_rng(4)
IMAGES = RANDOM.integers(0, 256, (40, 9, 9, 2)).astype(np.uint8)
FEATURES = (RANDOM.normal(size=(40, 5)) * [1, 8, 1, 1, 1]).astype(np.float32)
DATA = {"x0": IMAGES, "x1": FEATURES}
SCALED = ConvertConfig(input_scale={"x0": 1 / 255})


def two_inputs(path: Path) -> Path:
    """A map and a vector, joined."""
    net = Net(1, 9, 9, 2)
    vector = net.another_input(1, 5)
    a, b = net.dense(net.conv(net.input, 6, stride=2, activation="RELU"), 4), net.dense(vector, 4)
    path.write_bytes(net.build(net.dense(net.binary("ADD", a, b, "RELU"), 3)))
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("inputs")
    np.savez(place / "x.npz", **DATA, y=RANDOM.integers(0, 3, 40))  # type: ignore[arg-type]
    return convert(two_inputs(place / "m.tflite"), place / "x.npz", place / "out", SCALED).out


def test_each_input_has_the_type_and_the_scale_of_its_data(converted: Path) -> None:
    interface = load_interface(converted)
    image, vector = interface.inputs
    assert (image.dtype, image.shape, vector.dtype, vector.shape) == ("uint8", (9, 9, 2), "int8", (5,))
    assert image.scale == pytest.approx((1 / 255,)) and len(vector.scale) == 5  # features of unlike ranges
    assert interface.data_scale == {"x0": 1 / 255}


def test_the_program_answers_what_the_float_network_does(converted: Path) -> None:
    found = subject.load(converted, converted.parent / "x.npz", None, None, None)
    assert found.inputs.shape == (40, IMAGES[0].size + 5)
    np.testing.assert_array_equal(found.inputs[:, : IMAGES[0].size], IMAGES.reshape(40, -1))
    expected = float_outputs(load_model(converted / "float.tflite"), found.real)
    assert found.program is not None
    got = found.interface.answers(HostModel(found.program).run(found.inputs).outputs, 0)
    assert 10 * np.log10(np.var(expected) / np.mean((got - expected) ** 2)) > 15


def test_a_recipe_gives_the_same_bytes(converted: Path, tmp_path: Path) -> None:
    assert recipe.load(converted / "recipe.yaml").config.input_scale == {"x0": 1 / 255}
    sources = converted.parent / "m.tflite", converted.parent / "x.npz"
    again = convert(*sources, tmp_path / "out", recipe=converted / "recipe.yaml").out
    assert (again / "model.dqa").read_bytes() == (converted / "model.dqa").read_bytes()


def test_a_simulated_board_answers_as_the_host(converted: Path) -> None:
    result = evaluate(converted, converted.parent / "x.npz", "sim:mps2_an386", limit=3)
    assert result.agreement == (3, 3)


@pytest.mark.parametrize(
    ("data", "scale", "says"),
    [
        ({"x": IMAGES}, 1.0, "no array 'x0'"),
        ({"x0": IMAGES}, 1.0, "no array 'x1'"),
        ({"x0": IMAGES, "x1": FEATURES[:7]}, 1.0, "differ in their number of samples: x0 40, x1 7"),
        ({"x0": FEATURES, "x1": IMAGES}, 1.0, "x0 has samples of shape"),
        ({"x0": IMAGES, "x1": FEATURES * np.nan}, 1.0, "x1 holds NaN"),
        (DATA, {"x2": 1.0}, "no input 'x2'"),
        (DATA, {"x1": (1.0, 2.0)}, "input scale has 2 numbers"),
        (DATA, (1.0, 2.0), "of which input"),
    ],
)
def test_what_does_not_fit_is_refused(data: dict[str, Any], scale: Any, says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **data)
    with pytest.raises(DqaError, match=says):
        convert(two_inputs(tmp_path / "m.tflite"), tmp_path / "x.npz", tmp_path / "out", ConvertConfig(input_scale=scale))


def test_rows_are_pushed_into_one_input_only(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(DqaError, match="cannot be pushed"):
        convert(two_inputs(tmp_path / "m.tflite"), converted.parent / "x.npz", tmp_path / "out", ConvertConfig(push_rows=True))


def test_options_name_inputs_or_come_in_order(dqa: Shell, converted: Path, tmp_path: Path) -> None:
    given: list[str | Path] = [
        "convert",
        two_inputs(tmp_path / "m.tflite"),
        "--calibration",
        converted.parent / "x.npz",
        "--bits",
        "4",
        "-o",
        tmp_path / "out",
    ]
    assert dqa(*given, "--input-scale", "1/255", "--input-scale", "1").code == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["interface"]["data_scale"] == {"x0": 1 / 255, "x1": 1}
    refused = dqa(*given, "--input-scale", "x0=1/255", "--input-scale", "1")
    assert refused.code == 2 and "some have a name" in refused.err


def test_a_keras_model_keeps_the_order_and_the_names_of_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two uses of one tower: what it answers tells its inputs apart."""
    keras = pytest.importorskip("keras")
    in_process(monkeypatch)
    tower = keras.Sequential([keras.Input((8, 3)), keras.layers.Conv1D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling1D()])
    right, left = keras.Input((8, 3), name="right"), keras.Input((8, 3), name="left")
    joined = keras.layers.Dense(2)(keras.layers.Concatenate()([tower(right), tower(left)]))
    siamese = keras.Model([right, left], joined)
    siamese.save(tmp_path / "m.keras")
    model = load_model(tmp_path / "m.keras")
    assert [entry.name for entry in model.entries.items] == ["right", "left"]
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)
    together = np.concatenate([x[0].reshape(6, -1), x[1].reshape(6, -1)], axis=1)
    np.testing.assert_allclose(float_outputs(model, together), siamese.predict([*x], verbose=0), atol=1e-5)
