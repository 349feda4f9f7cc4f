"""Conversions of random networks, weights, calibration data and options, extremes among them: a right answer or one clear refusal."""

from __future__ import annotations

from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dqa
from builders.random_models import OPTIONS, SANE_DATA, SANE_WEIGHTS, attempt, case
from dqa.errors import DataError
from tflite_builder import Net

QUICK, SLOW, PART = 10, 360, 30


def _fails(numbers: list[int], folder: Path) -> list[str]:
    outcomes = [attempt(case(number), folder) for number in numbers]
    assert any(outcome.result == "converted" for outcome in outcomes)
    return [f"{outcome.title}: {outcome.result}: {outcome.why}" for outcome in outcomes if outcome.failed]


def test_random_networks_convert_or_are_refused(tmp_path: Path) -> None:
    assert _fails(list(range(QUICK)), tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, QUICK + SLOW, PART))
def test_many_random_networks_convert_or_are_refused(first: int, tmp_path: Path) -> None:
    assert _fails(list(range(first, first + PART)), tmp_path) == []


def test_the_cases_are_the_same_every_time_and_differ() -> None:
    first, again = case(5), case(5)
    assert first.model == again.model and np.array_equal(first.x, again.x) and first.options == again.options
    drawn = [case(number) for number in range(120)]
    assert {one.way for one in drawn} == set(OPTIONS)
    assert len({one.model for one in drawn}) > 110
    assert {one.data for one in drawn} >= set(SANE_DATA) and {one.weights for one in drawn} >= set(SANE_WEIGHTS)


def test_ordinary_networks_are_never_refused(tmp_path: Path) -> None:
    # 2 bits may be too few for a network whose rows are short, and say so.
    ordinary = (one for one in map(case, count(1000)) if one.sane and one.way != "2 bits")
    for one in islice(ordinary, 6):
        outcome = attempt(one, tmp_path)
        assert outcome.result == "converted", outcome


def _blank(activation: str) -> bytes:
    net = Net(1, 6, 6, 3, seed=3)
    x = net.conv(net.input, 8, 3, "SAME", "RELU")
    x = net.unary("TANH", x) if activation == "TANH" else x
    return net.build(net.dense(net.reshape(x, 1, 288), 4))


@pytest.mark.parametrize("activation", ["RELU", "TANH"])
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({}, "uint8"),
        ({"ram": "auto"}, "float32"),
        ({"weight_bits": 4}, "uint8"),
        ({"layout": "planes", "bias_correction": True}, "float32"),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_blank_calibration_data_convert_and_give_the_float_answer_of_a_blank_sample(
    activation: str, options: dict[str, Any], dtype: str, tmp_path: Path
) -> None:
    (tmp_path / "m.tflite").write_bytes(_blank(activation))
    np.savez(tmp_path / "x.npz", x=np.zeros((8, 6, 6, 3), dtype), y=np.zeros((8, 4), np.float32))
    dqa.convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", dqa.ConvertConfig(**options))
    found = dqa.evaluate(tmp_path / "out", tmp_path / "x.npz")
    assert found.metric == "mse" and found.value is not None and found.float_value is not None
    error = abs(found.value**0.5 - found.float_value**0.5) / found.float_value**0.5
    assert error < (0.1 if "weight_bits" not in options else 0.3)


def test_activations_that_squares_cannot_hold_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(_blank("RELU"))
    for value in (1e16, 1e38):
        np.savez(tmp_path / "x.npz", x=np.full((2, 6, 6, 3), value, np.float32))
        with pytest.raises(DataError, match=r"'t\d+' (goes beyond 1e\+15|becomes NaN or infinite) on these samples"):
            dqa.convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out")
    np.savez(tmp_path / "x.npz", x=np.full((2, 6, 6, 3), 1e300))
    with pytest.raises(DataError, match="beyond float32"):
        dqa.convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out")


@pytest.mark.parametrize("sizes", [(6, 1), (8, 3, 8, 4), (1, 2)])
def test_vectors_of_a_few_values_convert_by_default(sizes: tuple[int, ...], tmp_path: Path) -> None:
    net = Net(1, 4, seed=5)
    x = net.input
    for size in sizes:
        x = net.dense(net.unary("RELU", x) if x != net.input else x, size)
    (tmp_path / "m.tflite").write_bytes(net.build(x))
    x_values = np.random.default_rng(0).normal(0, 1, (40, 4)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x_values)
    for settings in ({}, {"bits": 2}, {"ram": "auto"}):
        dqa.convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", dqa.ConvertConfig(**settings))
