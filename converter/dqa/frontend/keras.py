"""Converts a Keras file or SavedModel to a float32 .tflite. The only module that imports TensorFlow.

It runs as a process of its own (`python -m dqa.frontend.keras SOURCE WORKDIR`), so that noise, memory and crashes of
TensorFlow stay outside. Writes WORKDIR/model.tflite and WORKDIR/result.json: {"layers": [...]} or
{"error": message, "hint": hint, "kind": "model" | "tool"}.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

from dqa.errors import DqaError, ModelError, ToolError
from dqa.frontend.keras_config import check_config, layer_names, modernize
from dqa.frontend.limits import MAX_CONFIG_BYTES, MAX_MODEL_BYTES, limit_process
from dqa.frontend.saved_model import HINT, check_saved_model

DAMAGED = "the file is damaged or incomplete; save or download it again"
INSTALL = "pip install 'dqa-convert[keras]', or give a float32 .tflite, which needs no TensorFlow"
SAVE_AGAIN = "save it again with model.save(...)"
TOO_LARGE = f"models of up to {MAX_MODEL_BYTES >> 20} MiB are converted"
ARCHIVE = {"metadata.json", "config.json", "model.weights.h5"}


def convert(source: Path, name: str, workdir: Path) -> list[str]:
    """Writes workdir/model.tflite, batch 1; gives the names of the layers. `name` is how errors call the source."""
    if source.is_dir():
        return _convert_saved_model(source, name, workdir)
    copy = workdir / ("model" + (".keras" if zipfile.is_zipfile(source) else ".h5"))
    shutil.copyfile(source, copy)
    config = _check_archive(copy, name, workdir) if copy.suffix == ".keras" else _check_hdf5_model(copy, name)
    try:
        import keras

        model = keras.models.load_model(copy, compile=False, safe_mode=True)
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {_line(error)}", hint=INSTALL) from error
    except Exception as error:
        raise ModelError(f"{name}: Keras cannot load it: {_line(error)}", hint=_keras_hint(config)) from error
    _write(_convert_keras(model, name), workdir)
    return layer_names(config)


def _check_archive(path: Path, name: str, workdir: Path) -> Any:
    """The configuration of a .keras file, once all of the file is found to be plain data."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if strange := sorted(set(sizes) - ARCHIVE):
                raise ModelError(
                    f"{name}: holds '{strange[0]}', which a .keras file of plain layers does not",
                    hint="save it with Keras 3: model.save(...)",
                )
            if missing := sorted(ARCHIVE - set(sizes)):
                raise ModelError(f"{name}: is not a .keras file: '{missing[0]}' is missing", hint=DAMAGED)
            if sizes["config.json"] > MAX_CONFIG_BYTES or sum(sizes.values()) > MAX_MODEL_BYTES:
                raise ModelError(f"{name}: unpacks to {sum(sizes.values())} bytes", hint=TOO_LARGE)
            config = json.loads(archive.read("config.json"))
            check_config(config, name)
            weights = archive.extract("model.weights.h5", workdir)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RecursionError, NotImplementedError) as error:
        raise ModelError(f"{name}: damaged .keras file: {_line(error)}", hint=DAMAGED) from error
    _check_hdf5(Path(weights), name)
    return config


def _check_hdf5_model(path: Path, name: str) -> Any:
    """The configuration of a .h5 file, once it is found to be plain data; what Keras 3 refuses of Keras 2's is taken out of `path`."""
    import h5py

    _check_hdf5(path, name)
    try:
        with h5py.File(path, "r+") as file:
            if "model_config" not in file.attrs:
                raise ModelError(f"{name}: holds weights but no model", hint="save the whole model with model.save('model.h5')")
            text = file.attrs["model_config"]
            config = json.loads(text.decode() if isinstance(text, bytes) else str(text))
            check_config(config, name)
            file.attrs["model_config"] = json.dumps(modernize(config))
            file.attrs.pop("training_config", None)
    except (OSError, ValueError, KeyError, RuntimeError, RecursionError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {_line(error)}", hint=DAMAGED) from error
    return config


def _check_hdf5(path: Path, name: str) -> None:
    """Refuses links to other files, data kept in other files, and more data than a model may have."""
    import h5py

    total = 0
    pending = ["/"]
    try:
        with h5py.File(path, "r") as file:
            seen = set()
            while pending:
                group = file[pending.pop()]
                if group.id in seen:
                    continue
                seen.add(group.id)
                for key in group:
                    link = group.get(key, getlink=True)
                    if not isinstance(link, h5py.HardLink):
                        raise ModelError(f"{name}: holds a link ('{key}') to other data", hint=SAVE_AGAIN)
                    item = group[key]
                    if isinstance(item, h5py.Group):
                        pending.append(item.name)
                    elif isinstance(item, h5py.Dataset):
                        if item.external or item.is_virtual:
                            raise ModelError(f"{name}: dataset '{item.name}' lies in another file", hint=SAVE_AGAIN)
                        total += item.size * item.dtype.itemsize
            if total > MAX_MODEL_BYTES:
                raise ModelError(f"{name}: holds {total} bytes of weights", hint=TOO_LARGE)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {_line(error)}", hint=DAMAGED) from error


def _keras_hint(config: Any) -> str:
    if "Input 0 of layer" in str(config):
        return DAMAGED
    return "if it was saved by Keras 2, save it again as .h5, or give a float32 .tflite"


def _convert_keras(model: Any, name: str) -> bytes:
    import keras
    import tensorflow as tf

    if len(model.inputs) != 1:
        raise ModelError(f"{name}: the model has {len(model.inputs)} inputs, expected 1", hint="dqa converts models with one input")
    shape = tuple(model.inputs[0].shape[1:])
    _check_fixed(shape, name)
    # A batch of 1 in the graph itself: with an open batch size, flattening becomes arithmetic on shapes.
    entry = keras.Input(batch_shape=(1, *shape), dtype=model.inputs[0].dtype)
    try:
        fixed = keras.Model(entry, model(entry, training=False))
        return _run(tf.lite.TFLiteConverter.from_keras_model(fixed), name)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ModelError(f"{name}: TensorFlow cannot convert it: {_line(error)}", hint="give a float32 .tflite instead") from error


def _convert_saved_model(directory: Path, name: str, workdir: Path) -> list[str]:
    try:
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2
    except ImportError as error:
        raise ToolError(f"TensorFlow cannot be imported: {_line(error)}", hint=INSTALL) from error
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString((directory / "saved_model.pb").read_bytes())
    except Exception as error:
        raise ModelError(f"{name}: saved_model.pb is damaged: {_line(error)}", hint=DAMAGED) from error
    check_saved_model(proto, name)
    try:
        loaded = tf.saved_model.load(str(directory))
    except Exception as error:
        raise ModelError(f"{name}: TensorFlow cannot load it: {_line(error)}", hint=HINT) from error
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
        raise ModelError(f"{name}: TensorFlow cannot convert it: {_line(error)}", hint=HINT) from error
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
        raise ModelError(f"{name}: TensorFlow Lite cannot express it: {_line(error)}", hint="use layers with builtin operators") from error


def _write(data: bytes, workdir: Path) -> None:
    (workdir / "model.tflite").write_bytes(data)


def _line(error: BaseException) -> str:
    """The first telling line of an exception, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


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
