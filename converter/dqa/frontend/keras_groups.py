"""GroupNormalization of Keras in operators of maps: it takes the groups apart into a fifth dimension, which no map has.

Means over the pixels are those of channels; a matrix puts those of a group together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dqa.errors import ModelError


def groups_as_channels(model: Any, name: str) -> None:
    """Has the group normalizations of a Keras model, nested models included, computed so; weights and configuration stay.

    Raises ModelError, calling the file `name`, for one over another axis than the last.
    """
    import keras

    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.GroupNormalization):
            continue
        if layer.axis not in (-1, len(layer.input.shape) - 1):
            raise ModelError(
                f"{name}: layer '{layer.name}' normalizes groups of axis {layer.axis}",
                hint="put the channels last: axis=-1",
            )
        layer.call = _by_channels(layer, int(layer.input.shape[-1]))


def _by_channels(layer: Any, channels: int) -> Any:
    from keras import ops

    count = channels // (channels if layer.groups == -1 else layer.groups)
    together = np.kron(np.eye(channels // count), np.full((count, count), 1 / count)).astype(np.float32)

    def mean(x: Any) -> Any:
        """Of each channel's group, over all pixels: (1, ..., 1, C)."""
        x = ops.mean(x, axis=tuple(range(1, len(x.shape) - 1)), keepdims=True) if len(x.shape) > 2 else x
        return x if count == 1 else ops.reshape(ops.matmul(ops.reshape(x, (1, channels)), together), x.shape)

    def call(inputs: Any) -> Any:
        apart = inputs - mean(inputs)
        normal = apart * ops.rsqrt(mean(ops.square(apart)) + layer.epsilon)
        normal = normal * layer.gamma if layer.scale else normal
        return normal + layer.beta if layer.center else normal

    return call
