"""Has layers that TimeDistributed repeats for every step work on all steps at once, where that is the same.

Keras takes the steps apart, which TensorFlow Lite then does one after the other, each with a copy of the layer.
"""

from __future__ import annotations

from typing import Any

from dqa.errors import ModelError

POINTWISE = {
    *("Activation", "BatchNormalization", "Dense", "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "Identity", "LayerNormalization"),
    *("LeakyReLU", "PReLU", "ReLU", "Rescaling", "Softmax", "TimeDistributed", "UnitNormalization"),
}
"""Layers that work on the last axis alone, whatever lies before it."""
HINT = "run the network of one step for each step on the device, or use convolutions of height 1 over (steps, width, channels)"
_MAPS = 4
"""Dimensions up to which the steps of single rows or points are one map."""


def join_steps(model: Any, name: str) -> None:
    """Replaces what TimeDistributed layers of a Keras model compute; the model serves for conversion alone from then on.

    Raises ModelError, naming the layer, where the steps cannot be done at once.
    """
    import keras

    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.TimeDistributed):
            continue
        inner, dimensions = layer.layer, len(layer.input.shape)
        if type(inner).__name__ not in POINTWISE or dimensions > _MAPS:
            what = f"{type(inner).__name__} '{inner.name}' for every step of shape {tuple(layer.input.shape[2:])}"
            raise ModelError(f"{name}: layer '{layer.name}' repeats {what}", hint=HINT)
        object.__setattr__(inner, "input_spec", None)  # of one step
        object.__setattr__(layer, "call", _at_once(inner))


def _at_once(inner: Any) -> Any:
    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return inner(inputs)

    return call
