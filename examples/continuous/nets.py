"""Two networks whose input never ends, in Keras: a wake word in spoken frames, and a temporal convolutional network on motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

FEATURES, CHANNELS = 40, 6


def wake_word(frames: int = 30, filters: tuple[int, ...] = (128, 64, 64, 32), kernels: tuple[int, ...] = (3, 5, 10, 15)) -> Any:
    """The structure of MLPerf Tiny's streaming wake word network: separable convolutions in time without padding, until one row is left.

    A frame is 40 log-mel energies of 32 ms; the answer: wake word, another word, silence.
    """
    x = start = keras.Input((frames, 1, FEATURES))
    for count, kernel in zip(filters, kernels, strict=True):
        x = layers.DepthwiseConv2D((kernel, 1), use_bias=False)(x)
        x = layers.Conv2D(count, 1, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
    return keras.Model(start, layers.Dense(3)(layers.Flatten()(x)))


def tcn(frames: int = 64, filters: int = 24, dilations: tuple[int, ...] = (1, 2, 4, 8)) -> Any:
    """Residual blocks of two causal dilated convolutions; the last row answers. Its receptive field is 61 of the 64 frames."""
    start = keras.Input((frames, CHANNELS))
    x = layers.Conv1D(filters, 1)(start)
    for dilation in dilations:
        y = x
        for _ in range(2):
            y = layers.Conv1D(filters, 3, padding="causal", dilation_rate=dilation, activation="relu")(y)
        x = layers.Add()([x, y])
    x = layers.Cropping1D((frames - 1, 0))(x)
    return keras.Model(start, layers.Dense(5)(layers.Flatten()(x)))


def counter(frames: int = 96, filters: int = 16) -> Any:
    """Strided convolutions and a mean over the window."""
    x = start = keras.Input((frames, CHANNELS))
    for _ in range(2):
        x = layers.Conv1D(filters, 5, strides=2, activation="relu")(x)
    return keras.Model(start, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


NETWORKS: dict[str, Callable[[], Any]] = {"wake_word": wake_word, "tcn": tcn, "mean": counter}
