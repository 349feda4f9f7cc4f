"""load_model: any supported model file -> FloatModel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np

from dqa.errors import ModelError, ToolError
from dqa.frontend.dequantize import Quantized, dequantize, is_quantized
from dqa.frontend.exported import LAYOUT, TOOLS, to_tflite
from dqa.frontend.in_memory import ModelSource, saved
from dqa.frontend.largest import argmax_notes
from dqa.frontend.limits import CONVERT_SECONDS, MAX_MODEL_BYTES, PROBE_SECONDS
from dqa.frontend.model import FloatModel
from dqa.frontend.names import name_ends, unique_names
from dqa.frontend.passes import simplify
from dqa.frontend.recurrent import marked, runnable
from dqa.frontend.tflite import IDENTIFIER, UNSUPPORTED_HINT, corrupt, read_model
from dqa.frontend.worker import run_worker
from dqa.graph.model import Graph
from dqa.support import processes
from dqa.support.limits import MAX_DIMENSION
from dqa.tflite.flatbuffer import FlatbufferError

FORMATS = "dqa reads .h5 and .keras files, SavedModel directories, .tflite, .onnx and .pt2 files"
_SUFFIXES = {".h5": "h5", ".hdf5": "h5", ".keras": "keras", ".tflite": "tflite", ".onnx": "onnx", ".pt2": "pt2"}
_SIGNATURES = {"h5": b"\x89HDF\r\n\x1a\n", "keras": b"PK\x03\x04"}
_NAMES = {"h5": "an HDF5 file", "keras": "a .keras archive", "tflite": "a TensorFlow Lite model"}


def load_model(model: ModelSource) -> FloatModel:
    """Reads a model: Keras .h5 or .keras, SavedModel directory, .tflite, .onnx or .pt2, or a Keras model in memory; one that is quantized
    is read as the float network that it stands for. No code of the file is run here; what .onnx and .pt2 files may do is up to the tools
    that read them.

    Raises ModelError, naming the file, for anything that cannot be converted; ToolError if TensorFlow is needed and missing.
    """
    if isinstance(model, str | os.PathLike):
        return _read(Path(model), str(model))
    with saved(model) as (path, name):
        return _read(path, name)


def may_be_quantized(model: ModelSource) -> bool:
    """Whether it may be a model that holds the ranges of its activations."""
    return isinstance(model, str | os.PathLike) and Path(model).suffix.lower() == ".tflite"


def _read(path: Path, name: str) -> FloatModel:
    """name: how errors call it."""
    kind = model_kind(path)
    with processes.folder() as workdir:
        names: dict[str, list[str]] = {}
        marks = kind in ("h5", "keras")
        quantized: Quantized | None = None
        if kind in TOOLS:
            data = to_tflite(kind, path, name, workdir)
        elif kind == "tflite":
            data = path.read_bytes()
            if (before := _marked(data, name)) is not None:
                data, marks = before, True
            if _is_quantized(data, name):
                _probe(data, name, workdir)
                data, quantized = dequantize(data, name)
        else:
            if importlib.util.find_spec("tensorflow") is None:
                raise ToolError(
                    f"{name}: TensorFlow is needed to read it, and is not installed",
                    hint="pip install 'dqa-convert[keras]', or give a float32 .tflite, which needs no TensorFlow",
                )
            names = run_worker("dqa.frontend.keras", path, name, workdir, CONVERT_SECONDS)
            data = (workdir / "model.tflite").read_bytes()
        graph, signature = read_model(data, name, names.get("layers", ()), names.get("outputs", ()), marks=marks)
        data = runnable(data, graph, name)
        if not names and signature is not None:
            names = {"inputs": list(signature.inputs), "outputs": list(signature.outputs)}
        if kind == "tflite" or kind in TOOLS:
            _probe(data, name, workdir)
    with np.errstate(over="ignore"):
        simplify(graph)
    for tensor in graph.tensors.values():
        if tensor.data is not None and not np.isfinite(tensor.data).all():
            raise ModelError(f"{name}: weights '{tensor.name}' pass the range of float32", hint="train or export the model again")
    unique_names(graph, names.get("layers", ()), names.get("outputs", ()))
    name_ends(graph, names.get("inputs", ()), names.get("outputs", ()))
    _check_shapes(graph, name)
    turned = kind in TOOLS and any(len(graph.tensors[index].shape) > 2 for index in graph.inputs)
    notes = (*((LAYOUT,) if turned else ()), *argmax_notes(graph))
    return FloatModel(data, graph, name, _sha256(path), quantized, notes)


def _is_quantized(data: bytes, name: str) -> bool:
    try:
        return data[4:8] == IDENTIFIER and is_quantized(data)
    except FlatbufferError as error:
        raise corrupt(name, error) from error


def _marked(data: bytes, name: str) -> bytes | None:
    try:
        return marked(data) if data[4:8] == IDENTIFIER else None
    except FlatbufferError as error:
        raise corrupt(name, error) from error


def _probe(data: bytes, name: str, workdir: Path) -> None:
    tried = workdir / "model.tflite"
    tried.write_bytes(data)
    run_worker("dqa.frontend.probe", tried, name, workdir, PROBE_SECONDS)


def _check_shapes(graph: Graph, name: str) -> None:
    """Refuses what no program can say, once the passes have had their turn: other shapes than height x width x channels of 16 bits."""
    places = [(f"input '{graph.tensors[index].name}'", graph.tensors[index]) for index in graph.inputs]
    places += [(f"layer '{op.name}' ({op.kind})", graph.tensors[index]) for op in graph.ops for index in (*op.inputs, *op.outputs)]
    for where, tensor in places:
        if tensor.is_constant:
            continue
        if not tensor.is_map:
            what = "of more than 4 dimensions" if len(tensor.shape) > 4 else "which is not of one sample"
            raise ModelError(f"{name}: {where} works on shape {tensor.shape}, {what}", hint=UNSUPPORTED_HINT)
        if max(tensor.shape) > MAX_DIMENSION:
            raise ModelError(
                f"{name}: {where} works on shape {tensor.shape}: a dimension of more than {MAX_DIMENSION:,}",
                hint="split that dimension: a dense layer takes a Flatten of any height x width x channels",
            )


def model_kind(path: Path) -> str:
    """h5, keras, tflite or saved_model, by name and content. Raises ModelError for what is none of them or cannot be read."""
    name = str(path)
    try:
        if path.is_dir():
            if not (path / "saved_model.pb").is_file():
                raise ModelError(f"{name}: is a directory without saved_model.pb", hint=FORMATS)
            if sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) > MAX_MODEL_BYTES:
                raise ModelError(f"{name}: is larger than {MAX_MODEL_BYTES >> 20} MiB", hint="give the model alone")
            return "saved_model"
        if not path.exists():
            raise ModelError(f"{name}: no such file", hint="check the path")
        if not path.is_file():
            raise ModelError(f"{name}: is not a file", hint=FORMATS)
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(f"{name}: cannot be read: {error.strerror}", hint="check the path and its permissions") from error
    if size == 0:
        raise ModelError(f"{name}: is empty", hint="save or download the model again")
    if size > MAX_MODEL_BYTES:
        raise ModelError(f"{name}: is larger than {MAX_MODEL_BYTES >> 20} MiB", hint="such a model does not fit a microcontroller")
    kind = _SUFFIXES.get(path.suffix.lower())
    content = next((kind for kind, signature in _SIGNATURES.items() if head.startswith(signature)), None)
    if head[4:8] == IDENTIFIER:
        content = "tflite"
    if kind is None and content is None:
        raise ModelError(f"{name}: is not a model file", hint=FORMATS)
    if path.suffix.lower() == ".npz":
        raise ModelError(f"{name}: is data, not a model", hint=f"the model comes first; {FORMATS}")
    if kind in TOOLS:
        return kind or ""
    if kind is not None and kind != content:
        what = f"it is {_NAMES[content]}" if content else "its content is something else"
        raise ModelError(f"{name}: is not {_NAMES[kind]}: {what}", hint="save or download the model again, with the right name")
    return content or ""


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    if not path.is_dir():
        digest.update(path.read_bytes())
        return digest.hexdigest()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
