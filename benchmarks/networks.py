"""Every kind of network: benchmarks/zoo.py's and benchmarks/architectures.py's, all trained here.

    python benchmarks/networks.py [--models har,tcn] [--samples 3] [--keep] [-o out/benchmarks]

Each is converted by the defaults. On test data, from which nothing was decided: the metric, the share of samples with the float network's
answer, and the error of the answers against their variance (SNR, dB). Of `--samples` of them: whether TensorFlow Lite Micro's interpreter,
mps2_an386 (Cortex-M4F) and mps3_an547 (M55) give the host's bytes. RAM: the arena, beside that of int8 in TensorFlow Lite Micro.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from architectures import architectures
from common import Row, main, table
from interpreter import arena, with_resize
from strangers import int8_model
from zoo import PIXEL, ZOO, paths

import dqa
from dqa.calibration import float_outputs
from dqa.data.dataset import DataFile, InputMapping
from dqa.device.build import build
from dqa.evaluation import subject as subjects
from dqa.evaluation.comparison import compare
from dqa.frontend import load_model

BOARDS = ("mps2_an386", "mps3_an547")
TARGETS = ("tflm-host", *(f"sim:{board}" for board in BOARDS))
MEASURED = 400
EPOCHS, TRAINED = 5, 3000


def made(name: str, work: Path) -> tuple[Path, Path, Path]:
    """The files of an architecture: model, trained for a minute at most, calibration, test."""
    import keras

    files = work / f"{name}.keras", work / f"{name}-calibration.npz", work / f"{name}-test.npz"
    if not all(file.exists() for file in files):
        work.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(1)
        spec = architectures()[name]
        ends = [keras.Input(shape) for shape in spec.shapes]
        model = keras.Model(ends, spec.build(*ends))
        random, shapes = np.random.default_rng(2), [output.shape[1:] for output in model.outputs]
        x, y = spec.samples(TRAINED, shapes, random)
        model.compile(keras.optimizers.Adam(0.003), [loss(output, answers) for output, answers in zip(model.outputs, y, strict=True)])
        model.fit(list(x), list(y), 32, EPOCHS, verbose=0)
        model.save(files[0])
        for file, count in ((files[1], 200), (files[2], MEASURED)):
            x, y = spec.samples(count, shapes, random)
            np.savez(file, **{key: part for letter, parts in (("x", x), ("y", y)) for key, part in named(letter, parts).items()})
    return files


def loss(output: Any, answers: Any) -> Any:
    """That of an output: mean squared error of real numbers, cross entropy of classes, by what the last layer gives."""
    import keras

    if answers.dtype.kind == "f":
        return "mse"
    last = getattr(output._keras_history.operation, "activation", None)
    if output.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy(from_logits=last is not keras.activations.sigmoid)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=last is not keras.activations.softmax)


def named(letter: str, parts: Sequence[Any]) -> dict[str, Any]:
    """Arrays as a data file has them: x, or x0, x1, ..."""
    return {letter + (str(i) if len(parts) > 1 else ""): part for i, part in enumerate(parts)}


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    trained = name in ZOO
    model, calibration, test = paths(name, work / "zoo") if trained else made(name, work / "architectures")
    scale = 1 / 255 if trained and ZOO[name].scale == PIXEL else 1.0
    metric = ZOO[name].metric if trained else None
    out = work / "networks" / name
    row: Row = {"model": name, "about": ZOO[name].about if trained else name}
    try:
        report = dqa.convert(model, calibration, out, dqa.ConvertConfig(input_scale=scale, metric=metric)).report
    except dqa.DqaError as error:
        return row | {"refused": error.message}
    found = dqa.evaluate(out, test)
    subject = subjects.load(out, test, None, None, None)
    network = load_model(out / "float.tflite")
    beside = [
        compare(float_outputs(network, subject.real, output=head.place), one.outputs)
        for head, one in zip(subject.heads, found.each, strict=True)
    ]
    row |= {"metric": [one.metric for one in found.each], "samples": found.samples, "arena": report["ram"]["arena"]}
    row |= {"float": [one.float_value for one in found.each], "dqa": [one.value for one in found.each]}
    row |= {"agreement": [one.agreement for one in beside], "snr": [one.snr for one in beside]}
    for target in TARGETS:
        row[target] = equal(out, test, target, options.samples)
    entries = subject.interface.entries
    real = InputMapping.of(scale).to_float(DataFile(calibration, entries=entries).load().x[:100])
    try:
        row["int8 arena"] = arena(with_resize(int8_model(model, *entries.split(real))))
    except Exception as error:  # TensorFlow's converter, or its interpreter, has no int8 for it
        row["int8 arena"] = f"none ({type(error).__name__})"
    return row


def equal(out: Path, test: Path, target: str, samples: int) -> str:
    """How many of the samples gave the host's bytes."""
    try:
        if target.startswith("sim:"):
            build(out, target.removeprefix("sim:"))
        found = dqa.evaluate(out, test, target, samples).to_json()["agreement"]
    except dqa.DqaError as error:
        return error.message
    return f"{found['equal']} of {found['of']}"


def markdown(rows: list[Row]) -> str:
    head = ["network", "metric", "float", "dqa", "same answer", "dB", "TFLM", *BOARDS, "RAM", "int8"]
    cells = []
    for row in rows:
        if "refused" in row:
            cells.append([row["about"], row["refused"], *[""] * (len(head) - 2)])
            continue
        figures = [shown(row[key]) for key in ("metric", "float", "dqa", "agreement")]
        snr = ", ".join(f"{one:.1f}" for one in row["snr"])
        cells.append([row["about"], *figures, snr, *(row[target] for target in TARGETS), row["arena"], row["int8 arena"]])
    return "\n".join(["# Every kind of network", "", *table(head, cells), ""])


def shown(values: Sequence[Any]) -> str:
    """Of each output."""
    return ", ".join("-" if one is None else one if isinstance(one, str) else f"{one:.4f}" for one in values)


if __name__ == "__main__":
    main("networks", __doc__, [*ZOO, *architectures()], run, markdown, samples=(3, "samples on TensorFlow Lite Micro and boards"))
