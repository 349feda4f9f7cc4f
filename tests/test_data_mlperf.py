"""The data preparation of examples/mlperf_tiny: the benchmark runner's files, CIFAR-10's binary files, and windows of clips."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dqa.conversion import recipe
from dqa.data import dataset as data
from dqa.data.entries import Entries, Entry
from dqa.evaluation.metrics import choose

Prepare = Callable[..., Path]
"""Of a task and its source, and further options: the folder of what was prepared. RuntimeError: what the script said."""


@pytest.fixture
def prepare(root: Path, tmp_path: Path) -> Prepare:
    def run(task: str, source: Path, *options: str) -> Path:
        out = tmp_path / "prepared"
        command = [sys.executable, str(root / "examples/mlperf_tiny/prepare.py"), task, str(source), str(out), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return out

    return run


def runner_files(directory: Path, arrays: list[np.ndarray], labels: list[int], extra: str = "") -> Path:
    directory.mkdir()
    lines = []
    for i, (array, label) in enumerate(zip(arrays, labels, strict=True)):
        array.tofile(directory / f"tst_{i}.bin")
        lines.append(f"tst_{i}.bin, 12, {label}{extra}\n")
    (directory / "y_labels.csv").write_text("".join(lines))
    return directory


def test_runner_files_become_samples_in_the_order_of_their_labels(prepare: Prepare, tmp_path: Path) -> None:
    features = np.random.default_rng(0).integers(-128, 128, (7, 49, 10, 1)).astype(np.int8)
    out = prepare("kws", runner_files(tmp_path / "kws01", list(features), [3, 1, 4, 1, 5, 9, 2]), "--samples", "2")
    calibration, test = data.load(out / "calibration.npz"), data.load(out / "test.npz")
    assert np.array_equal(calibration.x, features[[0, 6]]) and np.array_equal(test.x, features[1:6])  # at even distances
    assert test.y is not None and test.y.tolist() == [1, 4, 1, 5, 9]
    assert choose(test, (1, 49, 10, 1), (1, 12)) == "top1"


def test_cifar_records_become_images_with_channels_last(prepare: Prepare, tmp_path: Path) -> None:
    source = tmp_path / "cifar"
    source.mkdir()
    images = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    records = np.concatenate([np.array([[6], [2], [0], [9]], np.uint8), images.transpose(0, 3, 1, 2).reshape(4, -1)], axis=1)
    records.tofile(source / "test_batch.bin")
    records[:2].tofile(source / "data_batch_1.bin")
    out = prepare("ic", source)
    test = data.load(out / "test.npz")
    assert np.array_equal(test.x, images) and test.y is not None and test.y.tolist() == [6, 2, 0, 9]
    assert len(data.load(out / "calibration.npz")) == 2


def test_clips_become_windows_of_five_frames_grouped_by_clip(prepare: Prepare, tmp_path: Path) -> None:
    clips = np.random.default_rng(2).uniform(-60, 10, (27, 9, 128)).astype(np.float32)
    source = runner_files(tmp_path / "ad01", list(clips), [1] + [0] * 25 + [1], ", 2560, 512")  # 24 normal clips calibrate
    out = prepare("ad", source, "--samples", "6")
    calibration, test = data.load(out / "calibration.npz"), data.load(out / "test.npz")
    assert calibration.x.shape == (6, 640) and test.x.shape == (3 * 5, 640) and test.x.dtype == np.int16
    assert test.group is not None and test.group.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert test.y is not None and test.y.tolist() == [1] * 5 + [0] * 5 + [1] * 5
    np.testing.assert_allclose(test.x[11] / 16, clips[26, 1:6].reshape(-1), atol=1 / 32)
    assert choose(test, (1, 640), (1, 640)) == "auc"


def test_missing_files_are_named(prepare: Prepare, tmp_path: Path) -> None:
    source = runner_files(tmp_path / "kws01", [np.zeros(490, np.int8)] * 2, [0, 1])
    (source / "tst_1.bin").unlink()
    with pytest.raises(RuntimeError, match=r"tst_1\.bin"):
        prepare("kws", source)
    with pytest.raises(RuntimeError, match=r"vww01_test\.npz"):
        prepare("vww", source.parent)


@pytest.mark.parametrize("task", ["ic", "kws", "vww", "ad"])
def test_the_recipe_maps_the_data_to_the_range_the_model_was_trained_with(root: Path, task: str) -> None:
    config = recipe.load(root / f"examples/mlperf_tiny/{task}.yaml").config
    ends = {"ic": (0, 255), "kws": (-128, 127), "vww": (0, 255), "ad": (-16 * 80, 0)}[task]
    expected = {"ic": (0, 255), "kws": (-123.372, 25.727), "vww": (0, 1), "ad": (-80, 0)}[task]
    x = np.array([ends], np.int16)[..., np.newaxis]
    entries = Entries((Entry("x", (1,)),))
    mapped = data.InputMapping.of_all(entries, config.input_scale, config.input_zero_point).to_float(x).reshape(-1)
    np.testing.assert_allclose(mapped, expected, atol=1e-3)


def test_a_number_of_samples_below_one_is_refused(prepare: Prepare, tmp_path: Path) -> None:
    source = runner_files(tmp_path / "kws01", [np.zeros(490, np.int8)] * 2, [0, 1])
    for samples in ("0", "-1"):
        with pytest.raises(RuntimeError, match="at least 1"):
            prepare("kws", source, "--samples", samples)
