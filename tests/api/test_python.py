"""The commands as functions: models and data in memory, a converted model as an object."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import dqa
from builders.firmware import needs_compiler, needs_qemu
from dqa.errors import DataError, InputError, ModelError, RecipeError
from tflite_builder import Net

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(40, 6)).astype(np.float32)
Y = RANDOM.integers(0, 3, 40)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = Net(1, 6, seed=3)
    path = tmp_path_factory.mktemp("api") / "m.tflite"
    path.write_bytes(net.build(net.dense(net.dense(net.input, 8), 3)))
    return path


@pytest.fixture(scope="module")
def model(network: Path) -> dqa.Converted:
    return dqa.convert(network, (X, Y))


def test_arrays_give_the_program_of_their_file(network: Path, model: dqa.Converted, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X, y=Y)
    of_file = dqa.convert(network, tmp_path / "x.npz", tmp_path / "out")
    assert of_file.program == model.program
    assert of_file.measured is not None and model.measured is not None
    assert of_file.measured.to_json() == model.measured.to_json()
    again = dqa.convert(network, (X, Y), recipe=model.out / "recipe.yaml")
    assert again.program == model.program
    with pytest.raises(RecipeError, match="another calibration file"):
        dqa.convert(network, X + 1, recipe=of_file.out / "recipe.yaml")


def test_answers_are_those_that_evaluation_measures(model: dqa.Converted) -> None:
    answers = model.predict(X)
    assert answers.shape == (40, 3) and answers.dtype == np.float32
    found = model.evaluate(X, Y)
    np.testing.assert_array_equal(answers, found.outputs)
    assert found.value == pytest.approx((answers.argmax(axis=1) == Y).mean())
    np.testing.assert_array_equal(dqa.predict(model, X[:2]), answers[:2])
    assert model.profile("host", X, 1).target == "host"


def test_the_c_is_exported(model: dqa.Converted, tmp_path: Path) -> None:
    result = model.export("arduino", tmp_path / "package")
    assert (result.place / "src" / "model.c").read_bytes() == (model.out / "src" / "model.c").read_bytes()
    with pytest.raises(RecipeError, match="got 'scons'"):
        model.export("scons")


def test_a_result_shows_itself(model: dqa.Converted) -> None:
    assert len(repr(model)) < 300 and "RAM" in repr(model) and "as float" in repr(model)
    page = ElementTree.fromstring(f"<div>{model._repr_html_()}</div>")
    text = " ".join(page.itertext())
    assert "RAM, input whole, bytes" in text and "flash, model, bytes" in text and "same answer as float" in text
    assert f"{model.report['flash']['program']:,}" in text


def test_a_temporary_directory_lives_as_long_as_its_result(network: Path, tmp_path: Path) -> None:
    short = dqa.convert(network, X, bits=4)
    place, program = short.out, short.program
    kept = short.save(tmp_path / "kept")
    assert place.is_dir()
    del short
    gc.collect()
    assert not place.parent.exists()
    assert kept.program == dqa.load(tmp_path / "kept").program == program
    assert kept.report == dqa.load(tmp_path / "kept").report
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").touch()
    with pytest.raises(InputError, match="not empty"):
        kept.save(tmp_path / "mine")
    with pytest.raises(InputError, match="no converted model"):
        dqa.load(tmp_path / "mine")


@pytest.mark.parametrize(
    ("given", "settings", "error", "says"),
    [
        ({"model": object()}, {}, ModelError, r"expected a Keras model, or a path: .*got builtins\.object"),
        ({"calibration": X[:, :4]}, {}, DataError, r"^calibration: x has samples of shape \(4,\), the model takes \(6,\)"),
        ({"calibration": X, "validation": X[:, :4]}, {}, DataError, r"^validation: x has samples"),
        ({"calibration": None}, {}, InputError, "calibration data is missing"),
        ({"calibration": X}, {"bit": 4}, RecipeError, "unknown key 'bit'"),
        ({"calibration": X}, {"bits": 99}, RecipeError, "bits: expected a number from 1 to 8, got 99"),
        ({"calibration": X, "config": dqa.ConvertConfig()}, {"bits": 4}, RecipeError, "settings are given twice"),
    ],
)
def test_what_does_not_fit_is_named(network: Path, given: dict[str, Any], settings: dict[str, Any], error: type, says: str) -> None:
    arguments: dict[str, Any] = {"model": network, "calibration": X} | given | settings
    with pytest.raises(error, match=says):
        dqa.convert(**arguments)


@pytest.mark.slow
@needs_compiler
@needs_qemu
def test_a_board_gives_the_answers_of_this_machine(model: dqa.Converted) -> None:
    assert model.build("mps2_an386").flash_model >= len(model.program)
    found = model.simulate("mps2_an386", X, Y, limit=3)
    assert found.agreement == (3, 3) and found.instructions
    assert dqa.build(model, "mps2_an386", bare=True).elf.is_relative_to(model.out)
