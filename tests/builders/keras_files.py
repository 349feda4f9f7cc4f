"""Keras files for tests as Keras 2 wrote them: configurations by hand, weights by h5py.

Also the front end without a process of its own.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

Config = dict[str, Any]
Weights = Mapping[str, Sequence[npt.NDArray[np.float32]]]


def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """load_model converts Keras files, and tries .tflite files, in this process: libraries are imported once for all of them."""
    from dqa.frontend import keras, load, probe
    from dqa.frontend.worker import run_worker

    def run(module: str, source: Path, name: str, workdir: Path, seconds: int) -> Config:
        if module == "dqa.frontend.keras":
            return dict(keras.convert(source, name, workdir))
        if module == "dqa.frontend.probe":
            assert probe.probe(source.read_bytes()) is None
            return {}
        return run_worker(module, source, name, workdir, seconds)

    monkeypatch.setattr(load, "run_worker", run)


def keras_2_layer(kind: str, name: str, after: str | None = None, call: int = 0, **config: Any) -> Config:
    """A layer as Keras 2 writes it; in a functional model, that which reads call number `call` of the layer `after`."""
    item: Config = {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}
    return item if after is None else {**item, "name": name, "inbound_nodes": [[[after, call, 0, {}]]]}


def keras_2_input(name: str, shape: Sequence[int], functional: bool = True) -> Config:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "ragged": False, "name": name}
    item: Config = {"class_name": "InputLayer", "config": config}
    return {**item, "name": name, "inbound_nodes": []} if functional else item


def keras_2_functional(layers: Sequence[Config], entry: str, outputs: Sequence[str], name: str = "net") -> Config:
    ends = {"input_layers": [[entry, 0, 0]], "output_layers": [[output, 0, 0] for output in outputs]}
    return {"class_name": "Functional", "config": {"name": name, "trainable": True, "layers": list(layers), **ends}}


def write_h5(path: Path, config: Config, weights: Weights, version: str = "2.11.0") -> Path:
    """weights: of each layer of the model itself, by its name; of a nested model, all that are in it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"], file.attrs["backend"] = json.dumps(config), version, "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["keras_version"], group.attrs["backend"] = version, "tensorflow"
        for layer, arrays in weights.items():
            names = [f"{layer}/weight_{number}:0" for number in range(len(arrays))]
            own = group.create_group(layer)
            own.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays, strict=True):
                own.create_dataset(name, data=array)
    return path


def write_keras(path: Path, config: Config, weights: Weights, version: str = "2.15.0") -> Path:
    """weights: by the path of the layer in the archive, such as "layers/dense_1"."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_group("vars")
        for layer, arrays in weights.items():
            for number, array in enumerate(arrays):
                file[f"{layer}/vars/{number}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", memory.getvalue())
    return path
