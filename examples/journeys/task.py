"""The task of the journeys: which of three shapes a noisy signal of 64 values has.

python examples/journeys/task.py             # signals.h5, study.yaml, calibration.npz and test.npz into this folder
python examples/journeys/task.py --train     # trains examples/journeys/signals.h5 anew first; needs TensorFlow
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

MODEL = Path(__file__).parent / "signals.h5"
CLASSES = ("sine", "square", "sawtooth")


def signals(count: int, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """x (count, 64, 1) and y (count,): shapes of any phase and period, with noise."""
    random = np.random.default_rng(seed)
    y = random.integers(0, len(CLASSES), count)
    turn = (random.uniform(0, 1, (count, 1)) + np.arange(64) / random.uniform(12, 30, (count, 1))) % 1
    shapes = np.stack([np.sin(2 * np.pi * turn), np.sign(turn - 0.5), 2 * turn - 1])
    x = shapes[y, np.arange(count)] + random.normal(0, 0.7, (count, 64))
    return x[..., None].astype(np.float32), y


def train() -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64, 1)),
            layers.Conv1D(16, 5, padding="same", activation="relu"),
            layers.Conv1D(16, 5, strides=2, padding="same", activation="relu"),
            layers.Conv1D(32, 5, strides=2, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(len(CLASSES), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*signals(4000, seed=1), epochs=10, batch_size=64, verbose=0)
    model.save(MODEL, include_optimizer=False)


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, count, seed in (("calibration", 400, 2), ("test", 500, 3)):
        x, y = signals(count, seed)
        np.savez(folder / f"{name}.npz", x=x, y=y, class_names=np.array(CLASSES))
    for path in (MODEL, MODEL.with_name("study.yaml")):
        shutil.copy(path, folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write what the journeys begin with: signals.h5, study.yaml, calibration.npz and test.npz."
    )
    parser.add_argument("out", type=Path, help="directory to write to")
    parser.add_argument("--train", action="store_true", help="train signals.h5 anew first")
    options = parser.parse_args()
    if options.train:
        train()
    write(options.out)


if __name__ == "__main__":
    main()
