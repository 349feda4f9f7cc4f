"""The study's coded maps: one budget for a network, and values as the executor reads them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.studies import write_model
from dqa.calibration.segments import Runner
from dqa.errors import RecipeError
from dqa.frontend import load_model
from dqa.lab.methods import Calibration, CodedMethod, CodedNetwork
from dqa.lab.methods.coded import CodedQuantizer
from dqa.lab.methods.evaluate import capture, evaluate
from dqa.lab.methods.tensors import choose_tensors
from reference import coded as mirror_coded
from tflite_builder import Net


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Runner, CodedNetwork, np.ndarray]:
    directory = tmp_path_factory.mktemp("coded")
    write_model(directory)
    model = load_model(directory / "tiny.tflite")
    runner = Runner(model.graph, choose_tensors(model.graph, "all"))
    x = np.load(directory / "calibration.npz")["x"]
    return runner, CodedNetwork(runner, model, x), np.load(directory / "test.npz")["x"]


def fitted(network: CodedNetwork, bits: float) -> dict[int, CodedQuantizer]:
    return CodedMethod(bits).fit_network(network)[1]


@pytest.mark.parametrize("bits", [2.5, 3, 3.55, 5])
def test_all_maps_together_keep_within_the_bits(network: tuple[Runner, CodedNetwork, np.ndarray], bits: float) -> None:
    runner, coded, x = network
    quantizers = fitted(coded, bits)
    assert set(quantizers) == set(runner.hooks)
    capacities = sum(quantizer.format.capacity for quantizer in quantizers.values())
    assert 8 * capacities <= bits * sum(np.prod(quantizer.shape) for quantizer in quantizers.values())
    assert evaluate(runner, x, quantizers).bits_per_value <= bits


def test_more_bits_lose_less(network: tuple[Runner, CodedNetwork, np.ndarray]) -> None:
    runner, coded, x = network
    exact = runner.run(x)
    lost = [float(((evaluate(runner, x, fitted(coded, bits)).outputs - exact) ** 2).mean()) for bits in (2.5, 3.5, 5, 8)]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 1e-3 * exact.var()


def test_corrected_biases_bring_the_answers_no_farther(network: tuple[Runner, CodedNetwork, np.ndarray]) -> None:
    runner, coded, _ = network
    exact = runner.run(coded.x)
    changes = []
    for corrected in (False, True):
        graph, quantizers = CodedMethod(2.5, bias_correction=corrected).fit_network(coded)
        outputs = evaluate(Runner(graph, runner.hooks), coded.x, quantizers).outputs
        changes.append(float(((outputs - exact) ** 2).mean()))
    assert changes[1] <= changes[0] * 1.0001


def test_maps_fit_and_read_back_as_in_the_executor(network: tuple[Runner, CodedNetwork, np.ndarray]) -> None:
    runner, coded, x = network
    checked = 0
    maps = capture(runner, 3 * x[:4], runner.hooks)  # louder than any calibration sample: rows must drop bits
    for tensor, quantizer in fitted(coded, 3).items():
        fmt = quantizer.format
        if fmt.coding is None:
            continue
        edge = fmt.edge("map", quantizer.shape)
        back = quantizer.apply(maps[tensor]).values.reshape(-1, *quantizer.shape)
        for sample, got in zip(maps[tensor].reshape(-1, *quantizer.shape), back, strict=True):
            v = np.clip(np.rint(sample / fmt.scales.astype(np.float32)) + edge.zero_point, fmt.low, fmt.high).astype(np.int8)
            data, _ = mirror_coded.encode(edge, fmt.coding, v)
            assert len(data) <= fmt.capacity
            values = mirror_coded.decode(edge, fmt.coding, data).astype(np.float32) - edge.zero_point
            assert np.array_equal(got, values * fmt.scales.astype(np.float32))
            checked += 1
    assert checked


def test_too_few_bits_are_refused(network: tuple[Runner, CodedNetwork, np.ndarray]) -> None:
    with pytest.raises(RecipeError, match="bits"):
        CodedMethod(1).fit_network(network[1])
    with pytest.raises(ValueError, match="bits"):
        CodedMethod(9)


def test_one_tensor_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="network"):
        CodedMethod(3).fit(Calibration(np.zeros((1, 2, 2, 1), np.float32)))


def test_channels_that_only_padding_writes_do_not_count(tmp_path: Path) -> None:
    net = Net(1, 8, 8, 3)
    padded = net.pad(net.conv(net.input, 6, padding="SAME", activation="RELU"), [[0, 0], [1, 1], [1, 1], [0, 2]])
    (tmp_path / "net.tflite").write_bytes(net.build(net.dense(net.conv(padded, 4), 3)))
    model = load_model(tmp_path / "net.tflite")
    runner = Runner(model.graph, choose_tensors(model.graph, "all"))
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype(np.float32)
    first = CodedNetwork(runner, model, x).search.ranges[0].free
    assert first.members == (runner.hooks[0],) and len(first.finest) == 6
    assert first.rows[runner.hooks[0]].tolist() == list(range(6))
