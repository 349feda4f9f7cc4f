"""Has layers that TimeDistributed repeats for every step, or frame, computed as programs can.

Layers of the last axis alone work on all steps at once. Others, convolutions or whole networks, are used once for each frame, as siamese
networks are: one after the other, their weights stored once. Frames come one below the other, as maps have no fifth dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dqa.errors import ModelError

POINTWISE = {
    *("Activation", "BatchNormalization", "Dense", "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "Identity", "LayerNormalization"),
    *("LeakyReLU", "PReLU", "ReLU", "Rescaling", "Softmax", "TimeDistributed", "UnitNormalization"),
}
"""Layers that work on the last axis alone, whatever lies before it."""
MOST = 64
"""Frames of a layer that is used for each."""
HINT = "run the network of one step for each step on the device, or use convolutions of height 1 over (steps, width, channels)"
_MAPS = 4
"""Dimensions up to which the steps of single rows or points are one map."""
_JOINED = 16
"""Frames that one operator puts together."""


def join_steps(model: Any, name: str) -> None:
    """Replaces what TimeDistributed layers of a Keras model compute; the model serves for conversion alone from then on.

    Raises ModelError, naming the layer, where there are too many frames.
    """
    import keras

    frames: Frames = {}
    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.TimeDistributed):
            continue
        inner, shape = layer.layer, layer.input.shape
        if type(inner).__name__ in POINTWISE and len(shape) <= _MAPS:
            object.__setattr__(inner, "input_spec", None)  # of one step
            object.__setattr__(layer, "call", _at_once(inner))
        elif shape[1] <= MOST:
            object.__setattr__(layer, "call", _one_by_one(inner, frames))
        else:
            what = f"{type(inner).__name__} '{inner.name}' for {shape[1]} steps of shape {tuple(shape[2:])}, at most {MOST}"
            raise ModelError(f"{name}: layer '{layer.name}' repeats {what}", hint=HINT)


def below_each_other(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape (rows, width, channels) of frames (frames, height, width, channels), other shapes as they are; without the batch."""
    return (shape[0] * shape[1], *shape[2:]) if len(shape) == _MAPS else tuple(shape)


Frames = dict[int, tuple[Any, list[Any]]]
"""By the id of a tensor of frames: the tensor, which keeps the id, and the frames that it was made of."""


def _at_once(inner: Any) -> Any:
    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return inner(inputs)

    return call


def _one_by_one(inner: Any, frames: Frames) -> Any:
    from keras import ops

    def apart(x: Any) -> list[Any]:
        if id(x) in frames:
            return frames[id(x)][1]
        _, count, *shape = x.shape
        rows = shape[0] if len(shape) > 1 else 1
        below = x if len(shape) == 1 else ops.reshape(x, (1, count * rows, *shape[1:]))
        found = [below[:, i * rows : (i + 1) * rows] for i in range(count)]
        return [ops.reshape(frame, (1, *shape)) for frame in found]

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        made = [inner(frame) for frame in apart(inputs)]
        below = made if len(made[0].shape) > 2 else [ops.expand_dims(vector, 1) for vector in made]
        parts = [ops.concatenate(below[i : i + _JOINED], axis=1) for i in range(0, len(below), _JOINED)]
        rows = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
        joined = ops.reshape(rows, (1, len(made), *made[0].shape[1:]))
        frames[id(joined)] = joined, made
        return joined

    return call
