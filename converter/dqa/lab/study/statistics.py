"""How sure a measured value is: intervals of 95 % and paired tests over the samples of a test set.

An `Outcome` keeps what a metric needs of every sample, so that any resampled test set can be scored without running the model again:
  top1  bool (N,)        whether the answer is right
  mse   float64 (N,)     mean squared error
  auc   float64 (2, N)   score and label of each group
  miou  int32 (N, K, K)  pixels by label and answer
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dqa.data.dataset import Dataset
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.support.arrays import Array, Bool, Float64

Z95 = 1.959963984540054
RESAMPLES = 2000
CHUNK = 200
"""Resampled test sets at a time: bounds the memory."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model answered to each of `samples` samples, as far as its metric needs it; shapes as above."""

    metric: str
    data: Array

    @property
    def samples(self) -> int:
        return self.data.shape[1] if self.metric == "auc" else len(self.data)

    def value(self) -> float:
        """The metric over all samples."""
        return float(self.weighted(np.ones((1, self.samples)))[0])

    def weighted(self, weights: Float64) -> Float64:
        """The metric (B,) of B test sets in which sample i occurs weights[b, i] times; an AUC of one class alone is NaN."""
        if self.metric in ("top1", "mse"):
            return np.asarray((weights @ self.data.astype(np.float64)) / weights.sum(axis=1))
        if self.metric == "auc":
            return _weighted_auc(self.data[0], self.data[1] == 1, weights)
        tables = (weights @ self.data.reshape(len(self.data), -1).astype(np.float64)).reshape(len(weights), *self.data.shape[1:])
        return np.array([metrics.mean_iou(table) for table in tables])

    def to_json(self) -> dict[str, str]:
        stream = io.BytesIO()
        np.save(stream, np.packbits(self.data) if self.metric == "top1" else self.data, allow_pickle=False)
        packed = base64.b64encode(zlib.compress(stream.getvalue(), 9)).decode("ascii")
        return {"metric": self.metric, "samples": str(self.samples), "data": packed}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Outcome:
        """Raises ValueError or KeyError for what to_json did not write."""
        try:
            array = np.load(io.BytesIO(zlib.decompress(base64.b64decode(data["data"], validate=True))), allow_pickle=False)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if data["metric"] == "top1":
            array = np.unpackbits(array, count=int(data["samples"])).astype(bool)
        return cls(data["metric"], array)


def outcome(metric: str, outputs: Array, dataset: Dataset, inputs: Array) -> Outcome:
    """The outcome of each sample (auc: of each group) of a dataset; arguments as in dqa.evaluation.metrics.evaluate, whose value it has.

    Raises DataError if labels are missing or do not fit.
    """
    metrics.evaluate(metric, outputs, dataset, inputs)  # refuses what does not fit
    if metric == "mse":
        errors = outputs.astype(np.float64) - metrics.mse_target(outputs, dataset, inputs)
        return Outcome(metric, np.square(errors).reshape(len(outputs), -1).mean(axis=1))
    if (y := dataset.y) is None:
        raise DataError(f"{dataset.name}: holds no labels 'y'")
    if metric == "top1":
        labels = (y[dataset.group] if dataset.labels_are_per_group else y).reshape(-1)
        return Outcome(metric, outputs.reshape(len(outputs), -1).argmax(axis=1) == labels)
    if metric == "auc":
        scores, labels = metrics.grouped(metrics.anomaly_scores(outputs, inputs), y, dataset)
        return Outcome(metric, np.stack([scores, labels.astype(np.float64)]))
    # Of all images together: whether one channel holds probabilities is not asked of each by itself.
    classes, answers, labels = metrics.pixel_labels(outputs), metrics.pixel_classes(outputs), metrics.whole_labels(y, dataset.name)
    tables = [metrics.pixel_table(labels[i], answers[i], classes) for i in range(len(answers))]
    return Outcome(metric, np.stack(tables).astype(np.int32))


def wilson(share: float, samples: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (0..1) measured on so many samples (E. B. Wilson, JASA 22, 1927)."""
    z2 = Z95 * Z95 / samples
    centre = (share + z2 / 2) / (1 + z2)
    half = Z95 / (1 + z2) * math.sqrt(share * (1 - share) / samples + z2 / (4 * samples))
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(a: Array, b: Array) -> float:
    """Two-sided exact p that two models are equally often right, from bool (N,) each: McNemar's test on the samples they differ in."""
    from scipy.stats import binomtest

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def resampled(outcomes: Sequence[Outcome], resamples: int = RESAMPLES, seed: int = 0) -> Float64:
    """(resamples, len(outcomes)) metrics on the same bootstrap samples of one test set, so that differences are paired.

    All outcomes are of the same samples. Efron's bootstrap: N samples are drawn with replacement from the N there are.
    """
    parts = [np.stack([o.weighted(weights) for o in outcomes], axis=1) for weights in _draws(outcomes[0].samples, resamples, seed)]
    return np.concatenate(parts)


def interval(values: Float64) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of resampled values (B,); NaN are left out."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _draws(samples: int, resamples: int, seed: int) -> Iterator[Float64]:
    """How often each sample occurs in resampled test sets, float64 (at most CHUNK, samples)."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(0, samples, (size, samples)) + np.arange(size)[:, None] * samples
        yield np.bincount(drawn.reshape(-1), minlength=size * samples).reshape(size, samples).astype(np.float64)


def _weighted_auc(scores: Float64, positive: Bool, weights: Float64) -> Float64:
    """(B,) as dqa.evaluation.metrics.auc, every sample counted weights[b, i] times."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # of each distinct score
    sorted_weights, up = weights[:, order], positive[order]
    ups = np.add.reduceat(sorted_weights * up, starts, axis=1)
    downs = np.add.reduceat(sorted_weights * ~up, starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs
    with np.errstate(invalid="ignore"):
        return np.asarray((ups * (below + downs / 2)).sum(axis=1) / (ups.sum(axis=1) * downs.sum(axis=1)))
