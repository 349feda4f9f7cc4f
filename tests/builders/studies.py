"""A small network with data, and studies of it, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dqa.calibration import float_outputs
from dqa.frontend import load_model
from tflite_builder import Net, run_litert

STUDY = """\
dqa_study: 1
seeds: [0, 1]
models:
  tiny: {model: tiny.tflite, calibration: calibration.npz, test: test.npz, calibration_samples: 16}
grid:
"""

TWO = """\
dqa_study: 1
models:
  two: {model: two.tflite, calibration: calibration.npz, test: test.npz, input_scale: {x0: 1/255, x1: 2}}
grid:
  - {method: uniform, bits: 8, clip: max}
  - {method: coded, bits: 4}
  - {method: paper, bits: 3, ranking: [energy, pg_g]}
"""


def write_model(directory: Path, samples: int = 150) -> None:
    """tiny.tflite, a residual block, a convolution and 4 classes of (6, 6, 3), calibration.npz and test.npz,
    whose labels the float model mostly meets."""
    net = Net(1, 6, 6, 3)
    first = net.conv(net.input, 8, padding="SAME", activation="RELU")
    block = net.binary("ADD", first, net.conv(first, 8, padding="SAME"), "RELU")
    data = net.build(net.dense(net.conv(block, 8), 4))
    (directory / "tiny.tflite").write_bytes(data)
    random = np.random.default_rng(0)
    for name, count in (("calibration", 24), ("test", samples)):
        x = random.normal(size=(count, 6, 6, 3)).astype(np.float32)
        y = run_litert(data, x).argmax(axis=1)
        y[::10] = (y[::10] + 1) % 4
        np.savez(directory / f"{name}.npz", x=x, y=y)


def write_study(directory: Path, *grid: str, more: str = "") -> Path:
    """study.yaml with these lines of its grid, and `more` of its settings."""
    path = directory / "study.yaml"
    path.write_text(more + STUDY + "".join(f"  - {line}\n" for line in grid), encoding="utf-8")
    return path


def write_two_inputs(directory: Path) -> Path:
    """A study of a network of two inputs, a map and a vector, each with its own scale; the labels are its own answers."""
    net = Net(1, 6, 6, 3)
    vector = net.another_input(1, 1, 1, 8)
    joined = net.binary("ADD", net.conv(net.input, 8, padding="SAME", activation="RELU"), vector)
    data = net.build(net.dense(net.conv(joined, 8), 4))
    (directory / "two.tflite").write_bytes(data)
    random = np.random.default_rng(0)
    for name, count in (("calibration", 24), ("test", 60)):
        image = random.integers(0, 256, (count, 6, 6, 3)).astype(np.uint8)
        values = random.normal(size=(count, 1, 1, 8)).astype(np.float32)
        real = np.concatenate([image.reshape(count, -1) / 255, values.reshape(count, -1) * 2], axis=1).astype(np.float32)
        y = float_outputs(load_model(directory / "two.tflite"), real).argmax(axis=1)
        np.savez(directory / f"{name}.npz", x0=image, x1=values, y=y)
    path = directory / "two.yaml"
    path.write_text(TWO, encoding="utf-8")
    return path


def write_two_outputs(directory: Path) -> Path:
    """A study of a network of two outputs, classes and a number; the labels are its own answers."""
    net = Net(1, 6, 6, 3)
    shared = net.conv(net.input, 8, padding="SAME", activation="RELU")
    data = net.build(net.dense(net.conv(shared, 8), 4), net.dense(net.conv(shared, 8), 1))
    (directory / "outputs.tflite").write_bytes(data)
    model = load_model(directory / "outputs.tflite")
    x = np.random.default_rng(0).normal(size=(40, 6, 6, 3)).astype(np.float32)
    classes, number = (float_outputs(model, x, output=place) for place in (0, 1))
    np.savez(directory / "outputs.npz", x=x, y0=classes.argmax(axis=1), y1=number)
    return write_study(directory, "{method: uniform, bits: 8, clip: max}")
