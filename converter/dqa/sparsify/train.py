"""Fine-tuning with an L1 penalty on the activation maps (Georgiadis, arXiv 1812.04056). Imports TensorFlow: for the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dqa.data.dataset import Dataset, InputMapping
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.sparsify.config import SparsifyConfig
from dqa.sparsify.maps import activation_maps
from dqa.sparsify.task import Task
from dqa.support.arrays import Array, Float64

_MEASURED = 256
"""Samples of a batch without training."""


@dataclass(frozen=True)
class Measured:
    """A model on the held-out part. value: of the metric. zeros: share of the maps' values that are 0, of all and of each map."""

    value: float
    zeros: float
    maps: dict[str, float]


class FineTuning:
    """A model whose maps can be seen, and the steps that change it.

    probabilities: whether the model's outputs are probabilities already, not logits.
    """

    def __init__(self, model: Any, name: str, config: SparsifyConfig) -> None:
        self.model, self.config = model, config
        self.maps = activation_maps(model, name)
        self.watched = keras.Model(model.inputs, [model.outputs[0], *self.maps.values()])
        self.mapping = InputMapping.of(config.input_scale, config.input_zero_point)
        self.probabilities = False

    def measure(self, part: tuple[Dataset, Task]) -> Measured:
        """Metric and zeros of a part of the data. Raises DataError for answers that are not numbers."""
        dataset, task = part
        zeros, outputs, inputs = np.zeros(len(self.maps)), [], []
        for x in _batches(dataset.x, _MEASURED):
            real = self.mapping.to_float(x)
            output, *maps = self.watched(real, training=False)
            zeros += [int(tf.math.count_nonzero(tf.equal(values, 0))) for values in maps]
            outputs.append(output.numpy())
            inputs.append(real)
        answers, real = np.concatenate(outputs), np.concatenate(inputs)
        if not np.isfinite(answers).all():
            raise DataError(f"{dataset.name}: the model's answers become NaN or infinite", hint="check the input scale, or lower lr or l1")
        self.probabilities = bool(answers.min() >= 0 and (answers.max() <= 1 if task.loss == "binary" else _sums_to_one(answers)))
        sizes = np.array(self._sizes()) * len(dataset)
        value = metrics.evaluate(task.metric, answers, dataset, real)
        shares = {name: float(share) for name, share in zip(self.maps, zeros / sizes, strict=True)}
        return Measured(value, float(zeros.sum() / sizes.sum()), shares)

    def train(self, part: tuple[Dataset, Task], done: Callable[[int], None]) -> None:
        """All epochs; batch normalization keeps its statistics. done: called with the number of samples of each step."""
        dataset, task = part
        steps = self.config.epochs * -(-len(dataset) // self.config.batch)
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.config.lr, steps))
        optimizer.build(self.model.trainable_variables)
        weights = tf.constant(self._penalty_weights(dataset), tf.float32)
        loss = self._loss(task)

        def step(x: Any, target: Any) -> Any:
            with tf.GradientTape() as tape:
                output, *maps = self.watched(x, training=False)
                total = loss(target, output) + tf.reduce_sum(weights * tf.stack([tf.reduce_mean(tf.abs(values)) for values in maps]))
            variables = self.model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
            return total

        compiled = tf.function(step, reduce_retracing=True)
        random = np.random.default_rng([self.config.seed, 1])
        for _ in range(self.config.epochs):
            for chosen in _batches(random.permutation(len(dataset)), self.config.batch):
                real = self.mapping.to_float(dataset.x[chosen])
                total = compiled(tf.constant(real), tf.constant(real if task.targets is None else task.targets[chosen]))
                if not np.isfinite(total.numpy()):
                    raise DataError(f"{dataset.name}: the loss becomes NaN or infinite", hint="check the input scale, or lower lr or l1")
                done(len(chosen))

    def _penalty_weights(self, dataset: Dataset) -> Float64:
        """The weight of each map's mean magnitude: relative to what it is before training, and by its share of all values."""
        means = np.zeros(len(self.maps))
        sample = dataset.take(4 * _MEASURED).x
        for x in _batches(sample, _MEASURED):
            _, *maps = self.watched(self.mapping.to_float(x), training=False)
            means += [len(x) / len(sample) * float(tf.reduce_mean(tf.abs(values))) for values in maps]
        sizes = np.array(self._sizes(), np.float64)
        return np.asarray(self.config.l1 * sizes / sizes.sum() / np.where(means > 0, means, 1.0))

    def _sizes(self) -> list[int]:
        """Values of each map, of one sample."""
        return [int(np.prod(values.shape[1:])) for values in self.maps.values()]

    def _loss(self, task: Task) -> Callable[[Any, Any], Any]:
        if task.loss == "squares":
            return lambda target, output: tf.reduce_mean(tf.square(output - target))
        logits = not self.probabilities
        if task.loss == "binary":

            def binary(target: Any, output: Any) -> Any:
                return tf.reduce_mean(keras.losses.binary_crossentropy(tf.reshape(target, tf.shape(output)), output, from_logits=logits))

            return binary

        def classes(target: Any, output: Any) -> Any:
            flat = output if task.metric == "miou" else tf.reshape(output, (tf.shape(output)[0], -1))
            known = target < tf.shape(flat, tf.int64)[-1]  # labels past the last class are left out
            entropy = keras.losses.sparse_categorical_crossentropy(tf.where(known, target, 0), flat, from_logits=logits)
            return tf.reduce_sum(tf.where(known, entropy, 0.0)) / tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)

        return classes


def _sums_to_one(answers: Array) -> bool:
    return bool(np.abs(answers.sum(axis=-1) - 1).max() < 1e-3)


def _batches(values: Array, size: int) -> Iterator[Array]:
    return (values[start : start + size] for start in range(0, len(values), size))
