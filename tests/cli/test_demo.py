"""The example through the commands: converted, evaluated, built and run on a simulated board."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell

needs_board = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
    reason="simulated boards need arm-none-eabi-gcc and QEMU",
)


def test_a_conversion_leaves_everything_the_readme_lists(example_out: Path, root: Path) -> None:
    readme = (root / "README.md").read_text()
    for name in (
        "model.tflite",
        "model.layers.tflite",
        "model.dqa",
        "src/model.h",
        "src/model.c",
        "firmware",
        "recipe.yaml",
        "report.json",
        "float.tflite",
    ):
        assert f"`{name}" in readme
        assert (example_out / name).exists(), name


def test_evaluate_on_the_host_says_what_the_reference_lists(dqa: Shell, example_out: Path, noise_npz: Path, root: Path) -> None:
    result = json.loads(dqa("evaluate", example_out, "--data", noise_npz, "--limit", "20", "--quiet", "--json").out)
    assert result["metric"] == "top1"
    assert result["samples"] == 20
    assert 0 <= result["value"] <= 1
    assert 3 < result["stored_bits"] < 8
    reference = (root / "docs" / "cli.md").read_text()
    for key in result:
        assert f"`{key}`" in reference, key


@pytest.mark.skipif(not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="needs the package dataset-fashion-mnist")
def test_the_example_keeps_its_accuracy_on_real_images(root: Path, tmp_path: Path, dqa: Shell, example_h5: Path) -> None:
    if find_spec("tensorflow") is None:
        pytest.skip("reading .h5 needs TensorFlow")
    subprocess.run([sys.executable, root / "examples" / "fashion_mnist" / "data.py", tmp_path], check=True)
    out = tmp_path / "out"
    done = dqa(
        "convert", example_h5, "--calibration", tmp_path / "calibration.npz", "--input-scale", "1/255", "--bits", "4", "-o", out, "-q"
    )
    assert done.code == 0, done.err
    result = json.loads(dqa("evaluate", out, "--data", tmp_path / "test.npz", "--limit", "2000", "-q", "--json").out)
    assert result["float_value"] > 0.9
    assert result["value"] > result["float_value"] - 0.015
    quoted = re.findall(r"^    (/\* .* \*/)$", (root / "docs" / "tour.md").read_text(), re.MULTILINE)
    assert quoted and all(line in (out / "src" / "model.c").read_text() for line in quoted)


@needs_board
@pytest.mark.slow
def test_a_simulated_board_answers_what_the_host_answers(dqa: Shell, example_out: Path, noise_npz: Path, tmp_path: Path) -> None:
    built = json.loads(dqa("build", example_out, "--board", "mps2_an386", "--quiet", "--json").out)
    assert Path(built["elf"]).is_file()
    assert built["flash"]["model"] == (example_out / "model.dqa").stat().st_size
    answer = tmp_path / "answer.json"
    done = dqa("evaluate", example_out, "--data", noise_npz, "--target", "sim:mps2_an386", "--limit", "8", "--json", answer)
    assert done.code == 0, done.err
    assert "8 of 8 equal" in done.out
    result = json.loads(answer.read_text())
    assert result["agreement"] == {"equal": 8, "of": 8}
    assert result["instructions"] > 1_000_000
    assert result["ram"]["static"] == built["ram"]["static"]
    assert result["flash"] == built["flash"]


@needs_board
@pytest.mark.slow
def test_simulate_serves_the_board_until_control_c(dqa: Shell, example_out: Path, noise_npz: Path) -> None:
    command = [sys.executable, "-m", "dqa", "simulate", str(example_out), "--board", "mps2_an386", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        try:
            text = ""
            while not text.rstrip().endswith("}"):
                line = process.stdout.readline()
                assert line, "simulate ended early"
                text += line
            target = "serial:" + json.loads(text)["serial"]
            result = json.loads(dqa("evaluate", example_out, "--data", noise_npz, "--target", target, "--limit", "2", "-q", "--json").out)
            assert result["agreement"] == {"equal": 2, "of": 2}
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_conversion_that_is_ended_leaves_nothing(example_h5: Path, noise_npz: Path, tmp_path: Path, death: signal.Signals) -> None:
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    command = [sys.executable, "-m", "dqa", "convert", str(example_h5), "--calibration", str(noise_npz), "-o", str(out), "-q"]
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # it is ignored in tests under nohup
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heard) as process:
        while process.poll() is None and not list(scratch.glob("dqa-*/log.txt")):  # until TensorFlow's process is there
            time.sleep(0.02)
        process.send_signal(death)
        _, err = process.communicate(timeout=60)
    if death == signal.SIGKILL:
        assert process.returncode == -death
    else:
        assert process.returncode == 128 + death and len(err.splitlines()) == 1, err
    deadline = time.monotonic() + 30
    while (left := processes_of(scratch)) or list(tmp_path.iterdir()) != [scratch] or any(scratch.iterdir()):
        assert time.monotonic() < deadline, (left, list(tmp_path.rglob("*")))
        time.sleep(0.02)


def processes_of(scratch: Path) -> list[str]:
    """The commands of all processes that inherited this folder for temporary files."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(scratch).encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
    return found


def test_labels_that_are_not_there_are_asked_for(dqa: Shell, example_out: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 28, 28, 1), np.uint8))
    assert "y" in dqa.refuses("evaluate", example_out, "--data", tmp_path / "x.npz", "--metric", "top1", "--quiet").err


def test_quiet_prints_the_metric_alone_whatever_the_libraries_say(example_out: Path, noise_npz: Path) -> None:
    command = [sys.executable, "-m", "dqa", "evaluate", str(example_out), "--data", str(noise_npz), "-q"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and 0 <= float(done.stdout) <= 1
