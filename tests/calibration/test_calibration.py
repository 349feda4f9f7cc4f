"""Calibration against the numpy executor, on networks that can and cannot be resized."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph
from dqa.calibration import collect, float_outputs, observe
from dqa.calibration.observe import BATCH, _Runner
from dqa.data.dataset import InputMapping, load
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.frontend import FloatModel
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from tflite_builder import Net


def model_of(net: Net, output: int) -> FloatModel:
    data = net.build(output)
    graph = read_graph(data, "test.tflite")
    simplify(graph)
    return FloatModel(data, graph, "test.tflite", hashlib.sha256(data).hexdigest())


def resizable() -> FloatModel:
    net = Net(1, 6, 5, 2)
    x = net.conv(net.input, 4, activation="RELU")
    return model_of(net, net.conv(net.binary("ADD", x, net.conv(x, 4, 1)), 3, 3))


def fixed() -> FloatModel:
    """A reshape to a constant shape: only batch 1 runs."""
    net = Net(1, 6, 5, 2)
    return model_of(net, net.dense(net.reshape(net.conv(net.input, 4, activation="RELU"), 1, 48), 3))


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, 6, 5, 2)).astype(np.float32)


BOTH = pytest.mark.parametrize("build", [resizable, fixed])


@BOTH
def test_statistics_are_those_of_all_samples(build: Callable[[], FloatModel]) -> None:
    model, x = build(), samples(2 * BATCH + 5)
    values = run(model.graph, x)
    statistics = collect(model, model.graph, x)
    assert list(statistics) == [tensor.index for tensor in model.graph.activations()]
    for index, found in statistics.items():
        rows = values[index].reshape(-1, values[index].shape[-1])
        assert found.samples == len(rows) and found.channels == rows.shape[1]
        for name, expected in (
            ("minimum", rows.min(axis=0)),
            ("maximum", rows.max(axis=0)),
            ("mean", rows.mean(axis=0)),
            ("energy", (rows**2).mean(axis=0)),
        ):
            np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-4, atol=1e-5)


@BOTH
def test_histograms_count_every_value_in_its_bin(build: Callable[[], FloatModel]) -> None:
    model, x = build(), samples(BATCH + 3)
    values = run(model.graph, x)
    for index, found in collect(model, model.graph, x, bins=64).items():
        assert found.counts.shape == (found.channels, 64) and (found.counts.sum(axis=1) == found.samples).all()
        rows = values[index].reshape(-1, found.channels)
        for channel in range(found.channels):
            low, high = found.minimum[channel], found.maximum[channel]
            if low == high:
                assert found.counts[channel, 0] == found.samples
                continue
            expected = np.histogram(np.clip(rows[:, channel], low, high), 64, (low, high))[0]
            assert np.abs(found.counts[channel] - expected).sum() <= 4  # values on the border of two bins
        mean = (found.counts * found.centers()).sum(axis=1) / found.samples
        np.testing.assert_allclose(mean, found.mean, atol=(found.maximum - found.minimum).max() / 64)


def test_a_channel_without_values_other_than_zero_has_all_counts_in_one_bin() -> None:
    net = Net(1, 4, 4, 1)
    x = net.op("CONV_2D", [net.input, net.constant(np.zeros((2, 1, 1, 1))), net.constant(np.array([0.0, 3.0]))], (1, 4, 4, 2), _unit())
    model = model_of(net, x)
    found = collect(model, model.graph, np.ones((5, 4, 4, 1), np.float32))[x]
    assert found.minimum.tolist() == found.maximum.tolist() == [0, 3]
    assert found.counts[:, 0].tolist() == [80, 80]


def _unit() -> tuple[int, object]:
    from tflite_builder import options

    return options("Conv2DOptions", padding=1, strideH=1, strideW=1)


@BOTH
def test_outputs_are_those_of_the_network(build: Callable[[], FloatModel]) -> None:
    model, x = build(), samples(BATCH + 7)
    outputs = float_outputs(model, x)
    assert outputs.shape == (len(x), *model.output.shape[1:])
    np.testing.assert_allclose(outputs, run(model.graph, x)[model.output.index], rtol=1e-4, atol=1e-5)


@BOTH
def test_the_order_of_the_samples_and_a_second_run_change_nothing(build: Callable[[], FloatModel]) -> None:
    model, x = build(), samples(BATCH + 7)
    first = float_outputs(model, x)
    assert np.array_equal(first, float_outputs(model, x))
    np.testing.assert_allclose(first[::-1], float_outputs(model, x[::-1]), rtol=1e-5, atol=1e-6)


def test_batches_are_used_where_the_network_allows() -> None:
    x = samples(BATCH)
    assert _Runner(resizable(), x, preserve_all=True).batch == BATCH
    assert _Runner(fixed(), x, preserve_all=True).batch == 1


def test_observers_get_the_tensors_they_ask_for_and_progress() -> None:
    model, x = resizable(), samples(BATCH + 1)
    seen: list[tuple[int, int]] = []
    counts: list[int] = []
    observe(model, x, [model.output.index], lambda tensor, values: seen.append((tensor, len(values))), counts.append)
    assert seen == [(model.output.index, BATCH), (model.output.index, 1)] and counts == [BATCH, 1]


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(6, 5, 3\)"):
        float_outputs(resizable(), np.zeros((2, 6, 5, 3), np.float32))
    with pytest.raises(DataError, match="at least one sample"):
        collect(resizable(), resizable().graph, samples(0))


def test_activations_that_overflow_are_refused() -> None:
    model = resizable()
    with pytest.raises(DataError, match=r"goes beyond 1e\+15"):
        collect(model, model.graph, np.full((2, 6, 5, 2), 3e38, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data", "scale", "zero_point", "expected"),
    [
        ("mlperf_ic01_resnet8.h5", "cifar10_test.npz", 1.0, 0.0, 0.8730),
        ("mlperf_kws01_dscnn.h5", "kws01_test.npz", 0.5847029, 83.0, 0.9200),
        ("mlperf_vww01_mobilenetv1_025_96.h5", "vww01_test.npz", 1 / 255, 0.0, 0.8557),
    ],
)
def test_real_models_reach_their_published_accuracy(
    shared: Path, model: str, data: str, scale: float, zero_point: float, expected: float
) -> None:
    from dqa.frontend import load_model

    pytest.importorskip("tensorflow")
    network, samples = load_model(shared / "models" / model), load(shared / "sets" / data)
    inputs = InputMapping.of(scale, zero_point).to_float(samples.x)
    metric = metrics.choose(samples, network.input.shape, network.output.shape)
    assert metrics.evaluate(metric, float_outputs(network, inputs), samples, inputs) == pytest.approx(expected, abs=1e-3)
