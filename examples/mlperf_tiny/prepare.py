"""MLPerf Tiny data as .npz files for dqa: OUT/calibration.npz and OUT/test.npz.

    python prepare.py kws energyrunner/datasets/kws01 data/kws
    python prepare.py ic cifar-10-batches-bin data/ic
    python prepare.py ad sets data/ad

SOURCE is a directory with one of
  - the benchmark runner's files: y_labels.csv (name, classes, label; for ad also window and stride in bytes) and the .bin files it names;
  - for ic, CIFAR-10 in its binary version: data_batch_1.bin and test_batch.bin (the pickled version is not read);
  - .npz sets: cifar10_test.npz and cifar10_train5k.npz, kws01_test.npz, vww01_test.npz, ad01_test.npz, camvid_96x128.npz.

Where there is no training set, samples at even distances calibrate (sets are often sorted by class) and the others are the test set.
For ad a sample is a window of 5 frames, x is int16 in steps of 1/16 dB, and calibration takes windows of some of the normal clips,
as training did; these clips are not in the test set.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

SHAPES = {"ic": (32, 32, 3), "kws": (49, 10, 1), "vww": (96, 96, 3)}
TYPES = {"ic": np.uint8, "kws": np.int8, "vww": np.uint8}
SETS = {"kws": "kws01_test.npz", "vww": "vww01_test.npz"}
BINS, FRAMES = 128, 5
STEPS_PER_DB = 16
CALIBRATION_CLIPS = 24
SAMPLES = {"ad": 1000, "ic": 512}
"""Samples to calibrate with; of other tasks 100, which leaves most of the small sets for the test."""


def read_runner(task: str, source: Path) -> Arrays:
    """x and y of a directory of the benchmark runner, in the order of y_labels.csv."""
    rows = label_rows(source)
    size = int(np.prod(SHAPES[task]))
    x = np.empty((len(rows), size), TYPES[task])
    for i, row in enumerate(rows):
        x[i] = read_numbers(source / row[0], TYPES[task], size)
    return {"x": x.reshape(len(rows), *SHAPES[task]), "y": np.array([int(row[2]) for row in rows], np.uint8)}


def read_clips(source: Path) -> Arrays:
    """Clips of the benchmark runner: x int16 (clips, frames, 128) in 1/16 dB, y (clips,)."""
    rows = label_rows(source)
    clips = []
    for row in rows:
        window, stride = int(row[3]), int(row[4])
        if (window, stride) != (FRAMES * BINS * 4, BINS * 4):
            raise SystemExit(f"{source / row[0]}: windows of {window} bytes every {stride}, expected {FRAMES * BINS * 4} every {BINS * 4}")
        clips.append(np.round(read_numbers(source / row[0], "<f4").reshape(-1, BINS) * STEPS_PER_DB).astype(np.int16))
    frames = min(len(clip) for clip in clips)
    return {"x": np.stack([clip[:frames] for clip in clips]), "y": np.array([int(row[2]) for row in rows], np.uint8)}


def label_rows(source: Path) -> list[list[str]]:
    with (source / "y_labels.csv").open(newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    if missing := [row[0] for row in rows if not (source / row[0]).is_file()]:
        raise SystemExit(f"{source}: y_labels.csv names {len(missing)} files that are not here, first {missing[0]}")
    return rows


def read_numbers(path: Path, dtype: npt.DTypeLike, count: int | None = None) -> npt.NDArray[Any]:
    numbers = np.fromfile(path, dtype)
    if count is not None and len(numbers) != count:
        raise SystemExit(f"{path}: holds {len(numbers)} numbers, expected {count}")
    return numbers


def read_cifar(path: Path) -> Arrays:
    """A file of CIFAR-10's binary version: a label and 32 x 32 red, green and blue bytes for each image."""
    records = read_numbers(path, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    return {"x": records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), "y": records[:, 0]}


def read_set(path: Path, *names: str) -> Arrays:
    """x and y of an .npz set, under other names if given."""
    if not path.is_file():
        raise SystemExit(f"{path} is not here; run with --help for the files that are read")
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[name] for key, name in zip(("x", "y"), names or ("x", "y"), strict=True)}


def windows(clips: Arrays) -> Arrays:
    """Every window of 5 consecutive frames as one sample of 640 values; group is the clip, y belongs to the clip."""
    views = np.lib.stride_tricks.sliding_window_view(clips["x"], FRAMES, axis=1)  # (clips, windows, 128, 5), not copied
    x = views.transpose(0, 1, 3, 2).reshape(-1, FRAMES * BINS)
    group = np.repeat(np.arange(len(clips["x"])), views.shape[1])
    return {"x": x, "y": clips["y"][group], "group": group}


def split_clips(clips: Arrays, samples: int) -> tuple[Arrays, Arrays]:
    """Windows of some normal clips, and all windows of the other clips."""
    normal = np.flatnonzero(clips["y"] == 0)
    some = np.zeros(len(clips["y"]), bool)
    some[normal[spread(len(normal), CALIBRATION_CLIPS)]] = True
    calibration = windows({key: value[some] for key, value in clips.items()})
    chosen = spread(len(calibration["x"]), samples)
    return {key: value[chosen] for key, value in calibration.items()}, windows({key: value[~some] for key, value in clips.items()})


def split(data: Arrays, samples: int) -> tuple[Arrays, Arrays]:
    some = np.zeros(len(data["x"]), bool)
    some[spread(len(some), samples)] = True
    return {key: value[some] for key, value in data.items()}, {key: value[~some] for key, value in data.items()}


def spread(count: int, some: int) -> npt.NDArray[np.int64]:
    """`some` of the numbers below `count` at even distances, all if there are no more."""
    return np.linspace(0, count - 1, min(some, count)).astype(np.int64)


def prepare(task: str, source: Path, samples: int) -> tuple[Arrays, Arrays]:
    """(calibration, test)"""
    from_runner = (source / "y_labels.csv").is_file()
    if task == "ad":
        return split_clips(read_clips(source) if from_runner else read_set(source / "ad01_test.npz"), samples)
    if task == "camvid":
        training, test = (read_set(source / "camvid_96x128.npz", f"x_{part}", f"y_{part}") for part in ("train", "test"))
        return split(training, samples)[0], test
    if from_runner:
        return split(read_runner(task, source), samples)
    if task == "ic":
        if (source / "test_batch.bin").is_file():
            return split(read_cifar(source / "data_batch_1.bin"), samples)[0], read_cifar(source / "test_batch.bin")
        return split(read_set(source / "cifar10_train5k.npz"), samples)[0], read_set(source / "cifar10_test.npz")
    return split(read_set(source / SETS[task]), samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("ic", "kws", "vww", "ad", "camvid"))
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--samples", type=int, help="samples to calibrate with (default: 1000 windows for ad, 512 images for ic, else 100)")
    options = parser.parse_args()
    if options.samples is not None and options.samples < 1:
        parser.error(f"--samples: expected at least 1, got {options.samples}")
    calibration, test = prepare(options.task, options.source, options.samples or SAMPLES.get(options.task, 100))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("calibration", calibration), ("test", test)):
        np.savez_compressed(options.out / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        print(f"{options.out / name}.npz: " + ", ".join(f"{key} {value.dtype} {value.shape}" for key, value in arrays.items()))


if __name__ == "__main__":
    main()
