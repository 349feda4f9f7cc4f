"""Train the Fashion-MNIST example: a small network with standard and depthwise convolutions and two skip connections.

    python train.py model.h5

needs `pip install dqa-convert[keras]` and the Debian package dataset-fashion-mnist; about ten minutes on two cores.
The seed is fixed, but TensorFlow's threads may still add in another order: a rerun gives the same accuracy, not the same bytes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import keras
import numpy as np
from keras import layers

from data import load

SEED = 1


def normalized(x: keras.KerasTensor, *, relu: bool = True) -> keras.KerasTensor:
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


def build() -> keras.Model:
    """28 x 28 x 1 in [0, 1] -> probabilities of 10 classes."""
    image = keras.Input((28, 28, 1), name="image")
    x = normalized(layers.Conv2D(16, 3, padding="same", use_bias=False)(image))
    x = normalized(layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x))
    x = skip = normalized(layers.Conv2D(24, 1, use_bias=False)(x))
    x = normalized(layers.Conv2D(24, 3, padding="same", use_bias=False)(x))
    x = normalized(layers.Conv2D(24, 3, padding="same", use_bias=False)(x), relu=False)
    x = layers.ReLU()(layers.Add()([x, skip]))
    x = normalized(layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x))
    x = skip = normalized(layers.Conv2D(48, 1, use_bias=False)(x))
    x = normalized(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    x = normalized(layers.Conv2D(48, 1, use_bias=False)(x), relu=False)
    x = layers.ReLU()(layers.Add()([x, skip]))
    x = normalized(layers.Conv2D(64, 3, padding="same", use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="fashion_mnist")


def augmented(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half of the images mirrored, all shifted by up to two pixels."""
    x = np.where(random.random(len(x))[:, None, None, None] < 0.5, x[:, :, ::-1], x)
    dy, dx = random.integers(-2, 3, 2)
    return np.roll(x, (dy, dx), axis=(1, 2))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The shuffled, augmented training set; batch i of epoch e depends on the seed alone."""

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int) -> None:
        super().__init__()
        self.x, self.y, self.size, self.random = x, y, size, np.random.default_rng(SEED)
        self.order = self.random.permutation(len(x))

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.size : (index + 1) * self.size]
        return augmented(self.x[chosen], self.random), self.y[chosen]

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(len(self.x))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the Fashion-MNIST example.")
    parser.add_argument("model", type=Path, help="the .h5 to write")
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    keras.utils.set_random_seed(SEED)
    x, y = load("train")
    batches = Batches(x.astype(np.float32) / 255, y, 128)
    model = build()
    model.summary()
    rate = keras.optimizers.schedules.CosineDecay(3e-3, options.epochs * len(batches))
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=options.epochs, shuffle=False, verbose=2)
    x, y = load("t10k")
    print("test accuracy:", model.evaluate(x.astype(np.float32) / 255, y, verbose=0)[1])
    model.save(options.model, include_optimizer=False)


if __name__ == "__main__":
    main()
