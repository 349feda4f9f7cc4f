"""Every kind of network at once: benchmarks/zoo.py's, trained, and benchmarks/architectures.py's, with seeded weights.

    python benchmarks/networks.py [--models har,resnet] [--samples 3] [-o out/benchmarks]

Each is converted by the defaults. Beside the float network: the share of samples with its answer, and the error of the answers against
their variance (SNR, dB), on data that nothing was decided from. Of `--samples` of them: whether TensorFlow Lite Micro's interpreter,
mps2_an386 (Cortex-M4F) and mps3_an547 (M55) give the host's bytes. RAM: the arena, beside that of int8 in TensorFlow Lite Micro.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from architectures import TOKENS, architectures
from common import Row, main, table
from strangers import int8
from zoo import PIXEL, ZOO, paths

import dqa
from dqa.calibration import float_outputs
from dqa.data.dataset import load
from dqa.device.build import build
from dqa.frontend import load_model

BOARDS = ("mps2_an386", "mps3_an547")
MEASURED = 200
WORDS = 50


def made(name: str, work: Path) -> tuple[Path, Path, Path]:
    """The files of an untrained architecture: model, calibration, test."""
    import keras

    files = work / f"{name}.keras", work / f"{name}-calibration.npz", work / f"{name}-test.npz"
    if not files[0].exists():
        work.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(1)
        _, shape, build = architectures()[name]
        entry = keras.Input(shape)
        keras.Model(entry, build(entry)).save(files[0])
        random = np.random.default_rng(2)
        for file, count in ((files[1], 200), (files[2], MEASURED)):
            tokens = random.integers(0, WORDS, (count, *shape)).astype(np.uint8)
            x = tokens if shape == TOKENS else smooth(random, (count, *shape))
            np.savez(file, x=x, y=float_outputs(load_model(files[0]), x.astype(np.float32)))
    return files


def smooth(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Noise whose neighbours along the second dimension resemble each other, float32."""
    x = random.normal(size=shape)
    for _ in range(2 if len(shape) > 2 else 0):
        x = x + np.roll(x, 1, 1)
    return (x / x.std()).astype(np.float32)


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    if name in ZOO:
        files, about, pixels = paths(name, work / "zoo"), ZOO[name].about, ZOO[name].scale == PIXEL
    else:
        files, about, pixels = made(name, work / "architectures"), architectures()[name][0], False
    model, calibration, test = files
    out = work / "networks" / name
    row: Row = {"model": name, "about": about}
    scale = 1 / 255 if pixels else 1.0
    try:
        result = dqa.convert(model, calibration, out, dqa.ConvertConfig(input_scale=scale), validation=test)
    except dqa.DqaError as error:
        return row | {"refused": error.message}
    measured = result.measured
    if measured is not None:
        program = next(iter(measured.outputs.values()))[-1]
        row |= {"samples": measured.samples, "agreement": program.agreement, "snr": program.snr}
    row["arena"] = result.report["ram"].get("arena")
    for target in ("tflm-host", *(f"sim:{board}" for board in BOARDS)):
        row[target] = equal(out, test, target, options.samples)
    try:
        row["int8 arena"] = int8(model, load(test).x[:1] * scale, load(calibration).x[:100].astype(np.float32) * scale)[1]
    except Exception as error:  # TensorFlow's converter, or its interpreter, has no int8 for it
        row["int8 arena"] = f"{type(error).__name__}"
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
    head = ["network", "same answer", "dB", "TFLM", *BOARDS, "RAM", "int8"]
    cells = []
    for row in rows:
        targets = [row.get(target, "") for target in ("tflm-host", *(f"sim:{board}" for board in BOARDS))]
        cells.append(
            [
                row["about"],
                row.get("refused", row.get("agreement")),
                f"{row.get('snr', 0):.1f}",
                *targets,
                row.get("arena"),
                row.get("int8 arena"),
            ]
        )
    return "\n".join(["# Every kind of network", "", *table(head, cells), ""])


if __name__ == "__main__":
    main("networks", __doc__, [*ZOO, *architectures()], run, markdown, samples=(3, "samples on TensorFlow Lite Micro and boards"))
