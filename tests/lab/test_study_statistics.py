"""Intervals and paired tests of studies, against other implementations and known distributions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from dqa.data.dataset import Dataset
from dqa.evaluation import metrics
from dqa.lab.study.statistics import Outcome, interval, mcnemar, outcome, resampled, wilson
from dqa.support.settings import METRICS

random = np.random.default_rng(0)


@pytest.mark.parametrize(("hits", "samples"), [(0, 10), (10, 10), (823, 1000), (6400, 7000)])
def test_wilsons_interval_is_scipys(hits: int, samples: int) -> None:
    expected = binomtest(hits, samples).proportion_ci(0.95, "wilson")
    assert wilson(hits / samples, samples) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_mcnemars_test_counts_only_samples_that_differ() -> None:
    a = np.array([True] * 90 + [True] * 9 + [False] * 1)
    b = np.array([True] * 90 + [False] * 9 + [True] * 1)
    assert mcnemar(a, b) == pytest.approx(2 * 11 / 2**10)  # (C(10,0) + C(10,1)) / 2^10 in each tail
    assert mcnemar(a, a) == 1


def answers(metric: str) -> tuple[np.ndarray, Dataset, np.ndarray]:
    """Outputs, data and inputs that fit a metric."""
    if metric == "top1":
        return random.random((50, 5)), Dataset(random.random((50, 3)), random.integers(0, 5, 50)), random.random((50, 3))
    if metric == "mse":
        x = random.random((20, 6))
        return x + random.normal(size=x.shape), Dataset(x), x
    if metric == "auc":
        x, group = random.random((60, 4)), np.repeat(np.arange(20), 3)
        return np.round(x + random.random(x.shape), 1), Dataset(x, np.arange(20) % 2, group), x
    labels = random.integers(0, 5, (12, 4, 4))
    labels[0] = 4  # an image without a known label
    return random.random((12, 4, 4, 3)), Dataset(random.random((12, 4, 4, 1)), labels), random.random((12, 4, 4, 1))


@pytest.mark.parametrize("metric", METRICS)
def test_an_outcome_has_the_value_of_its_metric_and_survives_json(metric: str) -> None:
    outputs, dataset, inputs = answers(metric)
    found = outcome(metric, outputs, dataset, inputs)
    assert found.value() == pytest.approx(metrics.evaluate(metric, outputs, dataset, inputs), abs=1e-12)
    again = Outcome.from_json(json.loads(json.dumps(found.to_json())))
    assert again.metric == metric and again.samples == found.samples and np.array_equal(again.data, found.data)


def test_labels_in_another_shape_and_masks_of_scores_are_scored_as_by_evaluate() -> None:
    """One number with a label of shape (N,) for an output (N, 1); images of scores, of which one alone would pass for probabilities."""
    own = np.random.default_rng(5)
    inputs = own.normal(size=(12, 4)).astype(np.float32)
    numbers, y = own.normal(size=(12, 1)).astype(np.float32), own.normal(size=12).astype(np.float32)
    scores = own.normal(0, 3, (5, 6, 6, 1)).astype(np.float32)
    scores[2] = own.uniform(0, 1, (6, 6, 1))
    images = own.normal(size=(5, 6, 6, 3)).astype(np.float32)
    for metric, outputs, x, labels in (("mse", numbers, inputs, y), ("miou", scores, images, (scores[..., 0] > 0).astype(np.uint8))):
        dataset = Dataset(x, labels)
        assert outcome(metric, outputs, dataset, x).value() == pytest.approx(metrics.evaluate(metric, outputs, dataset, x), abs=1e-9)
    assert outcome("miou", scores, Dataset(images, (scores[..., 0] > 0).astype(np.uint8)), images).value() == 1


@pytest.mark.parametrize("metric", METRICS)
def test_a_weight_counts_a_sample_as_often_as_a_copy_of_it(metric: str) -> None:
    outputs, dataset, inputs = answers(metric)
    found = outcome(metric, outputs, dataset, inputs)
    weights = random.integers(0, 3, found.samples)
    axis = 1 if metric == "auc" else 0
    copied = Outcome(metric, np.repeat(found.data, weights, axis=axis))
    assert found.weighted(weights[None].astype(float))[0] == pytest.approx(copied.value(), abs=1e-12)


def test_resampling_gives_the_standard_error_of_a_mean_and_of_a_paired_difference() -> None:
    a = random.random(400) < 0.8
    b = a ^ (random.random(400) < 0.1)  # mostly right where a is right
    draws = resampled([Outcome("top1", a), Outcome("top1", b)], resamples=4000)
    assert draws.mean(axis=0) == pytest.approx([a.mean(), b.mean()], abs=2e-3)
    assert draws[:, 0].std() == pytest.approx(np.sqrt(a.mean() * (1 - a.mean()) / 400), rel=0.06)
    difference = a.astype(float) - b
    assert (draws[:, 0] - draws[:, 1]).std() == pytest.approx(difference.std() / np.sqrt(400), rel=0.06)


def test_resampling_is_the_same_every_time_and_for_every_set_of_models() -> None:
    a, b = (Outcome("top1", random.random(100) < p) for p in (0.5, 0.9))
    alone, together = resampled([b], resamples=300), resampled([a, b], resamples=300)
    assert np.array_equal(alone[:, 0], together[:, 1])


def test_an_interval_leaves_out_resamples_of_one_class() -> None:
    scores = Outcome("auc", np.array([[0.1, 0.2, 0.3, 0.9], [0, 0, 0, 1.0]]))
    draws = resampled([scores], resamples=500)[:, 0]
    assert np.isnan(draws).any() and interval(draws) == (1.0, 1.0)
