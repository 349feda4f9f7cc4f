"""Bad input to the commands: one error line, exit code 2, no traceback, and nothing of the file is executed."""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.cli import Shell
from builders.firmware import needs_compiler

needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="reading Keras files needs TensorFlow")


# Models


def truncated_h5(path: Path, example: Path) -> Path:
    path = path / "model.h5"
    path.write_bytes(example.read_bytes()[:100_000])
    return path


def h5_that_ends_early(path: Path, example: Path) -> Path:
    path = path / "model.h5"
    path.write_bytes(example.read_bytes()[:-1000])
    return path


def text_named_h5(path: Path, example: Path) -> Path:
    path = path / "model.h5"
    path.write_text("this is not HDF5\n" * 100)
    return path


def empty_h5(path: Path, example: Path) -> Path:
    path = path / "model.h5"
    path.touch()
    return path


def missing_h5(path: Path, example: Path) -> Path:
    return path / "model.h5"


def keras_without_archive(path: Path, example: Path) -> Path:
    path = path / "model.keras"
    path.write_bytes(b"PK\x03\x04" + bytes(200))
    return path


def keras_without_config(path: Path, example: Path) -> Path:
    path = path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return path


def directory_without_model(path: Path, example: Path) -> Path:
    path = path / "saved"
    path.mkdir()
    return path


def noise_tflite(path: Path, example: Path) -> Path:
    path = path / "model.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(2000))
    return path


def data_for_a_model(path: Path, example: Path) -> Path:
    path = path / "data.npz"
    np.savez(path, x=IMAGES)
    return path


def unknown_suffix(path: Path, example: Path) -> Path:
    path = path / "model.pth"
    path.write_bytes(bytes(100))
    return path


@needs_tensorflow
@pytest.mark.parametrize(
    "make",
    [
        truncated_h5,
        h5_that_ends_early,
        text_named_h5,
        empty_h5,
        missing_h5,
        keras_without_archive,
        keras_without_config,
        directory_without_model,
        noise_tflite,
        unknown_suffix,
        data_for_a_model,
    ],
)
def test_a_model_that_cannot_be_read_is_refused(
    make: Callable[[Path, Path], Path], dqa: Shell, tmp_path: Path, example_h5: Path, noise_npz: Path
) -> None:
    model = make(tmp_path, example_h5)
    done = dqa.refuses("convert", model, "--calibration", noise_npz, "-o", tmp_path / "out", "--quiet")
    assert model.name in done.err
    assert not (tmp_path / "out").exists()


LAMBDA = """
import sys, keras
touch = eval(f"lambda x: (open({sys.argv[1]!r}, 'w').close(), x)[1]")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Lambda(touch)])
model.save(sys.argv[2])
model.save(sys.argv[3])
"""


@needs_tensorflow
@pytest.mark.slow
def test_a_model_with_a_lambda_layer_is_refused_and_the_lambda_is_not_run(dqa: Shell, tmp_path: Path) -> None:
    owned, models = tmp_path / "owned", (tmp_path / "model.keras", tmp_path / "model.h5")
    subprocess.run([sys.executable, "-c", LAMBDA, owned, *models], check=True, capture_output=True)
    # Keras calls the function whenever it builds the layer: loading these files naively would leave the mark again.
    owned.unlink()
    np.savez(tmp_path / "x.npz", x=np.zeros((8, 4), np.float32))
    for model in models:
        done = dqa.refuses("convert", model, "--calibration", tmp_path / "x.npz", "-o", tmp_path / "out", "--quiet")
        assert "Lambda" in done.err
        assert not owned.exists()


# Data


@pytest.fixture
def float_tflite(example_out: Path) -> Path:
    """The example once more, read without TensorFlow, which takes its time."""
    return example_out / "float.tflite"


IMAGES = np.zeros((8, 28, 28, 1), np.uint8)
BAD_DATA: dict[str, dict[str, Any]] = {
    "no x": {"y": IMAGES},
    "no samples": {"x": IMAGES[:0]},
    "wrong shape": {"x": np.zeros((8, 32, 32, 3), np.uint8)},
    "too few dimensions": {"x": np.zeros(8, np.uint8)},
    "not a number": {"x": np.full(IMAGES.shape, np.nan, np.float32)},
    "infinite": {"x": np.full(IMAGES.shape, np.inf, np.float32)},
    "complex": {"x": np.zeros(IMAGES.shape, np.complex64)},
    "text": {"x": np.full(IMAGES.shape, "a")},
    "true and false": {"x": np.zeros(IMAGES.shape, np.bool_)},
    "other length of y": {"x": IMAGES, "y": np.zeros(3, np.uint8)},
}


class Pickled:
    """Would print when unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return print, ("unpickled",)


def write_bad_data(name: str, path: Path) -> None:
    if name in BAD_DATA:
        np.savez(path, **BAD_DATA[name])
    elif name == "pickle":
        np.savez(path, x=np.array([Pickled()] * 8, dtype=object), allow_pickle=True)
    elif name == "text file":
        path.write_text("x,y\n1,2\n")
    elif name == "empty file":
        path.touch()
    elif name == "truncated":
        buffer = io.BytesIO()
        np.savez(buffer, x=np.random.default_rng(0).integers(0, 256, IMAGES.shape, np.uint8))
        path.write_bytes(buffer.getvalue()[:3000])
    elif name == "directory":
        path.mkdir()
    else:
        assert name == "missing"


@needs_tensorflow
@pytest.mark.parametrize("name", [*BAD_DATA, "pickle", "text file", "empty file", "truncated", "directory", "missing"])
def test_data_that_does_not_fit_is_refused_by_evaluate(name: str, dqa: Shell, tmp_path: Path, example_out: Path) -> None:
    data = tmp_path / "data.npz"
    write_bad_data(name, data)
    dqa.refuses("evaluate", example_out, "--data", data, "--quiet")


@needs_tensorflow
@pytest.mark.parametrize("name", ["wrong shape", "not a number", "complex", "pickle", "truncated", "missing"])
def test_data_that_does_not_fit_is_refused_as_calibration(name: str, dqa: Shell, tmp_path: Path, float_tflite: Path) -> None:
    data = tmp_path / "data.npz"
    write_bad_data(name, data)
    dqa.refuses("convert", float_tflite, "--calibration", data, "-o", tmp_path / "out", "--quiet")
    assert not (tmp_path / "out").exists()


def test_calibration_that_is_not_given_is_asked_for(dqa: Shell, tmp_path: Path, example_h5: Path) -> None:
    assert "calibration" in dqa.refuses("convert", example_h5, "-o", tmp_path / "out", "--quiet").err


# Options


@pytest.mark.parametrize(
    "arguments",
    [
        "convert",
        "convert m.h5 --bits 9",
        "convert m.h5 --bits four",
        "convert m.h5 --maps planes --bits 6 --extra-bits 3",
        "convert m.h5 --extra-bits 5",
        "convert m.h5 --extra-bits 1",
        "convert m.h5 --ram 16k --bits 3",
        "convert m.h5 --runtime tflm",
        "convert m.h5 --maps planes --ranking sensitivity",
        "convert m.h5 --maps planes --seed 1",
        "convert m.h5 --maps planes --method direct --important 0.5",
        "convert m.h5 --important 1.5",
        "convert m.h5 --important nan",
        "convert m.h5 --method paper",
        "convert m.h5 --error-coding zip",
        "convert m.h5 --input-scale 0",
        "convert m.h5 --input-scale 1,x",
        "convert m.h5 --input-zero-point inf",
        "convert m.h5 --recipe nowhere.yaml",
        "convert m.h5 --no-such-option",
        "evaluate",
        "evaluate nowhere",
        "evaluate nowhere --data x.npz",
        "evaluate nowhere --data x.npz --limit 0",
        "evaluate nowhere --data x.npz --metric accuracy",
        "evaluate nowhere --data x.npz --runtime standalone",
        "evaluate nowhere --data x.npz --runtime zephyr --target sim:mps2_an386",
        "evaluate nowhere --data x.npz --tflm tree --target sim:mps2_an386",
        "evaluate nowhere --data x.npz --tflm tree --runtime tflm --target serial:/dev/ttyACM0",
        "build nowhere --board mps2_an386 --tflm tree --quiet",
        "flash nowhere --board nucleo_f446re --tflm tree --quiet",
        "simulate nowhere --board mps2_an386 --tflm tree --quiet",
        "build nowhere",
        "build nowhere --board mps2_an386 --quiet",
        "build nowhere --board no_such_board --quiet",
        "flash nowhere --board no_such_board --quiet",
        "simulate nowhere --board no_such_board --quiet",
        "simulate nowhere --board nucleo_f446re --quiet",
        "no-such-command",
    ],
)
def test_an_option_that_is_not_allowed_is_refused(arguments: str, dqa: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dqa.refuses(*arguments.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["convert m.h5 --bits nan", "convert m.h5 --ram 16q", "evaluate . --data x.npz --target nowhere"])
def test_what_has_no_hint_of_its_own_names_the_help_of_the_command(arguments: str, dqa: Shell) -> None:
    assert f"hint: see dqa {arguments.split()[0]} --help" in dqa.refuses(*arguments.split()).err


def test_an_array_without_a_name_is_told_how_to_get_one(dqa: Shell, tmp_path: Path, example_out: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    assert "np.load('x.npy')" in dqa.refuses("evaluate", example_out, "--data", tmp_path / "x.npy", "--quiet").err


def test_an_unknown_board_is_answered_with_the_known_ones(dqa: Shell, tmp_path: Path) -> None:
    assert "mps2_an386" in dqa.refuses("build", tmp_path, "--board", "mps2_an387", "--quiet").err


@needs_tensorflow
@pytest.mark.parametrize(
    "target", ["nowhere", "sim:", "sim:no_such_board", "sim:nucleo_f446re", "serial:", "serial:/dev/no-such-port", "host:x"]
)
def test_an_unknown_target_is_refused(target: str, dqa: Shell, example_out: Path, noise_npz: Path) -> None:
    dqa.refuses("evaluate", example_out, "--data", noise_npz, "--target", target, "--quiet")


@needs_tensorflow
@pytest.mark.parametrize("target", ["host", "tflm-host"])
def test_a_runtime_is_refused_where_there_is_no_board(target: str, dqa: Shell, example_out: Path, noise_npz: Path) -> None:
    dqa.refuses("evaluate", example_out, "--data", noise_npz, "--target", target, "--runtime", "tflm", "--quiet")


@needs_tensorflow
def test_labels_that_do_not_fit_are_refused_before_a_board_works(dqa: Shell, example_out: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=IMAGES, y=np.full(8, 10))
    target = "serial:/dev/no-such-port"
    assert "labels" in dqa.refuses("evaluate", example_out, "--data", tmp_path / "x.npz", "--target", target, "--limit", "4", "--quiet").err


def test_a_port_in_use_is_refused(dqa: Shell, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in dqa.refuses("simulate", tmp_path, "--board", "mps2_an386", "--port", str(port), "--quiet").err


# What a conversion wrote, damaged


@pytest.fixture
def damaged(example_out: Path, tmp_path: Path) -> Path:
    """A copy of the converted example, to be damaged."""
    return Path(shutil.copytree(example_out, tmp_path / "damaged"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


@needs_tensorflow
@pytest.mark.parametrize("at", [0, 4, 6, 8, 12, 16, 24, 64, 1000, -1])
def test_a_program_with_a_flipped_bit_is_refused(at: int, dqa: Shell, damaged: Path, noise_npz: Path) -> None:
    flip(damaged / "model.dqa", at)
    dqa.refuses("evaluate", damaged, "--data", noise_npz, "--quiet")


@needs_tensorflow
@pytest.mark.parametrize("length", [0, 1, 63, 64, 1000, -4])
def test_a_program_that_was_cut_is_refused(length: int, dqa: Shell, damaged: Path, noise_npz: Path) -> None:
    program = damaged / "model.dqa"
    program.write_bytes(program.read_bytes()[:length])
    dqa.refuses("evaluate", damaged, "--data", noise_npz, "--quiet")


@needs_tensorflow
@pytest.mark.parametrize("target", ["host", "tflm-host"])
def test_a_tflite_with_other_options_or_another_size_of_program_is_refused(target: str, dqa: Shell, damaged: Path, noise_npz: Path) -> None:
    tflite = damaged / "model.tflite"
    written, size = tflite.read_bytes(), (damaged / "model.dqa").stat().st_size
    lengths = [at for at in range(0, len(written) - 3, 4) if int.from_bytes(written[at : at + 4], "little") == size]
    for at in (*(written.index(b"DQAO") + field for field in range(0, 20, 4)), *lengths):
        tflite.write_bytes(written)
        flip(tflite, at)
        assert ".tflite" in dqa.refuses("evaluate", damaged, "--data", noise_npz, "--target", target, "--quiet").err
    assert len(lengths) >= 2  # of the tensor, of its buffer, in the program itself


@needs_tensorflow
def test_a_tflite_of_another_conversion_is_refused(dqa: Shell, damaged: Path, noise_npz: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert dqa("convert", damaged / "float.tflite", "--calibration", noise_npz, "--bits", "3", "-o", other, "--quiet").code == 0
    shutil.copy(other / "model.tflite", damaged / "model.tflite")
    assert "different programs" in dqa.refuses("evaluate", damaged, "--data", noise_npz, "--quiet").err


@needs_tensorflow
@pytest.mark.parametrize("name", ["model.dqa", "model.tflite", "float.tflite", "report.json"])
def test_a_file_of_the_conversion_that_is_missing_is_named(name: str, dqa: Shell, damaged: Path, noise_npz: Path) -> None:
    (damaged / name).unlink()
    assert name in dqa.refuses("evaluate", damaged, "--data", noise_npz, "--quiet").err


@needs_tensorflow
@needs_compiler
def test_a_model_too_large_for_a_board_is_refused_with_the_missing_bytes(dqa: Shell, damaged: Path) -> None:
    header = damaged / "src" / "model.h"
    text, count = re.subn(r"(DQA_MODEL_ARENA_SIZE) \d+u", r"\1 200000u", header.read_text())
    assert count == 1
    header.write_text(text)
    done = dqa.refuses("build", damaged, "--board", "netduinoplus2", "--quiet")
    missing = re.search(r"does not fit board netduinoplus2: needs (\d+) bytes of RAM more", done.err)
    assert missing and 200_000 - 131_072 < int(missing[1]) < 200_000 - 131_072 + 10_000, done.err
    assert "131072 bytes of RAM" in done.err


@needs_tensorflow
def test_a_project_that_cannot_be_written_is_refused(dqa: Shell, damaged: Path) -> None:
    shutil.rmtree(damaged / "firmware")
    (damaged / "firmware").touch()
    assert "firmware" in dqa.refuses("build", damaged, "--board", "mps2_an386", "--quiet").err


@needs_tensorflow
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"interface": 3}', '{"interface": {"inputs": []}}'])
def test_a_report_that_is_not_one_is_refused(content: str, dqa: Shell, damaged: Path, noise_npz: Path) -> None:
    (damaged / "report.json").write_text(content)
    dqa.refuses("evaluate", damaged, "--data", noise_npz, "--quiet")


@needs_tensorflow
def test_a_recipe_for_another_model_or_with_wrong_decisions_is_refused(
    dqa: Shell, float_tflite: Path, noise_npz: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert dqa("convert", float_tflite, "--calibration", noise_npz, "-o", out, "--quiet").code == 0
    recipe = out / "recipe.yaml"
    written = recipe.read_text()

    def refused(text: str) -> str:
        recipe.write_text(text)
        return dqa.refuses("convert", float_tflite, "--calibration", noise_npz, "--recipe", recipe, "-o", tmp_path / "again", "--quiet").err

    sha256 = json.loads((out / "report.json").read_text())["model"]["sha256"]
    assert "another model" in refused(written.replace(sha256, "f" * 64))
    head = written[: written.index("edges:")]
    refused(head + "edges:\n  no_such_edge: {code_bits: 4}\n")
    assert not (tmp_path / "again").exists()


@needs_tensorflow
def test_a_recipe_gives_the_same_bytes_again(dqa: Shell, example_out: Path, example_h5: Path, noise_npz: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    recipe = example_out / "recipe.yaml"
    assert dqa("convert", example_h5, "--calibration", noise_npz, "--recipe", recipe, "-o", again, "--quiet").err == ""
    for name in ("model.dqa", "model.tflite", "recipe.yaml", "src/model.c", "src/model.h"):
        assert (again / name).read_bytes() == (example_out / name).read_bytes(), name


@pytest.mark.parametrize("name", ["taken", "taken/below"])
def test_an_output_that_is_a_file_is_refused_before_the_work(name: str, dqa: Shell, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    # the model is missing too: what is refused first is what nothing had to be read for
    done = dqa.refuses("convert", tmp_path / "missing.h5", "--calibration", tmp_path / "x.npz", "-o", tmp_path / name, "--quiet")
    assert "is a file" in done.err and (tmp_path / "taken").read_text() == "mine"
