"""The study's activation methods, each against a plain re-telling of what it must do."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest

from dqa.errors import RecipeError
from dqa.lab.methods import METHODS, Calibration, Stored, describe_method, parse_method
from dqa.lab.methods.base import Quantizer
from dqa.lab.methods.paper import PaperQuantizer


def relu_map(seed: int = 0, samples: int = 6, channels: int = 5) -> np.ndarray:
    """(samples, 8, 7, channels) of a ReLU with channels of different size, the first one dead."""
    random = np.random.default_rng(seed)
    values = np.maximum(random.normal(0.2, 1, (samples, 8, 7, channels)), 0) * np.arange(channels)
    return values.astype(np.float32)


def signed_map(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).laplace(0, 1, (6, 8, 7, 5)).astype(np.float32)


def fitted(x: np.ndarray, **settings: Any) -> Quantizer:
    return parse_method(settings).fit(Calibration(x, order=range(x.shape[-1]), consumers=lambda values: values))


def stored(x: np.ndarray, **settings: Any) -> Stored:
    return fitted(x, **settings).apply(x)


def error(x: np.ndarray, **settings: Any) -> float:
    return float(((stored(x, **settings).values - x) ** 2).sum())


SETTINGS: list[dict[str, Any]] = [
    {"method": "paper", "bits": 3},
    {"method": "direct", "bits": 3},
    {"method": "pot", "bits": 3},
    {"method": "noisyquant", "bits": 3},
    {"method": "uniform", "bits": 3, "clip": "mse"},
    {"method": "uniform", "bits": 3, "clip": "max"},
    {"method": "uniform", "bits": 3, "clip": "percentile", "granularity": "tensor"},
    {"method": "uniform", "bits": 3, "clip": "aciq"},
    {"method": "lloydmax", "bits": 3},
    {"method": "lloydmax", "bits": 3, "granularity": "tensor"},
    {"method": "pwlq", "bits": 3},
    {"method": "pwlq", "bits": 3, "limit": "mse", "granularity": "tensor"},
    {"method": "pwlq", "bits": 3, "breakpoint": "laplace"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(str(value) for value in s.values()))
@pytest.mark.parametrize("data", [relu_map, signed_map])
def test_every_method_keeps_zeros_and_shape_and_repeats_itself(settings: dict[str, Any], data: Any) -> None:
    x = data()
    x[0, 0, 0] = 0
    first, second = stored(x, **settings), stored(x, **settings)
    assert first.values.shape == x.shape and first.values.dtype == np.float32
    np.testing.assert_array_equal(first.values, second.values)
    assert np.isfinite(first.values).all() and first.bits > 0
    if settings["method"] != "noisyquant":
        assert not first.values[x == 0].any()
    assert float(((first.values - x) ** 2).sum()) < float((x**2).sum())
    assert parse_method(describe_method(parse_method(settings))) == parse_method(settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(str(value) for value in s.values()))
def test_a_dead_tensor_stays_dead(settings: dict[str, Any]) -> None:
    x = np.zeros((2, 3, 3, 4), np.float32)
    assert not stored(x, **settings).values.any()


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("pot", "coded")])
def test_more_bits_lose_less(name: str) -> None:
    errors = [error(signed_map(), method=name, bits=bits) for bits in (3, 4, 5)]
    assert errors[0] > errors[1] > errors[2]


class Node(NamedTuple):
    """Of the authors' tree: compared by times alone. what: a symbol, or the two nodes below."""

    times: int
    what: Any

    def __lt__(self, other: Any) -> bool:
        return bool(self.times < other.times)


def authors_channel(x: np.ndarray, bits: int, extra: int) -> tuple[np.ndarray, int]:
    """One important channel as the authors' loop stores it: values and the length of payload and table, as strings of bits."""
    top = float(np.abs(x).max())
    limit = 2 ** (bits + extra - 1)
    delta = top / limit
    codes = [0 if delta == 0 else int(min(max(round(value / delta), -limit), limit - 1)) for value in x.astype(float)]
    errors = [code & (2**extra - 1) for code in codes]
    values = [top / 2 ** (bits - 1) * ((code >> extra) + err / 2**extra) for code, err in zip(codes, errors, strict=True)]
    heap = [Node(count, symbol) for symbol, count in Counter(errors).items()]
    heapq.heapify(heap)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, Node(a.times + b.times, (a.what, b.what)))
    words: dict[int, str] = {}

    def walk(node: Any, word: str) -> None:
        if isinstance(node, tuple):
            walk(node[0], word + "0")
            walk(node[1], word + "1")
        else:
            words[node] = word or "0"

    walk(heap[0].what, "")
    payload = "".join(words[err] for err in errors)
    table = "0" if len(words) == 1 else "".join(f"{len(w):0{extra}b}{w}{symbol:0{extra}b}" for symbol, w in words.items())
    return np.array(values), len(payload) + len(table)


@pytest.mark.parametrize("data", [relu_map, signed_map])
@pytest.mark.parametrize(("bits", "extra", "ratio"), [(3, 3, 0.4), (4, 2, 0.7), (3, 1, 1.0), (2, 4, 0.2)])
def test_the_papers_dqa_is_the_authors_loop(data: Any, bits: int, extra: int, ratio: float) -> None:
    x = data()
    order = [3, 1, 4, 2, 0]
    quantizer = parse_method({"method": "paper", "bits": bits, "extra_bits": extra, "ratio": ratio}).fit(Calibration(x, order))
    found = quantizer.apply(x)
    important = order[-int(5 * ratio) :]
    count = bits * x.size
    for channel in range(5):
        flat = x[..., channel].ravel()
        if channel in important:
            values, overhead = authors_channel(flat, bits, extra)
            count += overhead
        else:
            values, limit = flat.astype(float), 2 ** (bits - 1)
            delta = float(np.abs(flat).max()) / limit
            values = np.array([0 if delta == 0 else delta * min(max(round(v / delta), -limit), limit - 1) for v in values])
        np.testing.assert_allclose(found.values[..., channel].ravel(), values, rtol=1e-5, atol=1e-6)
    assert found.bits == count


def test_code_and_shifting_error_together_are_the_finer_code() -> None:
    x = signed_map()
    dqa = stored(x, method="paper", bits=3, extra_bits=3, ratio=1.0)
    np.testing.assert_allclose(dqa.values, stored(x, method="direct", bits=6).values, rtol=1e-6)


def test_the_code_is_the_shifted_value_and_the_error_its_low_bits() -> None:
    x = signed_map()
    quantizer = parse_method({"method": "paper", "bits": 3, "extra_bits": 2, "ratio": 0.4}).fit(Calibration(x, [3, 1, 4, 2, 0]))
    assert isinstance(quantizer, PaperQuantizer)
    codes, errors = quantizer.split(x)
    for row, channel in enumerate([0, 2]):
        values = x[..., channel].ravel()
        fine = np.clip(np.rint(values / (np.abs(values).max() / 16)), -16, 15).astype(int)
        np.testing.assert_array_equal(codes[row], fine >> 2)
        np.testing.assert_array_equal(errors[row], fine & 3)


def test_no_channel_is_important_where_the_share_rounds_to_none() -> None:
    x = signed_map()
    assert stored(x, method="paper", bits=3, ratio=0.1).bits == 3 * x.size


def test_scales_are_found_in_every_batch() -> None:
    x = signed_map()
    quantizer = fitted(x, method="direct", bits=3)
    np.testing.assert_allclose(quantizer.apply(4 * x).values, 4 * quantizer.apply(x).values, rtol=1e-6)
    static = fitted(x, method="uniform", bits=3, clip="max")
    assert np.abs(static.apply(4 * x).values).max() <= np.abs(x).max() * 4 / 3 + 1e-5


def test_powers_of_two_are_powers_of_two() -> None:
    x = relu_map()
    values = stored(x, method="pot", bits=3).values
    levels = np.unique(values[values > 0] / x.max())
    np.testing.assert_allclose(levels, [1 / 8, 1 / 4, 1 / 2, 1], rtol=1e-5)
    assert not values[x == 0].any()


def test_the_squared_error_clip_is_the_best_of_its_grid() -> None:
    x = relu_map(3)
    best = error(x, method="uniform", bits=3, clip="mse")
    assert all(best <= error(x, method="uniform", bits=3, clip=clip) for clip in ("max", "percentile", "aciq"))
    top = x.max(axis=(0, 1, 2))
    for ratio in (0.5, 0.7, 0.9):
        step = np.where(top > 0, top * ratio / 7, 1)
        assert best <= float(((np.clip(np.rint(x / step), 0, 7) * step - x) ** 2).sum()) * 1.001


def test_aciq_clips_where_its_table_says() -> None:
    x = np.random.default_rng(0).exponential(1, (50, 20, 20, 2)).astype(np.float32)
    quantizer = fitted(x, method="uniform", bits=4, clip="aciq")
    mean = x.mean(axis=(0, 1, 2), dtype=np.float64)
    spread = np.abs(x - mean).mean(axis=(0, 1, 2))
    expected = np.minimum(mean + 6.20 * spread, x.max(axis=(0, 1, 2)))
    np.testing.assert_allclose(quantizer.apply(np.full((1, 2), 1e6, np.float32)).values[0], expected, rtol=1e-4)


def test_lloyd_max_levels_are_the_means_of_what_they_stand_for() -> None:
    x = relu_map(5)[..., 1:]
    quantizer = fitted(x, method="lloydmax", bits=3)
    values = quantizer.apply(x).values
    for channel in range(4):
        levels = np.unique(values[..., channel])
        assert len(levels) <= 8 and levels[0] == 0
        spread = float(x[..., channel].max())
        for level in levels[1:]:
            assert x[..., channel][values[..., channel] == level].mean() == pytest.approx(float(level), abs=0.01 * spread)
    assert error(x, method="lloydmax", bits=3) < error(x, method="uniform", bits=3)


def test_pwlq_has_two_steps_and_its_search_finds_the_better_breakpoint() -> None:
    x = np.random.default_rng(1).exponential(1, (30, 10, 10, 1)).astype(np.float32)
    found = stored(x, method="pwlq", bits=3, limit="max")
    assert found.bits == 4 * x.size
    steps = np.unique(np.diff(np.unique(found.values)).round(4))
    assert len(steps) == 2 and len(np.unique(found.values)) == 15
    assert error(x, method="pwlq", bits=3, limit="max") <= error(x, method="pwlq", bits=3, limit="max", breakpoint="normal")
    assert error(x, method="pwlq", bits=3, limit="mse") <= error(x, method="pwlq", bits=3, limit="max")


def test_pwlq_beats_uniform_codes_of_the_same_arithmetic_on_long_tails() -> None:
    x = signed_map()
    assert error(x, method="pwlq", bits=4, limit="max") < 9 / 16 * error(x, method="uniform", bits=4, clip="max") * 1.2


def test_noisyquant_is_judged_by_what_reads_the_tensor() -> None:
    x = signed_map()
    weights = np.array([0.0, 0, 0, 0, 1], np.float32)  # only the last channel is read
    x[..., 4] *= 0.1
    asked = []

    def consumers(values: np.ndarray) -> np.ndarray:
        asked.append(len(values))
        return values @ weights

    method = parse_method({"method": "noisyquant", "bits": 4})
    read = method.fit(Calibration(x, consumers=consumers)).apply(x).values
    blind = parse_method({"method": "noisyquant", "bits": 4, "loss": "tensor"}).fit(Calibration(x)).apply(x).values
    assert len(asked) == 401  # the reference, 100 clips, 100 means, 200 amplitudes
    assert ((read - x)[..., 4] ** 2).sum() < 0.2 * ((blind - x)[..., 4] ** 2).sum()
    with pytest.raises(ValueError, match="operators that read"):
        method.fit(Calibration(x))


def test_noisyquant_noise_is_one_number_per_channel_and_can_only_help_calibration() -> None:
    x = signed_map()
    assert error(x, method="noisyquant", bits=3) <= error(x, method="noisyquant", bits=3, noise=False)
    with_noise = fitted(x, method="noisyquant", bits=3)
    assert with_noise.table_bits == 32 * 6 and fitted(x, method="noisyquant", bits=3, noise=False).table_bits == 32 * 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "'method' must be one of"),
        ({"method": "magic"}, "'method' must be one of"),
        ({"method": ["paper"]}, "'method' must be one of"),
        ({"method": "uniform"}, "needs 'bits'"),
        ({"method": "uniform", "bits": 3, "ratio": 0.4}, "no option 'ratio'"),
        ({"method": "uniform", "bits": "3"}, "whole number"),
        ({"method": "uniform", "bits": True}, "whole number"),
        ({"method": "uniform", "bits": 0}, "'bits' must be in"),
        ({"method": "uniform", "bits": 3, "clip": "best"}, "must be one of max, percentile, mse, aciq"),
        ({"method": "uniform", "bits": 8, "clip": "aciq"}, "'bits' must be in 2..7"),
        ({"method": "paper", "bits": 3, "ratio": 1.5}, "'ratio' must be in 0..1"),
        ({"method": "paper", "bits": 3, "ratio": "most"}, "must be a number"),
        ({"method": "paper", "bits": 3, "ratio": float("nan")}, "'ratio' must be in 0..1"),
        ({"method": "paper", "bits": 3, "extra_bits": 5}, "'extra_bits' must be in 1..4"),
        ({"method": "noisyquant", "bits": 3, "noise": 1}, "true or false"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_method(settings)


def test_the_papers_dqa_needs_a_ranking() -> None:
    with pytest.raises(ValueError, match="ranking"):
        parse_method({"method": "paper", "bits": 3}).fit(Calibration(signed_map()))
