"""What the jobs of a model read: checked once, converted once, named by content."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import dataset as datasets
from dqa.data.entries import Entries
from dqa.errors import DataError, RecipeError
from dqa.evaluation import metrics
from dqa.frontend import FloatModel, load_model
from dqa.lab.study.config import StudyModel
from dqa.support.arrays import Float32, Int64
from dqa.support.files import write_atomically
from dqa.support.version import __version__


@dataclass(frozen=True)
class ModelInputs:
    """A model of the study as its jobs take it; small, and equal for equal content, so that it can travel and be a key of a cache.

    tflite       the float model, written by `prepare`; paths are absolute, the machines of a cluster must all see them
    fingerprint  hashes and settings, by name: whatever the results depend on
    entries      the model's inputs
    outputs      the names of the model's outputs, and which of them is measured
    shapes       of what the output may be the input again (none of several inputs) and of the output, batch included
    """

    settings: StudyModel
    tflite: Path
    metric: str
    fingerprint: tuple[tuple[str, str], ...]
    entries: Entries
    outputs: tuple[tuple[str, ...], int]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    def identity(self) -> Mapping[str, Any]:
        return dict(self.fingerprint)

    def load(self) -> FloatModel:
        """The model, the output that is measured first among its outputs."""
        model = load_model(self.tflite)
        model.graph.outputs.insert(0, model.graph.outputs.pop(self.outputs[1]))
        return model

    def mapping(self) -> datasets.InputMapping:
        return datasets.InputMapping.of_all(self.entries, self.settings.input_scale, self.settings.input_zero_point)

    def calibration(self, seed: int) -> tuple[Float32, datasets.Dataset]:
        """Float inputs, as Entries has them, and the samples: calibration_samples of the file, drawn by seed; all if there are no more."""
        dataset = self._samples(self.settings.calibration)
        count = self.settings.calibration_samples
        if count < len(dataset):
            chosen = np.sort(np.random.default_rng(seed).choice(len(dataset), count, replace=False))
            dataset = pick(dataset, chosen)
        return self.mapping().to_float(dataset.x), dataset

    def test(self) -> tuple[Float32, datasets.Dataset]:
        """Float inputs as Entries has them and the samples."""
        dataset = self._samples(self.settings.test)
        if self.settings.test_samples is not None:
            dataset = dataset.take(self.settings.test_samples)
        return self.mapping().to_float(dataset.x), dataset

    def _samples(self, path: Path) -> datasets.Dataset:
        """All samples of a file, with the labels of the output that is measured, classes as numbers."""
        names, place = self.outputs
        dataset = datasets.DataFile(path, entries=self.entries, outputs=names).load().of_output(place, names[place])
        return metrics.with_class_numbers(dataset, *self.shapes, self.settings.metric)


def prepare(settings: StudyModel, directory: Path) -> ModelInputs:
    """Checks a model and its data and writes the float model below `directory`, unless an earlier run did.

    Raises ModelError, DataError, RecipeError, ToolError, naming what does not fit; InputError where it cannot be written.
    """
    digest, tflite, names = _read(settings, directory)
    model = load_model(tflite)
    entries = model.entries
    files = [datasets.DataFile(path, entries=entries, outputs=names) for path in (settings.calibration, settings.test)]
    for file in files:
        file.check_shape(entries.shape)
    files[0].load()
    test = files[1].load()
    place = _measured(names, settings, test)
    shapes = entries.rebuilt, tuple(model.graph.tensors[model.graph.outputs[place]].shape)
    test = metrics.with_class_numbers(test.of_output(place, names[place]), *shapes, settings.metric)
    datasets.InputMapping.each(entries, settings.input_scale, settings.input_zero_point)
    metric = metrics.choose(test, *shapes, settings.metric)
    blank = np.broadcast_to(np.float32(0), (len(test), *shapes[1][1:]))
    metrics.evaluate(metric, blank, test, test.x)  # refuses labels that do not fit, before any job
    fingerprint = {
        "model": digest,
        "calibration": file_digest(settings.calibration),
        "test": file_digest(settings.test),
        "calibration_samples": str(settings.calibration_samples),
        "test_samples": str(settings.test_samples),
        "input_scale": repr(settings.input_scale),
        "input_zero_point": repr(settings.input_zero_point),
        "metric": metric,
        "dqa": __version__,
    }
    if len(names) > 1:
        fingerprint["output"] = names[place]
    return ModelInputs(settings, tflite.resolve(), metric, tuple(fingerprint.items()), entries, (names, place), shapes)


def _read(settings: StudyModel, directory: Path) -> tuple[str, Path, tuple[str, ...]]:
    """SHA-256 of the model, its .tflite, and the names of its outputs, which the .tflite does not have; from `directory` if it has them."""
    digest = file_digest(settings.model) if settings.model.is_file() else None
    if digest is not None:
        tflite, names = _kept(directory, settings.name, digest)
        with contextlib.suppress(OSError, ValueError):
            if tflite.is_file():
                return digest, tflite, tuple(map(str, json.loads(names.read_bytes())))
    model = load_model(settings.model)
    tflite, names = _kept(directory, settings.name, model.sha256)
    write_atomically(tflite, model.tflite)
    write_atomically(names, json.dumps(model.output_names) + "\n")
    return model.sha256, tflite, tuple(model.output_names)


def _kept(directory: Path, name: str, digest: str) -> tuple[Path, Path]:
    """Where the .tflite of a model lies, and the names of its outputs."""
    return directory / f"{name}-{digest[:16]}.tflite", directory / f"{name}-{digest[:16]}.outputs.json"


def _measured(names: tuple[str, ...], settings: StudyModel, test: datasets.Dataset) -> int:
    """The place of the output that is measured: the one that was named, else the first that has labels. Raises RecipeError."""
    if settings.output is None:
        return next((place for place, labels in enumerate(test.each) if labels.y is not None), 0)
    if settings.output not in names:
        raise RecipeError(
            f"models.{settings.name}.output: the model has no output '{settings.output}'", hint=f"its outputs: {', '.join(names)}"
        )
    return names.index(settings.output)


def pick(dataset: datasets.Dataset, chosen: Int64) -> datasets.Dataset:
    """The chosen samples of a dataset."""
    y = dataset.y if dataset.y is None or dataset.labels_are_per_group else dataset.y[chosen]
    return replace(dataset, x=dataset.x[chosen], y=y, group=None if dataset.group is None else dataset.group[chosen])


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"'{path}': {error.strerror}", hint="check the path; --data says where relative ones begin") from error
