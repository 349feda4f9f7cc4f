"""Scales that calibration data of no spread, dead channels and huge biases ask for: every one is expressed, and constants stay right."""

from __future__ import annotations

import numpy as np
import pytest

from builders.graphs import Build
from dqa.lowering.build import build
from dqa.operators import arithmetic
from dqa.operators.functions import unary
from dqa.operators.multiplier import MAX_FACTOR, apply
from dqa.quantization import clipping
from dqa.quantization.formats import Reason, affine, raw
from dqa.quantization.shared_scales import Ties
from dqa.quantization.useful_scales import raise_to_useful
from dqa.quantization.weights import integer as weights
from dqa.quantization.weights.lloydmax import lloydmax
from dqa.quantization.weights.moments import MomentSum

random = np.random.default_rng(0)


def _one_scale_for_uneven_weights() -> tuple[Build, int]:
    """A dense layer whose outputs share a scale, the first with the largest weights."""
    net = Build(1, 4)
    y = net.dense(net.graph.inputs[0], 3)
    values = net.graph.tensors[net.graph.ops[0].inputs[1]].data
    assert values is not None
    values *= np.array([100, 1, 0.01])[:, None]
    net.done(y)
    return net, y


def test_the_coarsest_accumulator_of_channels_that_share_a_scale_decides() -> None:
    net, y = _one_scale_for_uneven_weights()
    coarse = raw(Reason.INPUT, (1, 1, 4), np.full(4, 4.0), np.full(4, -128.0))
    fine = raw(Reason.OUTPUT, (1, 1, 3), np.full(3, 1e-3), np.zeros(3))
    raised = raise_to_useful(net.graph, Ties(net.graph), {0: coarse, y: fine})
    folded = weights.folded_weights(net.graph, net.graph.ops[0], raised, 8, limited=False)
    assert len(set(raised[y].scales)) == 1
    assert (folded.scales / raised[y].scales).max() == pytest.approx(MAX_FACTOR) and (folded.scales / raised[y].scales < MAX_FACTOR).all()
    build(net.graph, raised)


def test_a_format_that_cannot_be_raised_keeps_what_a_constant_input_gives() -> None:
    net, y = _one_scale_for_uneven_weights()
    bias = net.graph.tensors[net.graph.ops[0].inputs[2]].data
    assert bias is not None
    bias[:] = [0.05, -0.03, 0.1]
    coarse = raw(Reason.INPUT, (1, 1, 4), np.full(4, 4.0), np.full(4, -128.0))
    fixed = raw(Reason.BORDER, (1, 1, 3), np.full(3, 1e-3), np.zeros(3))
    formats = raise_to_useful(net.graph, Ties(net.graph), {0: coarse, y: fixed})
    assert formats[y] is fixed
    folded = weights.folded_weights(net.graph, net.graph.ops[0], formats, 8)
    requantization = arithmetic.requantize_sum(folded, fixed)
    nothing = folded.weights.reshape(3, -1).astype(np.int64).sum(axis=1) * -128
    codes = apply(nothing + requantization.bias, requantization.multiplier, requantization.shift)
    np.testing.assert_allclose(codes * fixed.scales, bias, atol=1e-3)


@pytest.mark.parametrize("bias", [-1e30, -1e6, 1e30])
def test_a_bias_beyond_the_output_takes_no_precision_from_the_weights(bias: float) -> None:
    real = random.normal(0, 1, (2, 5))
    ordinary, huge = (
        weights.fold(real, np.array([b, 0.0]), np.full(5, 0.1), np.full(5, -128.0), output_scales=np.full(2, 0.05)) for b in (0.0, bias)
    )
    assert np.array_equal(ordinary.weights, huge.weights)
    inputs = random.integers(-128, 128, (100, 5))
    sums = (inputs @ huge.weights.T.astype(np.int64) + huge.bias)[:, 0] * huge.scales[0] / 0.05
    assert (sums < -300).all() if bias < 0 else (sums > 300).all()


def test_a_dead_channel_is_no_wider_than_the_live_ones() -> None:
    counts, centers = np.ones((3, 4)), np.outer([0.0, 1e-3, 2e-3], np.arange(4) / 3)
    step, error = clipping.best_step(counts, centers, 7, signed=False)
    assert step[0] == step[2] / 2 and error[0] == 0
    alone = clipping.best_step(counts[:1], centers[:1], 7, signed=False)[0][0]  # nothing is known of it: half a range of 1
    assert alone * 127 == 0.5
    assert clipping.best_step(counts, 1e5 * centers, 7, signed=False)[0][0] * 127 == pytest.approx(100)  # half of the widest, 200
    assert clipping.best_step(counts, 1e-38 * centers, 7, signed=False)[0].tolist() == [alone] * 3  # nothing worth a step


@pytest.mark.parametrize(("low", "high", "scale"), [(0, 0, 1 / 255), (-1e-40, 1e-41, 1 / 255), (2, 3, 3 / 255), (-1, -1, 1 / 255)])
def test_a_range_holds_0_and_is_never_empty(low: float, high: float, scale: float) -> None:
    found, zero = affine(low, high)
    assert found == pytest.approx(scale) and -128 <= zero <= 127


@pytest.mark.parametrize(("scale_a", "scale_b"), [(1.0, 1.0), (1e9, 1.0), (1e-12, 1e30), (1e9, 1e9)])
def test_a_sum_of_inputs_far_coarser_than_the_output_saturates(scale_a: float, scale_b: float) -> None:
    one = np.ones(1)
    a, b, r = arithmetic.add(scale_a * one, -one, scale_b * one, -one, one, np.zeros(1, bool))
    for va, vb in ((-1, -1), (0, -1), (-1, 0), (5, 9)):
        got = int(apply(va * a.astype(np.int64) + vb * b.astype(np.int64) + r.bias, r.multiplier, r.shift)[0])
        exact = (va + 1) * scale_a + (vb + 1) * scale_b
        assert abs(np.clip(got, -128, 127) - np.clip(exact, -128, 127)) <= 0.51


@pytest.mark.parametrize("scale", [1.0, 8000.0, 1e9, 1e-9])
def test_a_mean_of_an_input_far_coarser_than_the_output_saturates(scale: float) -> None:
    one, count = np.ones(1), 4
    r = arithmetic.average(scale * one, -3 * one, one, count, np.zeros(1, bool))
    for values in ([-3, -3, -3, -3], [-2, -3, -3, -3], [7, 7, 1, 1]):
        total = np.array([sum(values) * ((32768 + count // 2) // count)], np.int64)
        got = int(apply(total + r.bias, r.multiplier, r.shift)[0])
        exact = (np.mean(values) + 3) * scale
        assert abs(np.clip(got, -128, 127) - np.clip(exact, -128, 127)) <= 0.51


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e12])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0])
def test_the_moments_of_constant_and_tiny_inputs_are_positive_definite(scale: float, spread: float) -> None:
    x = (scale * (random.uniform(0, 100, 40) + spread * random.normal(0, 1, (200, 40)))).astype(np.float32)
    total = MomentSum(40, float(np.abs(x).max()))
    total.add(x, x)
    moments = total.moments().scaled(np.full(40, 1 / scale))
    np.linalg.cholesky(np.linalg.inv(moments.damped(0.2)))
    np.testing.assert_allclose(moments.covariance, np.cov(x.astype(np.float64).T / scale, bias=True), atol=0.05)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_weights_that_are_all_0_have_levels() -> None:
    levels = lloydmax(np.zeros((3, 8)))
    assert not levels.values.any() and (levels.scales > 0).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_functions_of_large_numbers_are_infinite_without_a_warning() -> None:
    assert unary("EXP", {}, np.array([1e3, 0.0])).tolist() == [np.inf, 1]
    assert unary("GELU", {"approximate": True}, np.array([1e14, -1e14], np.float32)).tolist() == [np.float32(1e14), 0]
