"""What is behind one figure: each class by itself, which is taken for which, and the samples that are answered worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dqa.data.dataset import Dataset
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.support.arrays import Array, Float32, Float64, Int64

WORST, WIDEST = 10, 100
"""Samples listed, and classes of which JSON holds the confusion matrix."""


@dataclass(frozen=True)
class Classes:
    """names: of the C classes, their numbers where they have none. figure: "accuracy" (top1), or "IoU" (miou), of `values` and
    `float_values`, by class; NaN of a class that does not occur. confusion: (C, C) samples, or pixels, by label (row) and answer (column).
    """

    names: tuple[str, ...]
    figure: str
    values: Float64
    float_values: Float64
    confusion: Int64

    def to_json(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "figure": self.figure,
            "values": _plain(self.values),
            "float_values": _plain(self.float_values),
            **({"confusion": self.confusion.tolist()} if len(self.names) <= WIDEST else {}),
        }


@dataclass(frozen=True)
class Worst:
    """A sample, by its number in the data, and by how much it is answered wrong: top1, score of the answer less that of the label; mse,
    mean squared error. answer, label: class numbers, of top1."""

    sample: int
    by: float
    answer: int | None = None
    label: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def names_of(dataset: Dataset, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of `count` classes: those given, or of the data, or else their numbers. Raises DataError for names given of another count."""
    if given is not None and (len(given) != count or len(set(given)) != count):
        raise DataError(f"classes: {len(given)} names, the model tells {count} classes apart", hint="name each class once, in order")
    listed = given if given is not None else dataset.names
    return tuple(listed) if listed is not None and len(listed) == count else tuple(map(str, range(count)))


def by_class(metric: str, outputs: Float32, floats: Float32, dataset: Dataset, names: Sequence[str] | None) -> Classes | None:
    """Of answers (N, ...) of the program and of the float network; None of a metric without classes. Raises DataError as `names_of`."""
    if metric == "top1":
        count = outputs[0].size
        labels = metrics.sample_labels(dataset)
        found, wanted = (metrics.pixel_table(labels, _answers(values), count) for values in (outputs, floats))
        figure, share = "accuracy", _recall
    elif metric == "miou" and dataset.y is not None:
        count = metrics.pixel_labels(outputs)
        found, wanted = (metrics.confusion(values, dataset.y, dataset.name) for values in (outputs, floats))
        figure, share = "IoU", metrics.class_iou
    else:
        if names is not None:
            raise DataError(f"classes: the metric {metric} has none", hint="leave them out")
        return None
    return Classes(names_of(dataset, names, count), figure, share(found), share(wanted), found)


def worst(metric: str, outputs: Float32, dataset: Dataset, real: Float32) -> list[Worst]:
    """At most `WORST` samples, the worst first; of top1 and mse."""
    if metric == "top1":
        scores, labels = outputs.reshape(len(outputs), -1).astype(np.float64), metrics.sample_labels(dataset)
        answers = _answers(outputs)
        samples = np.arange(len(scores))
        margins = np.where(answers == labels, -1.0, scores[samples, answers] - scores[samples, labels])
        order = [int(i) for i in np.argsort(-margins, kind="stable")[:WORST] if answers[i] != labels[i]]
        return [Worst(i, float(margins[i]), int(answers[i]), int(labels[i])) for i in order]
    if metric == "mse":
        target = metrics.mse_target(outputs, dataset, real)
        errors = np.array([np.square(o.astype(np.float64) - t).mean() for o, t in zip(outputs, target, strict=True)])
        return [Worst(int(i), float(errors[i])) for i in np.argsort(-errors, kind="stable")[:WORST]]
    return []


def _answers(outputs: Array) -> Int64:
    return np.asarray(outputs.reshape(len(outputs), -1).argmax(axis=1), np.int64)


def _recall(table: Int64) -> Float64:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diag(table) / table.sum(axis=1))


def _plain(values: Float64) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
