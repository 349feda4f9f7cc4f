"""Converts a Keras file or SavedModel to a float32 .tflite. The only module of a conversion that imports TensorFlow.

It runs as a process of its own (`python -m dqa.frontend.keras SOURCE WORKDIR`), so that noise, memory and crashes of
TensorFlow stay outside. Writes WORKDIR/model.tflite, whose signature has the outputs in the model's order, and WORKDIR/result.json:
{"layers": [...], "inputs": [...], "outputs": [...]} or {"error": message, "hint": hint, "kind": "model" | "tool"}.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from dqa.errors import DqaError, ModelError, ToolError
from dqa.frontend.keras_files import DAMAGED
from dqa.frontend.keras_load import INSTALL, load_keras, reason
from dqa.frontend.keras_recurrent import mark_recurrent
from dqa.frontend.keras_steps import below_each_other, join_steps
from dqa.frontend.limits import limit_process
from dqa.frontend.names import in_order, numbered
from dqa.frontend.saved_model import FLOAT_HINT, HINT, check_saved_model, other_floats

Names = dict[str, list[str]]


def convert(source: Path, name: str, workdir: Path) -> Names:
    """Writes workdir/model.tflite, batch 1; gives the names of layers, inputs and outputs. `name` is how errors call the source.

    Raises ModelError, ToolError.
    """
    if source.is_dir():
        data, names = _convert_saved_model(source, name)
    else:
        model, layers = load_keras(source, name, workdir)
        entries = fixed_inputs(model, name)
        names = {"layers": layers, "inputs": numbered(entry.name for entry in entries), "outputs": output_names(model, name)}
        data = _convert_keras(model, name)
    (workdir / "model.tflite").write_bytes(data)
    return names


def only_input(model: Any, name: str) -> Any:
    """The input of a Keras model that has one, of a fixed size. Raises ModelError for another."""
    inputs = fixed_inputs(model, name)
    if len(inputs) != 1:
        names = ", ".join(f"'{entry.name}'" for entry in inputs)
        raise ModelError(
            f"{name}: the model has {len(inputs)} inputs ({names}), expected 1", hint="build it with one input of a fixed size"
        )
    return inputs[0]


def fixed_inputs(model: Any, name: str) -> list[Any]:
    """The inputs of a Keras model, all of a fixed size. Raises ModelError where they are not, or not known."""
    inputs = list(getattr(model, "inputs", None) or [])
    if not inputs:
        raise ModelError(
            f"{name}: the shape of the model's input is not known", hint="begin the model with keras.Input(shape) and save it again"
        )
    for entry in inputs:
        _check_fixed(tuple(entry.shape[1:]), entry.name, name)
    return inputs


def output_names(model: Any, name: str) -> list[str]:
    """The names of a Keras model's outputs, in its order: those of their layers, numbered where a layer gives several.

    Raises ModelError for an output that is the input, or another output again.
    """
    names = numbered(output._keras_history.operation.name for output in model.outputs)
    places: dict[int, str] = {id(entry): "the input itself" for entry in model.inputs}
    for output, own in zip(model.outputs, names, strict=True):
        if id(output) in places:
            raise ModelError(f"{name}: output '{own}' is {places[id(output)]}", hint="build the model without that output")
        places[id(output)] = f"the same as output '{own}'"
    return names


def _convert_keras(model: Any, source: str) -> bytes:
    import keras
    import tensorflow as tf

    # A batch of 1 in the graph itself: with an open batch size, flattening becomes arithmetic on shapes.
    # Their names tell in which order they are: the converter keeps none.
    names = [f"input_{place}" for place in range(len(model.inputs))] if len(model.inputs) > 1 else [None]
    singles = [
        keras.Input(batch_shape=(1, *below_each_other(entry.shape[1:])), dtype=entry.dtype, name=name)
        for entry, name in zip(model.inputs, names, strict=True)
    ]
    try:
        seen = [
            single if len(single.shape) == len(entry.shape) else keras.ops.reshape(single, (1, *entry.shape[1:]))
            for single, entry in zip(singles, model.inputs, strict=True)
        ]
        given = keras.tree.pack_sequence_as(model._inputs_struct, seen) if len(seen) > 1 else seen[0]
        mark_recurrent(model, source)
        join_steps(model, source)
        fixed = keras.Model(singles if len(singles) > 1 else singles[0], keras.tree.flatten(model(given, training=False)))
        converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
        converter.allow_custom_ops = True  # the marks
        try:
            return _run(converter, source)
        except ModelError:
            _try(model, source)  # the converter does not say what Keras does
            raise
    except (ValueError, TypeError, OverflowError, tf.errors.OpError) as error:
        raise ModelError(f"{source}: TensorFlow cannot convert it: {reason(error)}", hint="give a float32 .tflite instead") from error


def _try(model: Any, source: str) -> None:
    """Raises ModelError, saying what Keras says, for a model that does not run, as one whose layers promise other shapes than they give."""
    import keras

    zeros = [keras.ops.zeros((1, *entry.shape[1:]), entry.dtype) for entry in model.inputs]
    try:
        model(zeros if len(zeros) > 1 else zeros[0], training=False)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{source}: Keras cannot run it: {reason(error)}", hint="build it so that model.predict works") from error


def _convert_saved_model(directory: Path, name: str) -> tuple[bytes, Names]:
    try:
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {reason(error)}", hint=INSTALL) from error
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString((directory / "saved_model.pb").read_bytes())
    except Exception as error:
        raise ModelError(f"{name}: saved_model.pb is damaged: {reason(error)}", hint=DAMAGED) from error
    check_saved_model(proto, name)
    try:
        loaded = tf.saved_model.load(str(directory))
    except Exception as error:
        raise ModelError(f"{name}: TensorFlow cannot load it: {reason(error)}", hint=HINT) from error
    if "serving_default" not in loaded.signatures:
        raise ModelError(f"{name}: has no signature 'serving_default'", hint="export it with model.export(...)")
    signature = loaded.signatures["serving_default"]
    arguments = signature.structured_input_signature[1]
    if not arguments:
        raise ModelError(f"{name}: the model has no input", hint=HINT)
    names = in_order(arguments)
    singles = [_single(argument, arguments[argument], name) for argument in names]
    outputs = in_order(signature.structured_outputs)
    fixed = tf.function(
        lambda *given: dict(enumerate_outputs(signature(**dict(zip(names, given, strict=True))), outputs)), input_signature=singles
    )
    try:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed.get_concrete_function()], loaded)
        return _run(converter, name), {"layers": [], "inputs": names, "outputs": outputs}
    except ModelError as error:
        if not (others := other_floats(proto)):
            raise
        raise ModelError(f"{name}: computes in {others}, for which TensorFlow Lite has no operators", hint=FLOAT_HINT) from error
    except (ValueError, TypeError, OverflowError, tf.errors.OpError) as error:
        raise ModelError(f"{name}: TensorFlow cannot convert it: {reason(error)}", hint=HINT) from error


def _single(argument: str, spec: Any, name: str) -> Any:
    """What an argument of a signature is for one sample. Raises ModelError."""
    import tensorflow as tf

    if spec.shape.rank is None or spec.shape.rank < 2:
        raise ModelError(f"{name}: the input has shape {spec.shape}", hint=HINT)
    if spec.dtype != tf.float32:
        raise ModelError(f"{name}: input '{argument}' is {spec.dtype.name}, expected float32", hint=FLOAT_HINT)
    if spec.shape[0] not in (None, 1):
        raise ModelError(f"{name}: input '{argument}' is a batch of {spec.shape[0]}", hint="export it with an open batch, or one of 1")
    shape = tuple(spec.shape[1:])
    _check_fixed(shape, argument, name)
    return tf.TensorSpec((1, *shape), spec.dtype)


def enumerate_outputs(answers: dict[str, Any], names: list[str]) -> list[tuple[str, Any]]:
    """The answers of a signature, named by their place as Keras names outputs."""
    return [(f"output_{place}", answers[name]) for place, name in enumerate(names)]


def _check_fixed(shape: tuple[int | None, ...], entry: str, name: str) -> None:
    if any(size is None for size in shape):
        raise ModelError(
            f"{name}: input '{entry}' has shape {(None, *shape)}: its size is open",
            hint="build it with a fixed input size",
        )


def _run(converter: Any, name: str) -> bytes:
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter's own exception classes are private
        # Where it cannot trace a model it tries another way, whose TypeError hides why.
        cause = error.__context__ if isinstance(error, TypeError) and error.__context__ is not None else error
        raise ModelError(f"{name}: TensorFlow Lite cannot express it: {reason(cause)}", hint="use layers with builtin operators") from error


def main(source: Path, name: str, workdir: Path) -> None:
    limit_process()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        result: dict[str, Any] = dict(convert(source, name, workdir))
    except DqaError as error:
        result = {"error": error.message, "hint": error.hint, "kind": "tool" if isinstance(error, ToolError) else "model"}
    except MemoryError:
        result = {"error": f"{name}: needs more memory than there is", "hint": "give a smaller model", "kind": "model"}
    (workdir / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
