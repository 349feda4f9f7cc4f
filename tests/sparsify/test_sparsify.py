"""Sparsification: more zeros, the same bytes for the same seed, nothing half-written, and clear words for what cannot be trained."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from dqa.data.dataset import Dataset
from dqa.errors import DataError, RecipeError
from dqa.frontend import load_model
from dqa.sparsify import SparsifyConfig
from dqa.sparsify.task import choose, split

needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="training needs TensorFlow")

MAKE = """
import sys, keras
keras.utils.set_random_seed(1)
layers = keras.layers
keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(6, 3), layers.BatchNormalization(), layers.ReLU(),
    layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(2, activation="softmax")]).save(sys.argv[1])
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small Keras model, and images of noise that are brighter above (class 0) or below (class 1)."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, "-c", MAKE, str(folder / "m.keras")], check=True, capture_output=True)
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 240)
    x = random.integers(0, 128, (240, 8, 8, 1))
    x[y == 0, :4] += 90
    x[y == 1, 4:] += 90
    np.savez(folder / "x.npz", x=x.astype(np.uint8), y=y)
    return folder / "m.keras", folder / "x.npz"


OPTIONS = ("--l1", "0.3", "--epochs", "6", "--lr", "0.01", "--batch", "32", "--input-scale", "1/255", "-q", "--json")


@needs_tensorflow
@pytest.mark.slow
def test_a_sparser_model_has_more_zeros_and_still_converts(dqa: Shell, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "sparse.keras"
    done = dqa("sparsify", tiny[0], "--data", tiny[1], "-o", out, *OPTIONS)
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    before, after = report["before"], report["after"]
    assert after["zeros"] > before["zeros"] + 0.1
    assert after["value"] >= 0.9  # the two classes are easy to tell
    assert (report["metric"], report["training_samples"], report["held_out_samples"]) == ("top1", 216, 24)
    assert list(after["maps"]) == ["re_lu", "conv2d_1"]  # the convolution before a batch normalization is not a map
    sizes = np.array([6 * 6 * 6, 4 * 4 * 8])
    assert after["zeros"] == pytest.approx(np.array(list(after["maps"].values())) @ sizes / sizes.sum())
    assert load_model(out).output.shape == (1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["sparse.keras"]
    # Again, over the file that is there: the same seed gives the same bytes, another seed others.
    first = out.read_bytes()
    assert dqa("sparsify", tiny[0], "--data", tiny[1], "-o", out, *OPTIONS).out == done.out
    assert out.read_bytes() == first
    dqa("sparsify", tiny[0], "--data", tiny[1], "-o", out, *OPTIONS, "--seed", "1")
    assert out.read_bytes() != first


@needs_tensorflow
@pytest.mark.slow
def test_control_c_during_training_leaves_what_was_there(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    out, scratch = tmp_path / "sparse.keras", tmp_path / "scratch"
    out.write_bytes(b"what was there")
    scratch.mkdir()
    command = [
        sys.executable,
        "-m",
        "dqa",
        "sparsify",
        *map(str, tiny[:1]),
        "--data",
        str(tiny[1]),
        "-o",
        str(out),
        "--epochs",
        "1000",
        "-q",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(scratch)}) as process:
        while process.poll() is None and not any(path.stat().st_size for path in scratch.glob("dqa-*/steps")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "interrupted")
    assert out.read_bytes() == b"what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "sparse.keras"]
    assert not list(scratch.glob("dqa-*"))


@needs_tensorflow
@pytest.mark.slow
def test_labels_that_do_not_fit_and_models_without_maps_are_refused(dqa: Shell, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 8, 8, 1), np.uint8), y=[0, 1, 2, 1])
    done = dqa.refuses("sparsify", tiny[0], "--data", tmp_path / "x.npz", "-o", tmp_path / "s.keras", "-q")
    assert "labels go from 0 to 2" in done.err and not (tmp_path / "s.keras").exists()
    linear = "import sys, keras; l = keras.layers; keras.Sequential([l.Input((8, 8, 1)), l.Flatten(), l.Dense(2)]).save(sys.argv[1])"
    subprocess.run([sys.executable, "-c", linear, str(tmp_path / "linear.h5")], check=True, capture_output=True)
    done = dqa.refuses("sparsify", tmp_path / "linear.h5", "--data", tiny[1], "-o", tmp_path / "s.keras", "-q")
    assert "no activation maps" in done.err and "linear.h5" in done.err


def test_what_cannot_be_written_or_trained_is_refused_before_the_work(
    dqa: Shell, example_h5: Path, noise_npz: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken.keras").mkdir()
    for name in ("text.tflite", "mine.keras"):
        shutil.copyfile(example_h5, tmp_path / name)
    good = tmp_path / "s.keras"
    for model, out, says in (
        (example_h5, tmp_path / "s.h5", "not the name of a .keras file"),
        (example_h5, tmp_path / "taken.keras", "is a directory"),
        (example_h5, tmp_path / "absent" / "s.keras", "no directory"),
        (tmp_path / "absent.h5", good, "no such file"),
        (tmp_path / "text.tflite", good, "is not a TensorFlow Lite model"),
        (tmp_path / "mine.keras", tmp_path / "mine.keras", "is read by this command"),
    ):
        assert says in dqa.refuses("sparsify", model, "--data", noise_npz, "-o", out).err
    for option, value in (
        ("--l1", "-1"),
        ("--l1", "nan"),
        ("--epochs", "0"),
        ("--lr", "0"),
        ("--batch", "0"),
        ("--held-out", "1"),
        ("--seed", "-1"),
    ):
        done = dqa.refuses("sparsify", example_h5, "--data", noise_npz, "-o", good, option, value)
        assert option.removeprefix("--").replace("-", "_") in done.err
    with pytest.raises(RecipeError, match="epochs: expected a whole number"):
        SparsifyConfig(epochs=1.5)  # type: ignore[arg-type]


def test_the_task_follows_from_labels_and_shapes() -> None:
    x, classes = np.zeros((6, 4, 4, 3), np.uint8), np.arange(6)
    top1 = choose(Dataset(x, classes), (1, 4, 4, 3), (1, 6))
    assert (top1.loss, top1.metric) == ("classes", "top1") and top1.targets is not None and top1.targets.dtype == np.int64
    pixels = choose(Dataset(x, np.full((6, 4, 4), 9, np.uint8)), (1, 4, 4, 3), (1, 4, 4, 5))
    assert (pixels.loss, pixels.metric) == ("classes", "miou")  # labels past the last class are left out of the loss
    binary = choose(Dataset(x, classes % 2), (1, 4, 4, 3), (1, 1))
    assert (binary.loss, binary.metric) == ("binary", "auc") and binary.targets is not None and binary.targets.shape == (6, 1)
    mask = choose(Dataset(x, np.tile([0, 1], (6, 4, 2))), (1, 4, 4, 3), (1, 4, 4, 1))  # softmax of one channel would be 1 whatever it holds
    assert (mask.loss, mask.metric) == ("binary", "miou") and mask.targets is not None and mask.targets.shape == (6, 4, 4)
    rebuilt = choose(Dataset(x.reshape(6, -1), classes % 2), (1, 48), (1, 48))
    assert (rebuilt.loss, rebuilt.metric, rebuilt.targets) == ("squares", "mse", None)
    number = choose(Dataset(x, classes), (1, 4, 4, 3), (1, 1))  # labels that two classes cannot be: a regression
    assert (number.loss, number.metric) == ("squares", "mse") and number.targets is not None and number.targets.shape == (6, 1)
    for y, outputs in ((classes, 5), (classes + 0.5, 9)):
        with pytest.raises(DataError):
            choose(Dataset(x, y), (1, 4, 4, 3), (1, outputs))


def test_the_parts_are_apart_and_whole() -> None:
    data = Dataset(np.arange(20.0).reshape(20, 1), np.arange(20))
    task = choose(data, (1, 1), (1, 20))
    (training, _), (held_out, held_task) = split(data, task, 0.25, seed=3)
    assert len(held_out) == 5 and sorted([*training.x[:, 0], *held_out.x[:, 0]]) == list(range(20))
    assert held_task.targets is not None and np.array_equal(held_task.targets, held_out.x[:, 0])
    assert not np.array_equal(split(data, task, 0.25, seed=4)[1][0].x, held_out.x)
    with pytest.raises(DataError, match="one sample"):
        split(Dataset(np.zeros((1, 1)), np.zeros(1, np.int64)), task, 0.5, 0)
