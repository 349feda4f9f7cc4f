"""What a model is fine-tuned for: its loss and its metric, by labels and shapes. Needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dqa.data.dataset import Dataset
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.support.arrays import Array, Int64

Loss = Literal["classes", "binary", "squares"]


@dataclass(frozen=True, eq=False)
class Task:
    """loss: cross-entropy of class numbers, of one output or a mask of one channel with labels 0 and 1, or mean squared error.

    metric   what is reported, of dqa.evaluation.metrics
    targets  (N, ...) class numbers (int64), or the numbers that the outputs shall be (float32); None: the model's own input
    """

    loss: Loss
    metric: str
    targets: Array | None


def choose(dataset: Dataset, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> Task:
    """The task of a dataset for a model of these shapes (batch included). Raises DataError if labels do not fit."""
    dataset = metrics.with_class_numbers(dataset, input_shape, output_shape)
    metric = metrics.choose(dataset, input_shape, output_shape)
    y = dataset.y
    if metric == "mse" or (metric == "auc" and input_shape == output_shape):
        fits = y is not None and y[0].size == np.prod(output_shape[1:]) and len(y) == len(dataset)
        if not fits and input_shape != output_shape:
            raise DataError(f"{dataset.name}: labels do not have the outputs' shape {output_shape[1:]}", hint="give y of that shape")
        return Task("squares", "mse", np.asarray(y, np.float32).reshape(-1, *output_shape[1:]) if fits else None)
    assert y is not None  # metrics.choose has seen it
    labels = y[dataset.group] if dataset.labels_are_per_group else y
    if labels.dtype.kind == "f" and (labels != np.round(labels)).any():
        raise DataError(
            f"{dataset.name}: y holds fractions, expected whole-number labels", hint="class numbers, or y of the outputs' shape"
        )
    mask = metric == "miou" and output_shape[-1] == 1
    if metric == "auc" or mask:
        if not np.isin(labels, (0, 1)).all():
            raise DataError(f"{dataset.name}: one output needs labels 0 and 1, found {np.unique(labels)[:5].tolist()}")
        return Task("binary", metric, (labels if mask else labels.reshape(-1, 1)).astype(np.float32))
    classes = output_shape[-1] if metric == "miou" else int(np.prod(output_shape[1:]))
    if labels.min() < 0 or (metric == "top1" and labels.max() >= classes):
        raise DataError(f"{dataset.name}: labels go from {labels.min()} to {labels.max()}, the model has {classes} outputs")
    return Task("classes", metric, labels.astype(np.int64).reshape(-1) if metric == "top1" else labels.astype(np.int64))


def split(dataset: Dataset, task: Task, share: float, seed: int) -> tuple[tuple[Dataset, Task], tuple[Dataset, Task]]:
    """(training part, held-out part), at random; neither is empty. Raises DataError for a single sample."""
    if len(dataset) < 2:
        raise DataError(f"{dataset.name}: holds one sample, expected some to train with and some to hold out", hint="give more samples")
    count = min(max(round(len(dataset) * share), 1), len(dataset) - 1)
    order = np.random.default_rng(seed).permutation(len(dataset))
    return _part(dataset, task, np.sort(order[count:])), _part(dataset, task, np.sort(order[:count]))


def _part(dataset: Dataset, task: Task, chosen: Int64) -> tuple[Dataset, Task]:
    targets = None if task.targets is None else task.targets[chosen]
    return Dataset(dataset.x[chosen], targets, None, dataset.name), replace(task, targets=targets)
