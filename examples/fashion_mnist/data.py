"""Fashion-MNIST as .npz files for dqa: calibration.npz from the training set, test.npz the whole test set.

The images come from the Debian package dataset-fashion-mnist (or from the same four .gz files in any directory).
`x` is uint8 (N, 28, 28, 1), `y` is uint8 (N,); the model's float input is x / 255.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CALIBRATION_SAMPLES = 512
SEED = 0


def read_idx(path: Path) -> UInt8:
    """An IDX file of bytes: two zero bytes, type 8, the number of dimensions, the dimensions (big-endian u32), the bytes."""
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} is not an IDX file of bytes")
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", dimensions, 4)
    return np.frombuffer(raw, np.uint8, int(np.prod(shape)), 4 + 4 * dimensions).reshape(shape)


def load(part: str, source: Path = DEBIAN) -> tuple[UInt8, UInt8]:
    """Images (N, 28, 28, 1) and labels (N,) of `part`, "train" (60,000) or "t10k" (10,000)."""
    images = source / f"{part}-images-idx3-ubyte.gz"
    if not images.exists():
        raise SystemExit(f"{images} not found; run: apt-get install dataset-fashion-mnist (or name the files' directory with --source)")
    return read_idx(images)[..., np.newaxis], read_idx(source / f"{part}-labels-idx1-ubyte.gz")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write calibration.npz and test.npz of Fashion-MNIST.")
    parser.add_argument("out", type=Path, help="directory to write to")
    parser.add_argument("--source", type=Path, default=DEBIAN, help="directory of the four .gz files (default: %(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    x, y = load("train", options.source)
    chosen = np.sort(np.random.default_rng(SEED).choice(len(x), CALIBRATION_SAMPLES, replace=False))
    np.savez_compressed(options.out / "calibration.npz", x=x[chosen], y=y[chosen])
    x, y = load("t10k", options.source)
    np.savez_compressed(options.out / "test.npz", x=x, y=y)


if __name__ == "__main__":
    main()
