"""Samples of an .npz as the files that MLPerf Tiny's runner reads: OUT/y_labels.csv and a .bin for each sample.

    python export.py kws data/kws/test.npz energyrunner/datasets/kws01 --limit 200

The .npz is what prepare.py writes. For ad, the windows of a clip become one file of float32 frames again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = {"ic": 10, "kws": 12, "vww": 2, "ad": 2}
BINS, FRAMES, STEPS_PER_DB = 128, 5, 16


def clip(windows: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """The frames (F, 128) in dB of windows (N, 640) that begin one frame after the other."""
    frames = windows.reshape(len(windows), FRAMES, BINS)
    return np.asarray(np.concatenate([frames[:, 0], frames[-1, 1:]]) / STEPS_PER_DB, "<f4")


def files(task: str, data: dict[str, npt.NDArray[Any]]) -> list[tuple[bytes, int, str]]:
    """Content, class and further columns of each file."""
    if task != "ad":
        return [(x.tobytes(), int(y), "") for x, y in zip(data["x"], data["y"], strict=True)]
    window = f",{FRAMES * BINS * 4},{BINS * 4}"
    groups = [np.flatnonzero(data["group"] == group) for group in np.unique(data["group"])]
    return [(clip(data["x"][places]).tobytes(), int(data["y"][places[0]]), window) for places in groups]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=CLASSES)
    parser.add_argument("source", type=Path, metavar="X.npz")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--limit", type=int, help="the first so many files")
    options = parser.parse_args()
    with np.load(options.source, allow_pickle=False) as archive:
        found = files(options.task, dict(archive))[: options.limit]
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (content, label, further) in enumerate(found):
        name = f"{options.task}_{number:05}.bin"
        (options.out / name).write_bytes(content)
        rows.append(f"{name},{CLASSES[options.task]},{label}{further}\n")
    (options.out / "y_labels.csv").write_text("".join(rows))
    print(f"{options.out}: {len(rows)} files and y_labels.csv")


if __name__ == "__main__":
    main()
