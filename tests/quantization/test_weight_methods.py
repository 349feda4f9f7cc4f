"""Weights in few bits: each method keeps its promise, and the program that `--weight-bits 4` makes follows the float network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import tflite_builder
from builders import mixed_models
from builders.mixed_models import convert_bytes
from builders.networks import EIGHT, Net, images, residual, scaled, statistics_of
from dqa import ConvertConfig, convert
from dqa.errors import InputError
from dqa.graph.execute import run
from dqa.lab import weights_pwlq as pwlq
from dqa.lowering.build import build, edge_order
from dqa.operators.affine import codes_of
from dqa.operators.conv_2d import Conv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.program import Coding, Program, Storage
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.decide import decide
from dqa.quantization.formats import Reason, TensorFormat, whole
from dqa.quantization.useful_scales import raise_to_useful
from dqa.quantization.weights import affine, chosen, codebook, compensated, lloydmax, uniform
from dqa.quantization.weights.layer_by_layer import Replaced, quantize_layers
from dqa.quantization.weights.levels import Levels, largest_scales, stored_bits
from dqa.quantization.weights.moments import Moments, MomentSum
from dqa.tflite.reader import read_contents
from reference import mirror

FOUR = ConvertConfig(maps="planes", method="direct", bits=8, weight_bits=4, input_scale=mixed_models.SCALE)


def weights_of(seed: int = 0, outputs: int = 6, inputs: int = 40) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(outputs, inputs)) * random.uniform(0.1, 3, (outputs, 1))


def inputs_of(seed: int = 0, inputs: int = 40, rows: int = 600) -> np.ndarray:
    """Non-negative and correlated, as after a ReLU."""
    random = np.random.default_rng(seed)
    return np.maximum(random.normal(size=(rows, 8)) @ random.normal(size=(8, inputs)) + 0.3 * random.normal(size=(rows, inputs)), 0)


def moments_of(x: np.ndarray, y: np.ndarray | None = None) -> Moments:
    total = MomentSum(x.shape[1])
    total.add(x.astype(np.float32), (x if y is None else y).astype(np.float32))
    return total.moments()


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_uniform_levels_are_equidistant_and_symmetric(bits: int) -> None:
    weights = weights_of()
    found = uniform.uniform(weights, bits, clip=False)

    assert len(found.book) == 2**bits - 1
    assert set(np.diff(found.book.astype(int))) == {int(found.book[-1]) // (2 ** (bits - 1) - 1)}
    step = np.abs(weights).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(found.values, np.rint(weights / step) * step, atol=1e-12)


def test_clipping_lowers_the_error_of_uniform_levels() -> None:
    weights = weights_of(outputs=50, inputs=200)
    clipped, whole_range = (np.square(uniform.uniform(weights, 3, clip=clip).values - weights).sum(axis=1) for clip in (True, False))

    assert np.all(clipped <= whole_range + 1e-12)
    assert clipped.sum() < 0.8 * whole_range.sum()


def test_a_code_book_finds_the_levels_that_weights_already_have() -> None:
    random = np.random.default_rng(3)
    book = np.array([-127, -60, -20, 0, 9, 33, 70, 110], np.int8)
    weights = book[random.integers(0, 8, (12, 400))] * random.uniform(0.5, 2, (12, 1))

    found = lloydmax.lloydmax(weights, 3)

    assert np.abs(found.values - weights).max() < 0.03 * np.abs(weights).max()


@pytest.mark.parametrize("bits", [3, 4])
def test_a_code_book_beats_uniform_levels_on_heavy_tails(bits: int) -> None:
    weights = np.random.default_rng(1).laplace(size=(16, 300))
    errors = [np.square(found.values - weights).sum() for found in (lloydmax.lloydmax(weights, bits), uniform.uniform(weights, bits))]

    assert errors[0] < 0.9 * errors[1]


def test_a_channel_of_zeros_stays_zeros() -> None:
    weights = weights_of()
    weights[2] = 0
    moments = moments_of(inputs_of())
    methods = (codebook.compensated_codebook(weights, moments), affine.compensated_affine(weights, moments), affine.nearest_affine(weights))
    for found in (uniform.uniform(weights), lloydmax.lloydmax(weights), *methods):
        assert np.abs(found.values[2]).max() < 1e-9
        assert np.all(found.scales > 0)


def test_stored_bits_count_indices_and_the_book() -> None:
    found = Levels(np.zeros((4, 64), np.int8), np.ones(4), np.arange(16, dtype=np.int8))

    assert stored_bits(found) == 4 + 16 * 8 / 256
    assert stored_bits(replace(found, book=np.tile(found.book, (4, 1)))) == 4 + 4 * 8 / 256


def test_affine_levels_are_a_step_apart_from_any_least_weight() -> None:
    weights = weights_of(outputs=20) + np.linspace(-1, 1, 20)[:, None]
    for found in (affine.nearest_affine(weights), affine.compensated_affine(weights, moments_of(inputs_of()))):
        assert found.book.shape == (20, 16) and set(np.diff(found.book.astype(int)).ravel()) == {8}
        assert len(set(found.book[:, 0])) > 3
        assert all(set(row) <= set(book) for row, book in zip(found.weights, found.book, strict=True))
        assert np.all(found.scales <= largest_scales(weights) * (1 + 1e-9))


def test_compensation_more_than_halves_the_error_of_affine_levels() -> None:
    weights, moments = weights_of(), moments_of(inputs_of())
    plain, found = (
        compensated.error(weights, levels.values, moments.covariance).sum()
        for levels in (affine.nearest_affine(weights), affine.compensated_affine(weights, moments))
    )
    assert found < 0.5 * plain


@pytest.mark.parametrize("overlap", [False, True])
def test_piecewise_linear_weights_have_as_many_values_as_their_bits_allow(overlap: bool) -> None:
    weights = weights_of(outputs=3, inputs=5000)
    found = pwlq.pwlq(weights, 4, overlap=overlap)

    assert all(len(np.unique(np.round(row, 9))) <= 32 for row in found)
    assert np.square(found - weights).sum() < 0.5 * np.square(uniform.uniform(weights, 4, clip=False).values - weights).sum()


@pytest.mark.parametrize("breakpoint", ["normal", "laplace"])
def test_the_searched_breakpoint_is_at_least_as_good_as_the_formulas(breakpoint: pwlq.Breakpoint) -> None:
    weights = weights_of(outputs=20, inputs=300)
    searched, formula = (np.square(pwlq.pwlq(weights, 4, breakpoint=kind) - weights).sum(axis=1) for kind in ("search", breakpoint))

    assert np.all(searched <= 1.02 * formula)  # the search steps by a thousandth
    assert formula.sum() < 2 * searched.sum()


def test_the_bias_correction_of_pwlq_restores_mean_and_deviation() -> None:
    weights = weights_of() + 0.3
    found = pwlq.corrected(weights, pwlq.pwlq(weights, 2))

    np.testing.assert_allclose(found.std(axis=1), weights.std(axis=1))
    shift = pwlq.pwlq(weights, 2).mean(axis=1) - weights.mean(axis=1)
    assert np.abs(found.mean(axis=1) - weights.mean(axis=1)).max() < np.abs(shift).max()


def test_moments_of_batches_are_those_of_all_rows() -> None:
    x, y = inputs_of(1).astype(np.float32), inputs_of(2).astype(np.float32)
    total = MomentSum(x.shape[1])
    for part in (slice(0, 100), slice(100, 600)):
        total.add(x[part], y[part])
    found = total.moments()

    np.testing.assert_allclose(found.covariance, np.cov(x.T, bias=True), atol=1e-4)
    np.testing.assert_allclose(found.cross, (y - y.mean(0)).T @ (x - x.mean(0)) / 600, atol=1e-4)
    factor = np.linspace(0.5, 2, x.shape[1])
    np.testing.assert_allclose(found.scaled(factor).covariance, np.cov((x * factor).T, bias=True), atol=1e-4)


def test_compensation_more_than_halves_the_error_of_the_sums() -> None:
    weights, x = weights_of(), inputs_of()
    moments = moments_of(x)
    covariance = moments.damped(0.01)
    nearest = uniform.uniform(weights, 4)
    found = compensated.compensate(weights, nearest, covariance)

    def error(levels: Levels) -> float:
        difference = x @ (weights - levels.values).T
        return float(np.square(difference - difference.mean(axis=0)).sum())

    assert error(found) < 0.5 * error(nearest)
    assert set(np.unique(found.weights)) <= set(nearest.book.tolist())


def test_few_rows_do_not_spoil_the_sums_of_others() -> None:
    """Rounding in the manner of 20 rows of 40 inputs, then looked at with 600 others, which are not confined to the same directions."""
    weights, others = weights_of(), inputs_of(3)
    seen = moments_of(inputs_of(3, rows=620)[600:])
    nearest = uniform.uniform(weights, 8, clip=False)

    def error(levels: Levels) -> float:
        return float(np.square(others @ (weights - levels.values).T).sum())

    bold, careful = (compensated.compensate(weights, nearest, m.damped(0.01)) for m in (replace(seen, rows=10**6), seen))
    assert error(careful) < min(error(bold), 1.1 * error(nearest))


def test_after_descent_no_single_weight_can_be_chosen_better() -> None:
    weights, covariance = weights_of(outputs=3, inputs=12), moments_of(inputs_of(inputs=12)).damped(0.05)
    start = uniform.uniform(weights, 3)
    found = compensated.descend(weights, start, covariance)
    least = compensated.error(weights, found.values, covariance)

    assert np.all(least <= compensated.error(weights, start.values, covariance) + 1e-12)
    for k in range(12):
        for level in found.book:
            other = found.weights.copy()
            other[:, k] = level
            changed = compensated.error(weights, Levels(other, found.scales, found.book).values, covariance)
            assert np.all(changed >= least - 1e-9)


def test_better_scales_lower_the_error() -> None:
    weights, covariance = weights_of(), moments_of(inputs_of()).damped(0.01)
    start = uniform.uniform(weights, 4, clip=False)
    found = compensated.rescaled(weights, start, covariance)

    before, after = (compensated.error(weights, levels.values, covariance) for levels in (start, found))
    assert np.all(after <= before + 1e-12)
    assert after.sum() < before.sum()


def test_the_target_undoes_what_earlier_layers_did_to_the_inputs() -> None:
    y, weights = inputs_of(), weights_of()
    mixing = np.eye(40) + 0.05 * np.random.default_rng(5).normal(size=(40, 40))
    x = y @ mixing.T
    moments = moments_of(x, y)
    found = compensated.target(weights, moments, moments.damped(1e-9))

    np.testing.assert_allclose(x @ found.T, y @ weights.T, atol=0.05 * np.abs(y @ weights.T).max())


def test_corrected_biases_keep_the_mean_of_the_sums() -> None:
    x, y, weights, bias = inputs_of(1), inputs_of(2), weights_of(), np.arange(6.0)
    values = uniform.uniform(weights, 2).values
    found = compensated.corrected_bias(bias, weights, values, moments_of(x, y))

    np.testing.assert_allclose((x @ values.T + found).mean(axis=0), (y @ weights.T + bias).mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_no_scale_passes_the_limit_that_formats_were_decided_with(seed: int) -> None:
    weights = np.random.default_rng(seed).standard_t(2, size=(8, 40))
    moments = moments_of(inputs_of(seed), inputs_of(seed) * 3)  # the target is three times the weights

    found = codebook.compensated_codebook(weights, moments)

    assert np.all(found.scales <= largest_scales(weights) * (1 + 1e-12))


def test_a_layer_sees_the_inputs_that_quantized_layers_give_it() -> None:
    net = Net(0, 6, 5, 3)
    graph = net.finish(net.conv(net.conv(0, 4), 6))
    x = scaled(images(0, 20, graph))
    seen: list[Moments] = []

    def zero(_op: object, weights: np.ndarray, bias: np.ndarray, moments: Moments) -> Replaced:
        seen.append(moments)
        return Replaced(np.zeros_like(weights), bias)

    quantize_layers(graph, {0: x}, zero)

    first, second, dense = seen
    np.testing.assert_allclose(first.covariance, first.cross, atol=1e-5)
    assert np.all(second.covariance[4 * 4, 4 * 4] < 1e-9)  # the middle of the kernel: behind a layer of zero weights nothing varies
    assert second.float_mean[4 * 4 : 5 * 4].max() > 0
    np.testing.assert_allclose(dense.float_mean, run(graph, x)[graph.ops[2].outputs[0]].reshape(20, -1).mean(axis=0), rtol=1e-4)


def test_what_a_format_stores_is_what_its_values_stand_for() -> None:
    fmt = whole((1, 1, 2), Storage.RING, 7, 0, 0, np.zeros(2), np.array([0.5, 2.0]), reason=Reason.PLANNED)
    np.testing.assert_array_equal(fmt.stored(np.array([[0.6, -3.0], [100.0, 5.1]], np.float32)), [[0.5, 0], [63.5, 6]])

    direct = TensorFormat(Storage.MAP, 2, 2, 0, np.zeros(2), np.ones(2), Reason.MAP, important=(1,))
    np.testing.assert_array_equal(direct.stored(np.array([[5.2, 5.2], [14.0, 14.0]], np.float32)), [[4, 5], [12, 14]])


def test_scales_are_brought_together_for_few_levels_but_not_those_of_coded_maps() -> None:
    net = Net(0, 6, 6, 3)
    graph = net.finish(net.conv(hidden := net.conv(0, 4), 4))
    real = scaled(images(0, 8, graph))
    given = BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))
    formats = decide(network := Calibrated(graph, statistics_of(graph, real), {0: given}, EIGHT))
    uneven = formats[hidden].scales.max() * np.array([1, 1, 5, 20])
    formats[hidden] = replace(formats[hidden], scales=uneven)
    np.testing.assert_allclose(raise_to_useful(graph, network.ties, formats, 4)[hidden].scales, np.maximum(uneven, uneven.max() / 2))

    coding = Coding(group_count=1, groups=(0,) * 4, tables=(), contexts=(), expected=(), share=())
    formats[hidden] = replace(formats[hidden], coding=coding)
    np.testing.assert_array_equal(raise_to_useful(graph, network.ties, formats, 4)[hidden].scales, uneven)


def test_small_layers_keep_eight_bits() -> None:
    net = Net(0, 6, 6, 2)
    graph = net.finish(net.conv(net.conv(0, 2, kernel=1), 64), classes=40)
    assert chosen.small_layers(graph) == {graph.ops[0].outputs[0]}


@pytest.mark.parametrize("seed", range(3))
def test_chosen_weights_follow_the_float_network_closer_than_the_nearest(seed: int) -> None:
    graph = residual(seed)
    x = images(seed, 48, graph)
    real = scaled(x)
    given = BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))
    formats = decide(Calibrated(graph, statistics_of(graph, real), {0: given}, replace(EIGHT, weight_bits=4)))
    found = chosen.choose_weights(graph, formats, {0: real[:32]}, 4)
    logits = graph.ops[-1].inputs[0]
    expected, place = run(graph, real)[logits], edge_order(graph).index(logits)

    def error(program: Program) -> float:
        got = np.stack([mirror.run(program, [sample]).edges[place].ravel() for sample in x[32:]])
        return float(np.square((got - formats[logits].zero_points) * formats[logits].scales - expected[32:]).mean())

    nearest, best = (error(build(graph, formats, weight_bits=4, weights=weights)) for weights in (None, found))
    assert best < 0.5 * nearest
    assert best < 0.05 * expected.var()


def test_channels_that_four_bit_weights_read_have_scales_within_a_factor_of_two() -> None:
    graph = residual(0)
    given = BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))
    statistics = statistics_of(graph, scaled(images(0, 24, graph)))
    read = [op.inputs[0] for op in graph.ops if op.kind == "CONV_2D" and op.inputs[0] != 0]

    def spread(config: ConvertConfig, bits: int) -> float:
        formats = decide(Calibrated(graph, statistics, {0: given}, replace(config, weight_bits=bits)))
        return max(float(formats[t].scales.max() / formats[t].scales.min()) for t in read)

    assert spread(EIGHT, 4) <= 2 * (1 + 1e-9) < spread(EIGHT, 8)
    few = ConvertConfig(maps="planes", method="direct")
    assert spread(few, 4) == spread(few, 8) > 2


def network() -> bytes:
    net = tflite_builder.Net(1, 8, 8, 3)
    return net.build(net.conv(net.conv(net.conv(net.input, 16, activation="RELU"), 16, activation="RELU"), 4))


@pytest.mark.parametrize("tflite", [network, mixed_models.builtin_first_and_last])
def test_the_program_holds_affine_codes_that_its_weights_use(tflite: Callable[[], bytes], tmp_path: Path) -> None:
    convert_bytes(tflite(), tmp_path, FOUR)
    groups = read_contents((tmp_path / "out" / "model.tflite").read_bytes()).groups
    ops = [op for group in groups for op in group.program.ops if isinstance(op, Conv2D | FullyConnected)]

    coded = [(op.weights, op.book) for op in ops if op.book is not None]
    assert coded and all(op.affine for op in ops if op.book is not None)
    for weights, least in coded:
        assert len(np.unique(codes_of(weights, least))) > 8


def test_the_same_data_give_the_same_bytes_and_a_recipe_needs_them(tmp_path: Path) -> None:
    out = convert_bytes(network(), tmp_path, FOUR)
    model, recipe, data = tmp_path / "model.tflite", out / "recipe.yaml", tmp_path / "x.npz"
    again = convert(model, data, tmp_path / "again", recipe=recipe).out

    assert (again / "model.dqa").read_bytes() == (out / "model.dqa").read_bytes()
    with pytest.raises(InputError, match="weights are rounded with calibration data"):
        convert(model, None, tmp_path / "none", recipe=recipe)


@pytest.mark.parametrize("covariance", [np.ones((6, 6)), np.zeros((6, 6)), np.diag([1e-300] * 3 + [1.0] * 3)])
def test_inputs_that_are_all_alike_or_nothing_still_give_levels(covariance: npt.NDArray[np.float64]) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 6))
    book = np.arange(-7, 8, dtype=np.int8)
    start = Levels(np.zeros((4, 6), np.int8), np.full(4, 0.3), book)
    found = compensated.compensate(weights, start, covariance)
    values, plain = found.values, np.asarray(np.clip(np.rint(weights / 0.3), -7, 7) * 0.3, np.float64)
    assert (compensated.error(weights, values, covariance) <= compensated.error(weights, plain, covariance) + 1e-12).all()
