"""Ranges, ties, multipliers and folded weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqa.graph import Graph, Op, Tensor
from dqa.operators import multiplier
from dqa.quantization import clipping
from dqa.quantization.shared_scales import Ties
from dqa.quantization.weights import integer as weights


def graph_of(shapes: dict[int, tuple[int, ...]], ops: list[Op], inputs: list[int], outputs: list[int]) -> Graph:
    return Graph({i: Tensor(i, f"t{i}", shape) for i, shape in shapes.items()}, ops, inputs, outputs)


def test_max_pool_shares_scales_channel_by_channel() -> None:
    graph = graph_of(
        {0: (1, 4, 4, 3), 1: (1, 2, 2, 3), 2: (1, 2, 2, 3)},
        [Op("MAX_POOL_2D", "pool", [0], [1]), Op("ADD", "add", [1, 1], [2])],
        [0],
        [2],
    )
    ties = Ties(graph)

    assert ties.channels(0).tolist() == ties.channels(1).tolist()
    assert len(set(ties.channels(1).tolist())) == 3
    assert ties.range_of(0) == ties.range_of(1) != ties.range_of(2)


def test_outputs_have_one_scale_for_all_channels() -> None:
    graph = graph_of({0: (1, 4), 1: (1, 4)}, [Op("ADD", "add", [0, 0], [1])], [0], [1])

    assert len(set(Ties(graph).channels(1).tolist())) == 1
    assert len(set(Ties(graph).channels(0).tolist())) == 4


def test_concatenated_channels_follow_their_inputs() -> None:
    ops = [Op("CONCATENATION", "cat", [0, 1], [2], {"axis": 3}), Op("ADD", "add", [2, 2], [3])]
    graph = graph_of({0: (1, 2, 2, 2), 1: (1, 2, 2, 3), 2: (1, 2, 2, 5), 3: (1, 2, 2, 5)}, ops, [0, 1], [3])
    ties = Ties(graph)

    assert ties.channels(2).tolist() == [*ties.channels(0).tolist(), *ties.channels(1).tolist()]


def test_channel_padding_shifts_the_tie() -> None:
    ops = [Op("PAD", "pad", [0], [1], {"paddings": ((0, 0), (0, 0), (0, 0), (1, 2))}), Op("ADD", "add", [1, 1], [2])]
    graph = graph_of({0: (1, 2, 2, 2), 1: (1, 2, 2, 5), 2: (1, 2, 2, 5)}, ops, [0], [2])
    ties = Ties(graph)

    assert ties.channels(1)[1:3].tolist() == ties.channels(0).tolist()


def test_a_reshape_that_mixes_channels_leaves_one_scale() -> None:
    ops = [Op("RESHAPE", "r", [0], [1]), Op("ADD", "add", [1, 1], [2])]
    graph = graph_of({0: (1, 2, 2, 6), 1: (1, 4, 2, 3), 2: (1, 4, 2, 3)}, ops, [0], [2])
    ties = Ties(graph)

    assert len({*ties.channels(0).tolist(), *ties.channels(1).tolist()}) == 1


def test_the_best_step_clips_an_outlier() -> None:
    centers = np.concatenate([np.linspace(0, 1, 100), [10.0]])[None, :]
    counts = np.concatenate([np.full(100, 1000.0), [1.0]])[None, :]

    step, error = clipping.best_step(counts, centers, 3, signed=False)

    assert step[0] * 7 < 5
    assert error[0] < clipping.squared_error(counts, centers, np.array([10 / 7]), 3, False)[0]


def test_the_best_step_is_no_worse_than_any_other_step_tried() -> None:
    rng = np.random.default_rng(1)
    centers = np.sort(rng.normal(size=(4, 200)), axis=1)
    counts = rng.integers(0, 50, size=(4, 200)).astype(float)

    step, error = clipping.best_step(counts, centers, 4, signed=True)
    top = np.abs(np.where(counts > 0, centers, 0)).max(axis=1)

    for ratio in np.linspace(0.25, 1, 31):
        assert np.all(clipping.squared_error(counts, centers, top / 7 * ratio, 4, True) >= error - 1e-9)
    assert np.all(step > 0)


def test_a_channel_that_is_always_zero_gets_a_harmless_step() -> None:
    step, error = clipping.best_step(np.array([[5.0, 0.0]]), np.array([[0.0, 0.0]]), 4, signed=False)

    assert step[0] > 0
    assert error[0] == 0


@given(st.floats(1e-12, 0.24999999), st.integers(-(2**31), 2**31 - 1))
@settings(max_examples=300, deadline=None)
def test_requantizing_rounds_half_up_within_one_step_of_the_real_product(factor: float, acc: int) -> None:
    mult, shift = multiplier.requantization(np.array([factor]))
    got = int(multiplier.apply(np.array([acc]), mult, shift)[0])

    assert 0 <= mult[0] < 2**31
    assert 1 <= shift[0] <= 31
    real = acc * int(mult[0]) / 2.0 ** (32 + int(shift[0]))
    assert abs(got - real) <= 0.5 + 1e-6
    assert abs(real - acc * factor) <= abs(acc) * factor * 2.0**-30 + 2.0**-30 * abs(acc)


@pytest.mark.parametrize("factor", [-0.1, 0.25, 1.0, np.nan])
def test_factors_outside_the_range_are_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factors must be in"):
        multiplier.requantization(np.array([factor]))


def test_folded_weights_reproduce_the_float_sum() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(5, 3, 3, 4))
    bias = rng.normal(size=5)
    scales = rng.uniform(0.01, 0.1, size=4)
    zeros = np.array([-128.0, -3.3, 0.0, 7.0])
    folded = weights.fold(real, bias, scales, zeros)
    values = rng.integers(-128, 128, size=(3, 3, 4))

    exact = (real * ((values - zeros) * scales)).sum(axis=(1, 2, 3)) + bias
    integer = (folded.weights.astype(np.int64) * values).sum(axis=(1, 2, 3)) + folded.bias

    span = np.abs(values - zeros).sum() * folded.scales / 2
    assert np.all(np.abs(integer * folded.scales - exact) <= span)
    assert np.abs(folded.weights).reshape(5, -1).max(axis=1).tolist() == [127] * 5


def test_a_channel_of_zero_weights_still_gives_its_bias() -> None:
    folded = weights.fold(np.zeros((2, 1, 1, 3)), np.array([0.5, 0.0]), np.ones(3), np.zeros(3))

    assert folded.bias[0] * folded.scales[0] == pytest.approx(0.5, rel=1e-6)
    assert folded.bias[1] == 0


def test_wide_codes_leave_room_for_values_that_few_samples_did_not_show() -> None:
    """Beside a channel that reaches 20: where few values stand out others may go further; of many that end sharply one knows."""
    centers = np.stack([np.linspace(0, 4, 50), np.linspace(0, 20, 50)])
    tail = np.stack([100 * np.exp(-3 * centers[0]), np.full(50, 2.0)])
    sharp = np.full((2, 50), 2e4)
    few, many = (float(clipping.best_step(counts, centers, 8, signed=False)[0][0]) * 255 for counts in (tail, sharp))
    assert 4.5 < few < 20
    assert 4 < many < few + 2


def test_channels_that_were_seldom_active_may_reach_as_far_as_their_tensor() -> None:
    centers = np.tile(np.linspace(0, 10, 51), (3, 1))
    counts = np.zeros((3, 51))
    counts[0], counts[1, 0], counts[1, 5], counts[2, 0] = 20, 1000, 3, 1000
    reach = clipping.reach(counts, centers, np.full(3, 10.0))
    assert reach.tolist() == [10.0, 10.0, 5.0]  # always, three times, never
    # a silence is counted in the middle of its bin, which is not quite 0
    assert clipping.reach(counts, centers + 0.1, np.full(3, 10.0)).tolist() == [10.0, 10.0, 5.0]


def test_signed_codes_lean_to_the_side_where_the_values_are() -> None:
    centers = np.tile(np.linspace(-0.4, 26, 200), (4, 1))
    steps, zero = clipping.one_sided(np.ones((4, 200)), centers, np.inf, [np.arange(4)])
    assert zero < -100 and np.all(steps < 26 / 127 / 1.7)
    assert np.all(steps * (-128 - zero) <= -0.4) and np.all(steps * (127 - zero) >= 25.9)
    even = np.tile(np.linspace(-5, 5, 200), (4, 1))
    assert clipping.one_sided(np.ones((4, 200)), even, np.inf, [np.arange(4)])[1] == 0
