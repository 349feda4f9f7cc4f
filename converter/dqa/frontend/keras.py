"""Converts a Keras file or SavedModel to a float32 .tflite. The only module of a conversion that imports TensorFlow.

It runs as a process of its own (`python -m dqa.frontend.keras SOURCE WORKDIR`), so that noise, memory and crashes of
TensorFlow stay outside. Writes WORKDIR/model.tflite and WORKDIR/result.json: {"layers": [...]} or
{"error": message, "hint": hint, "kind": "model" | "tool"}.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from dqa.errors import DqaError, ModelError, ToolError
from dqa.frontend.keras_config import layer_names
from dqa.frontend.keras_files import DAMAGED, clean_archive, clean_hdf5, first_line
from dqa.frontend.limits import limit_process
from dqa.frontend.saved_model import HINT, check_saved_model

OTHER_WAY = "if Keras 2 saved it, save it again as .h5; or give a float32 .tflite"
INSTALL = "pip install 'dqa-convert[keras]', or give a float32 .tflite, which needs no TensorFlow"


def convert(source: Path, name: str, workdir: Path) -> list[str]:
    """Writes workdir/model.tflite, batch 1; gives the names of the layers. `name` is how errors call the source."""
    if source.is_dir():
        return _convert_saved_model(source, name, workdir)
    model, config = load_keras(source, name, workdir)
    _write(_convert_keras(model, name), workdir)
    return layer_names(config)


def load_keras(source: Path, name: str, workdir: Path) -> tuple[Any, Any]:
    """The Keras model in a .h5 or .keras file, and its configuration, once that is found to be plain; works on a copy in `workdir`.

    Raises ModelError, calling the source `name`; ToolError without TensorFlow.
    """
    with source.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    copy = workdir / ("model.keras" if is_archive else "model.h5")
    shutil.copyfile(source, copy)
    config = clean_archive(copy, name) if is_archive else clean_hdf5(copy, name)
    try:
        import keras

        model = keras.models.load_model(copy, compile=False, safe_mode=True)
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {first_line(error)}", hint=INSTALL) from error
    except Exception as error:
        raise ModelError(f"{name}: Keras cannot load it: {first_line(error)}", hint=OTHER_WAY) from error
    return model, config


def _convert_keras(model: Any, name: str) -> bytes:
    import keras
    import tensorflow as tf

    entry = only_input(model, name)
    # A batch of 1 in the graph itself: with an open batch size, flattening becomes arithmetic on shapes.
    single = keras.Input(batch_shape=(1, *entry.shape[1:]), dtype=entry.dtype)
    try:
        fixed = keras.Model(single, model(single, training=False))
        return _run(tf.lite.TFLiteConverter.from_keras_model(fixed), name)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ModelError(f"{name}: TensorFlow cannot convert it: {first_line(error)}", hint="give a float32 .tflite instead") from error


def only_input(model: Any, name: str) -> Any:
    """The input of a Keras model that has one, of a fixed size. Raises ModelError for another."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(f"{name}: the model has {len(inputs)} inputs, expected 1", hint="build it with one input of a fixed size")
    _check_fixed(tuple(inputs[0].shape[1:]), name)
    return inputs[0]


def _convert_saved_model(directory: Path, name: str, workdir: Path) -> list[str]:
    try:
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {first_line(error)}", hint=INSTALL) from error
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString((directory / "saved_model.pb").read_bytes())
    except Exception as error:
        raise ModelError(f"{name}: saved_model.pb is damaged: {first_line(error)}", hint=DAMAGED) from error
    check_saved_model(proto, name)
    try:
        loaded = tf.saved_model.load(str(directory))
    except Exception as error:
        raise ModelError(f"{name}: TensorFlow cannot load it: {first_line(error)}", hint=HINT) from error
    if "serving_default" not in loaded.signatures:
        raise ModelError(f"{name}: has no signature 'serving_default'", hint="export it with model.export(...)")
    signature = loaded.signatures["serving_default"]
    arguments = signature.structured_input_signature[1]
    if len(arguments) != 1:
        raise ModelError(f"{name}: the model has {len(arguments)} inputs, expected 1", hint="dqa converts models with one input")
    ((argument, spec),) = arguments.items()
    if spec.shape.rank is None or spec.shape.rank < 2:
        raise ModelError(f"{name}: the input has shape {spec.shape}", hint=HINT)
    shape = tuple(spec.shape[1:])
    _check_fixed(shape, name)
    fixed = tf.function(lambda x: signature(**{argument: x}), input_signature=[tf.TensorSpec((1, *shape), spec.dtype)])
    try:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed.get_concrete_function()], loaded)
        _write(_run(converter, name), workdir)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ModelError(f"{name}: TensorFlow cannot convert it: {first_line(error)}", hint=HINT) from error
    return []


def _check_fixed(shape: tuple[int | None, ...], name: str) -> None:
    if any(size is None for size in shape):
        raise ModelError(
            f"{name}: the input has shape {(None, *shape)}: its size is open",
            hint="build it with a fixed input size",
        )


def _run(converter: Any, name: str) -> bytes:
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter's own exception classes are private
        raise ModelError(
            f"{name}: TensorFlow Lite cannot express it: {first_line(error)}", hint="use layers with builtin operators"
        ) from error


def _write(data: bytes, workdir: Path) -> None:
    (workdir / "model.tflite").write_bytes(data)


def main(source: Path, name: str, workdir: Path) -> None:
    limit_process()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        result: dict[str, Any] = {"layers": convert(source, name, workdir)}
    except DqaError as error:
        result = {"error": error.message, "hint": error.hint, "kind": "tool" if isinstance(error, ToolError) else "model"}
    (workdir / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
