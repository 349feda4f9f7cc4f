"""Has TensorFlow Lite leave recurrent layers whole: each becomes a custom operator with its weights, a mark, instead of a loop.

The converter makes a custom operator of a function that says so (experimental_implements, tfl_fusable_op); what the function computes is
of no interest, as dqa.frontend.recurrent puts the steps in the mark's place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dqa.errors import ModelError
from dqa.operators.recurrent import SETTINGS
from dqa.support.arrays import Float32

_FUNCTIONS = {"linear": "NONE", "sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU", "hard_sigmoid": "HARD_SIGMOID"}
_KINDS = {"SimpleRNN": "KERAS_RNN", "GRU": "KERAS_GRU", "LSTM": "KERAS_LSTM"}
_GATES = ("sigmoid", "hard_sigmoid")


def mark_recurrent(model: Any, name: str) -> None:
    """Replaces what recurrent layers of a Keras model compute by marks; the model serves for conversion alone from then on.

    Raises ModelError, naming the layer, for what DQA has no operator for.
    """
    import keras

    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN) or type(layer).__name__ in _KINDS]
    wrapped = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Bidirectional)]
    for layer in model._flatten_layers() if found else ():
        if getattr(layer, "mask_zero", False):
            raise ModelError(f"{_where(layer, name)} masks steps, which recurrent layers then skip", hint="build it with mask_zero=False")
    for layer in (*found, *wrapped):
        _check_ends(layer, name)
    for layer in found:
        _check(layer, name)
        object.__setattr__(layer, "call", _mark(layer, name))


def _where(layer: Any, name: str) -> str:
    return f"{name}: layer '{layer.name}' ({type(layer).__name__})"


def _check_ends(layer: Any, name: str) -> None:
    if layer.return_state:
        raise ModelError(f"{_where(layer, name)} gives its state as an output", hint="build it with return_state=False")
    if any(len(node.input_tensors) > 1 for node in layer._inbound_nodes):
        raise ModelError(f"{_where(layer, name)} begins with a state from another layer", hint="let it begin with zeros")


def _check(layer: Any, name: str) -> None:
    if type(layer).__name__ not in _KINDS:
        raise ModelError(f"{_where(layer, name)} has no counterpart in DQA", hint="use SimpleRNN, GRU or LSTM")
    for what in ("activation", "recurrent_activation"):
        known = _GATES if what == "recurrent_activation" else tuple(_FUNCTIONS)
        used = getattr(layer, what, None)
        if used is not None and used.__name__ not in known:
            raise ModelError(f"{_where(layer, name)} has the {what} '{used.__name__}'", hint=f"DQA has {', '.join(known)}")


def _weights(layer: Any) -> list[Float32]:
    """Kernel, recurrent kernel and bias; zeros where there is none."""
    kernel, recurrent, *bias = (np.asarray(weight, np.float32) for weight in layer.get_weights())
    shape = (2, kernel.shape[1]) if getattr(layer, "reset_after", False) else kernel.shape[1:]
    return [kernel, recurrent, bias[0] if bias else np.zeros(shape, np.float32)]


def _mark(layer: Any, name: str) -> Callable[..., Any]:
    import tensorflow as tf

    weights, mark = _weights(layer), _KINDS[type(layer).__name__]
    gate = getattr(layer, "recurrent_activation", None)
    used = (layer.activation.__name__, gate.__name__ if gate is not None else "sigmoid")
    settings = [SETTINGS.index(_FUNCTIONS[function]) for function in used]

    def computed(x: Any, kernel: Any, recurrent: Any, bias: Any, settings: Any) -> Any:
        shape = (x.shape[0], x.shape[1], layer.units) if layer.return_sequences else (x.shape[0], layer.units)
        return tf.reduce_sum(x) * tf.zeros(shape)

    marked = tf.function(computed, experimental_implements=f'name: "{mark}" attr {{ key: "tfl_fusable_op" value {{ b: true }} }}')

    def call(sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if mask is not None:
            raise ModelError(f"{_where(layer, name)} skips masked steps", hint="build the model without mask_zero")
        x = tf.reverse(sequences, [1]) if layer.go_backwards else sequences
        return marked(x, *(tf.constant(weight) for weight in weights), tf.constant(settings, tf.int32))

    return call
