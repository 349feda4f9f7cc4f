"""What the jobs of a model read: checked once, converted once, named by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import dataset as datasets
from dqa.data.entries import Entries
from dqa.errors import DataError
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
    shapes       of what the output may be the input again (none of several inputs) and of the output, batch included
    """

    settings: StudyModel
    tflite: Path
    metric: str
    fingerprint: tuple[tuple[str, str], ...]
    entries: Entries
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    def identity(self) -> Mapping[str, Any]:
        return dict(self.fingerprint)

    def load(self) -> FloatModel:
        return load_model(self.tflite)

    def mapping(self) -> datasets.InputMapping:
        return datasets.InputMapping.of_all(self.entries, self.settings.input_scale, self.settings.input_zero_point)

    def calibration(self, seed: int) -> tuple[Float32, datasets.Dataset]:
        """Float inputs, as Entries has them, and the samples: calibration_samples of the file, drawn by seed; all if there are no more."""
        dataset = metrics.with_class_numbers(
            datasets.DataFile(self.settings.calibration, entries=self.entries).load(), *self.shapes, self.settings.metric
        )
        count = self.settings.calibration_samples
        if count < len(dataset):
            chosen = np.sort(np.random.default_rng(seed).choice(len(dataset), count, replace=False))
            dataset = pick(dataset, chosen)
        return self.mapping().to_float(dataset.x), dataset

    def test(self) -> tuple[Float32, datasets.Dataset]:
        """Float inputs as Entries has them and the samples."""
        dataset = metrics.with_class_numbers(
            datasets.DataFile(self.settings.test, entries=self.entries).load(), *self.shapes, self.settings.metric
        )
        if self.settings.test_samples is not None:
            dataset = dataset.take(self.settings.test_samples)
        return self.mapping().to_float(dataset.x), dataset


def prepare(settings: StudyModel, directory: Path) -> ModelInputs:
    """Checks a model and its data and writes the float model below `directory`, unless an earlier run did.

    Raises ModelError, DataError, RecipeError, ToolError, naming what does not fit; InputError where it cannot be written.
    """
    source = settings.model
    digest = file_digest(source) if source.is_file() else None
    tflite = directory / f"{settings.name}-{digest[:16]}.tflite" if digest else None
    if tflite is None or not tflite.is_file():
        model = load_model(source)
        digest, tflite = model.sha256, directory / f"{settings.name}-{model.sha256[:16]}.tflite"
        write_atomically(tflite, model.tflite)
    model = load_model(tflite)
    entries, shapes = model.entries, (model.entries.rebuilt, tuple(model.output.shape))
    files = datasets.DataFile(settings.calibration, entries=entries), datasets.DataFile(settings.test, entries=entries)
    for file in files:
        file.check_shape(entries.shape)
    files[0].load()
    test = metrics.with_class_numbers(files[1].load(), *shapes, settings.metric)
    datasets.InputMapping.each(entries, settings.input_scale, settings.input_zero_point)
    metric = metrics.choose(test, *shapes, settings.metric)
    blank = np.broadcast_to(np.float32(0), (len(test), *model.output.shape[1:]))
    metrics.evaluate(metric, blank, test, test.x)  # refuses labels that do not fit, before any job
    fingerprint = {
        "model": str(digest),
        "calibration": file_digest(settings.calibration),
        "test": file_digest(settings.test),
        "calibration_samples": str(settings.calibration_samples),
        "test_samples": str(settings.test_samples),
        "input_scale": repr(settings.input_scale),
        "input_zero_point": repr(settings.input_zero_point),
        "metric": metric,
        "dqa": __version__,
    }
    return ModelInputs(settings, tflite.resolve(), metric, tuple(fingerprint.items()), entries, shapes)


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
