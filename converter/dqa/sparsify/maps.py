"""The activation maps of a Keras model: what is penalized, and counted."""

from __future__ import annotations

from typing import Any

from dqa.errors import ModelError

_ACTIVATIONS = {"ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"}
_NOT_MAPS = {"linear", "softmax", "log_softmax", "sigmoid", "hard_sigmoid", "tanh"}
"""Functions whose zeros say nothing: none at all, answers, and gates."""


def activation_maps(model: Any, name: str) -> dict[str, Any]:
    """The symbolic outputs of the layers that end with an activation function, by layer; of a layer that is shared, its first output.

    Layers inside nested models are left out, as are the model's own outputs. Raises ModelError where nothing is left.
    """
    ends = {id(tensor) for tensor in model.outputs}
    maps = {layer.name: layer.output for layer in model.layers if _activates(layer) and id(layer.output) not in ends}
    if not maps:
        raise ModelError(f"{name}: has no activation maps to make sparse", hint="sparsify models with ReLU layers that are not nested")
    return maps


def _activates(layer: Any) -> bool:
    function = getattr(layer, "activation", None)
    return type(layer).__name__ in _ACTIVATIONS or (function is not None and getattr(function, "__name__", "linear") not in _NOT_MAPS)
