"""Argmax of Keras as TensorFlow's own: around it Keras 3 tells -0 from 0 by bits, for which TensorFlow Lite has no operator."""

from __future__ import annotations

from typing import Any


def plain_argmax(model: Any) -> None:
    """Has every `keras.ops.argmax` of a Keras model, nested models included, computed so; the first of equals is the largest."""
    for part in model._flatten_layers():
        for operation in getattr(part, "operations", ()):
            if type(operation).__name__ == "Argmax":
                operation.call = _argmax(operation)


def _argmax(operation: Any) -> Any:
    import tensorflow as tf

    def call(x: Any) -> Any:
        flat = tf.reshape(x, [-1]) if operation.axis is None else x
        found = tf.argmax(flat, operation.axis or 0, output_type=tf.int32)
        return tf.reshape(found, operation.compute_output_spec(x).shape) if operation.keepdims else found

    return call
