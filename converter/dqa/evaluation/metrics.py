"""How good a model's answers are: top-1 accuracy, area under the ROC curve, mean intersection over union, mean squared error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dqa.data.dataset import Dataset
from dqa.data.labels import is_one_hot
from dqa.errors import DataError
from dqa.support.arrays import Array, Float64, Int64
from dqa.support.settings import METRICS

_FAR = 2.0**53
HIGHER_IS_BETTER = {"top1": True, "auc": True, "miou": True, "mse": False}


class OneClassError(DataError):
    """An AUC of samples of one class, as the first few of a sorted file are."""


def choose(dataset: Dataset, input_shape: Sequence[int], output_shape: Sequence[int], override: str | None = None) -> str:
    """The metric of a task, by its labels and shapes (batch included): a name of dqa.support.settings.METRICS.

    miou for a map or series of labels; auc for labels 0 and 1 of a model that rebuilds its input, or with one output; top1 for other
    whole-number labels; mse without labels where the model rebuilds its input, for labels that are numbers like the outputs, and for labels
    other than 0 and 1 of one output, or of maps of one channel.
    dataset: as with_class_numbers gives it. Raises DataError if none fits.
    """
    if override is not None:
        if override not in METRICS:
            raise DataError(f"metric '{override}' is not known", hint=f"one of {', '.join(METRICS)}")
        return override
    y, rebuilds = dataset.y, tuple(input_shape) == tuple(output_shape)
    outputs = int(np.prod(output_shape[1:]))
    if y is None:
        if rebuilds:
            return "mse"
        raise DataError(
            f"{dataset.name}: holds no labels 'y', so no metric can be computed", hint="add an array y, one label for each sample"
        )
    binary = bool(np.isin(y, (0, 1)).all())
    if outputs == 1 and y.size == len(dataset) and not rebuilds:
        return "auc" if binary else "mse"
    if y.dtype.kind == "f" and y.shape[1:] == tuple(output_shape[1:]):
        return "mse"
    if len(output_shape) in (3, 4) and y.shape[1:] == tuple(output_shape[1:-1]) and y.size > len(y):
        return "mse" if output_shape[-1] == 1 and not binary else "miou"
    if y.size == len(y) and (rebuilds or outputs == 1):
        return "mse" if outputs == 1 and not binary else "auc"
    if y.size == len(y) and max(output_shape[1:]) == outputs:
        return "top1"
    raise DataError(
        f"{dataset.name}: labels of shape {y.shape} do not fit outputs of shape {tuple(output_shape)}", hint="choose the metric by name"
    )


def with_class_numbers(dataset: Dataset, input_shape: Sequence[int], output_shape: Sequence[int], override: str | None = None) -> Dataset:
    """The dataset with class numbers for one-hot labels, and labels in the shape of the model's pixels for those that were flattened or
    have a last dimension of 1.

    Shapes: batch included. override: a metric that was named. Raises DataError where labels were names and do not fit the outputs.
    """
    y, outputs = dataset.y, tuple(output_shape[1:]) or (1,)
    rebuilds = override is None and tuple(input_shape) == tuple(output_shape)
    if y is None or override == "mse" or (rebuilds and y.dtype.kind == "f"):
        return dataset
    if dataset.classes is not None and not rebuilds:
        _check_names(dataset, dataset.classes, outputs)
    classes, places = outputs[-1], outputs[:-1]
    pixels = int(np.prod(places))
    if not rebuilds and classes > 1 and y.ndim > 1 and y.shape[-1] == classes and np.prod(y.shape[1:-1]) == pixels and is_one_hot(y):
        y = y.argmax(axis=-1)
    elif y.ndim > 1 and y.shape[-1] == 1 and y.shape[1:-1] in ((), places, (pixels,)):
        y = y[..., 0]
    if pixels > 1 and y.shape[1:] == (pixels,):
        y = y.reshape(len(y), *places)
    return replace(dataset, y=y)


def _check_names(dataset: Dataset, names: tuple[str, ...], outputs: tuple[int, ...]) -> None:
    hint = "add an array 'classes' with the names in the order of the model's outputs"
    if outputs == (1,) and dataset.classes_sorted:
        raise DataError(f"{dataset.name}: y holds names; which of {' and '.join(names[:2])} is 1 is not known", hint=hint)
    wanted = max(outputs[-1], 2)
    if len(names) != wanted:
        raise DataError(f"{dataset.name}: y names {len(names)} classes, the model tells {wanted} apart", hint=hint)


def evaluate(metric: str, outputs: Array, dataset: Dataset, inputs: Array) -> float:
    """The metric over a dataset.

    outputs  (N, ...) the model's answers as real numbers
    inputs   (N, ...) its float inputs; what an autoencoder's answers are compared with
    Raises DataError if labels are missing or do not fit the outputs.
    """
    if len(outputs) != len(dataset):
        raise DataError(f"{dataset.name}: {len(outputs)} answers for {len(dataset)} samples")
    if metric == "mse":
        return _mse(outputs, dataset, inputs)
    y = _labels(dataset)
    if metric == "top1":
        if max(outputs.shape[1:], default=1) != outputs[0].size:
            raise DataError(
                f"top1 of outputs of shape {outputs.shape[1:]}: expected one score for each class", hint="choose another metric"
            )
        return top1(outputs.reshape(len(outputs), -1), _per_sample(y, dataset), dataset.name)
    if metric == "auc":
        return auc(*grouped(anomaly_scores(outputs, inputs), y, dataset), name=dataset.name)
    if metric == "miou":
        return mean_iou(confusion(outputs, y, dataset.name))
    raise DataError(f"metric '{metric}' is not known", hint=f"one of {', '.join(METRICS)}")


def top1(scores: Array, y: Array, name: str = "data") -> float:
    """Share of samples whose highest score (N, classes), the first of equal ones, is at the label y (N,)."""
    labels = whole_labels(y, name).reshape(-1)
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        given = labels if y.dtype.kind == "b" else y
        raise DataError(
            f"{name}: labels go from {given.min()} to {given.max()}, the model has {scores.shape[1]} outputs",
            hint="labels are the numbers of the outputs, from 0",
        )
    return float((scores.argmax(axis=1) == labels).mean())


def anomaly_scores(outputs: Array, inputs: Array) -> Float64:
    """(N,) higher means class 1: mean squared error of a rebuilt input; else the output, or the second of two less the first."""
    if outputs.shape == inputs.shape:
        errors = [np.square(o.astype(np.float64) - i).reshape(len(o), -1).mean(axis=1) for o, i in _batches(outputs, inputs)]
        return np.concatenate(errors)
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    if flat.shape[1] == 1:
        return flat[:, 0]
    if flat.shape[1] == 2:
        return flat[:, 1] - flat[:, 0]
    raise DataError(f"AUC of {flat.shape[1]} outputs: expected 1 or 2 outputs, or as many as inputs", hint="choose another metric")


def grouped(scores: Float64, y: Array, dataset: Dataset) -> tuple[Float64, Array]:
    """Scores averaged over each group of the dataset, and one label per group; as they are without groups."""
    if dataset.group is None:
        return scores, y.reshape(-1)
    present, group = np.unique(dataset.group, return_inverse=True)
    means = np.bincount(group, scores) / np.bincount(group)
    if dataset.labels_are_per_group:
        return means, y[present]
    labels = np.zeros(len(present), y.dtype)
    labels[group] = y.reshape(-1)
    if (labels[group] != y.reshape(-1)).any():
        raise DataError(f"{dataset.name}: samples of one group have different labels", hint="each group has one label")
    return means, labels


def auc(scores: Float64, y: Array, name: str = "data") -> float:
    """Probability that a sample of class 1 scores higher than one of class 0; equal scores count half."""
    labels = whole_labels(y, name)
    if not np.isin(labels, (0, 1)).all():
        raise DataError(f"{name}: AUC needs labels 0 and 1, found {np.unique(labels)[:5].tolist()}", hint="choose the metric top1")
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    if not positives or not negatives:
        raise OneClassError(
            f"{name}: AUC needs samples of both classes, found {negatives} of class 0 and {positives} of class 1", hint="use more samples"
        )
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def confusion(outputs: Array, y: Array, name: str = "data") -> Int64:
    """(classes, classes) pixels, or steps, by label (row) and answer (column), for outputs (N, H, W, channels) or (N, steps, channels) of
    `pixel_labels` classes; other labels are left out."""
    if outputs.ndim not in (3, 4) or y.shape != outputs.shape[:-1]:
        raise DataError(
            f"{name}: labels of shape {y.shape} do not fit outputs of shape {outputs.shape}",
            hint="mIoU needs one label for each pixel or step",
        )
    classes = pixel_labels(outputs)
    counts = np.zeros((classes, classes), np.int64)
    for answers, labels in _batches(pixel_classes(outputs), whole_labels(y, name)):
        counts += pixel_table(labels, answers, classes)
    if not counts.any():
        raise DataError(f"{name}: no pixel has a label from 0 to {classes - 1}")
    return counts


def pixel_table(labels: Int64, answers: Int64, classes: int) -> Int64:
    """(classes, classes) pixels by label (row) and answer (column), of labels and answers of one shape; other labels are left out."""
    known = (labels >= 0) & (labels < classes)
    return np.bincount(labels[known] * classes + answers[known], minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def pixel_labels(outputs: Array) -> int:
    """How many classes maps (N, H, W, channels) tell apart."""
    return max(int(outputs.shape[-1]), 2)


def pixel_classes(outputs: Array) -> Int64:
    """The class of each pixel of maps (N, H, W, channels): the channel of the highest score, the first of equal ones. One channel: class 1
    where a probability is over 1/2, or, if the maps leave 0..1 and so hold no probabilities, where the score is over 0."""
    if outputs.shape[-1] > 1:
        return np.asarray(outputs.argmax(axis=-1), np.int64)
    middle = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0
    return (outputs[..., 0] > middle).astype(np.int64)


def mean_iou(table: Int64) -> float:
    """Mean over the classes that occur (as label or answer) of intersection over union."""
    return float(np.nanmean(class_iou(table)))


def class_iou(table: Int64) -> Float64:
    """Intersection over union of each class; NaN of a class that does not occur."""
    hits = np.diag(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(hits / (table.sum(axis=0) + table.sum(axis=1) - hits))


def pixel_accuracy(table: Int64) -> float:
    return float(np.diag(table).sum() / table.sum())


def mse_target(outputs: Array, dataset: Dataset, inputs: Array) -> Array:
    """What answers (N, ...) are compared with, in their shape: labels of so many numbers, else the inputs. Raises DataError."""
    y = dataset.y
    target = y.reshape(outputs.shape) if y is not None and y.size == outputs.size and len(y) == len(outputs) else inputs
    if target.shape != outputs.shape:
        raise DataError(
            f"{dataset.name}: MSE needs labels of shape {outputs.shape}, or a model that rebuilds its input", hint="choose another metric"
        )
    return target


def _mse(outputs: Array, dataset: Dataset, inputs: Array) -> float:
    target = mse_target(outputs, dataset, inputs)
    with np.errstate(over="ignore"):
        total = sum(float(np.square(o.astype(np.float64) - t).sum()) for o, t in _batches(outputs, target))
    if not np.isfinite(total):
        raise DataError(f"{dataset.name}: the squared error goes beyond float64", hint="check y")
    return total / outputs.size


def sample_labels(dataset: Dataset) -> Int64:
    """(N,) class numbers, one for each sample. Raises DataError where there are no such labels."""
    return whole_labels(_per_sample(_labels(dataset), dataset), dataset.name).reshape(-1)


def _labels(dataset: Dataset) -> Array:
    if dataset.y is None:
        raise DataError(f"{dataset.name}: holds no labels 'y'", hint="add an array y, one label for each sample")
    return dataset.y


def _per_sample(y: Array, dataset: Dataset) -> Array:
    labels: Array = y[dataset.group] if dataset.labels_are_per_group else y
    if labels.size != len(dataset):
        raise DataError(
            f"{dataset.name}: labels of shape {y.shape}, expected one for each of {len(dataset)} samples", hint="choose another metric"
        )
    return labels


def whole_labels(y: Array, name: str) -> Int64:
    """Labels as int64. Raises DataError for fractions."""
    if y.dtype.kind == "f" and (y != np.round(y)).any():
        raise DataError(f"{name}: y holds fractions, expected whole-number labels", hint="choose the metric mse")
    if y.dtype.kind == "f" or y.dtype == np.uint64:  # what int64 cannot hold stays far from any class
        y = np.minimum(np.maximum(y, np.float64(-_FAR)), np.float64(_FAR))
    return y.astype(np.int64)


def _batches(a: Array, b: Array, size: int = 256) -> list[tuple[Array, Array]]:
    return [(a[i : i + size], b[i : i + size]) for i in range(0, len(a), size)]
