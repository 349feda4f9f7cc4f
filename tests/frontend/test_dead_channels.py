"""Channels that cannot matter are taken out, and no others: numpy on the smaller graph against LiteRT on the whole file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph
from dqa import ConvertConfig, convert
from dqa.analysis.analyze import analyze
from dqa.conversion import recipe as recipes
from dqa.frontend.dead_channels import DeadChannels, without_dead_channels
from dqa.frontend.model import FloatModel
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from dqa.graph.intervals import intervals
from dqa.operators.bounds import Bounds, summed
from dqa.partition.partition import slim
from dqa.profiling.float_network import signal_to_noise
from dqa.program import read
from tflite_builder import Net, options, run_litert

TINY = 1e-31


class Layers(Net):
    """A network whose layers may have channels that give one value, or that nobody reads."""

    def conv(  # type: ignore[override]
        self,
        x: int,
        out: int,
        kernel: int = 1,
        padding: str = "VALID",
        activation: str = "RELU",
        *,
        dead: tuple[int, ...] = (),
        value: float = -1.0,
        unread: tuple[int, ...] = (),
        weak: float = 0.0,
    ) -> int:
        """dead: output channels of weights `weak` and bias `value`; unread: input channels of weights `weak`."""
        weights = self.random.normal(0, 0.5, (out, kernel, kernel, self.shape(x)[3])).astype(np.float32)
        bias = self.random.normal(0, 0.5, (out,)).astype(np.float32)
        weights[list(dead)], bias[list(dead)] = weak, value
        weights[..., list(unread)] = weak
        return self.layer("CONV_2D", x, weights, bias, padding, activation)

    def depthwise(self, x: int, multiplier: int = 1) -> int:
        weights = self.random.normal(0, 0.5, (1, 3, 3, multiplier * self.shape(x)[3])).astype(np.float32)
        bias = self.random.normal(0, 0.5, (weights.shape[3],)).astype(np.float32)
        return self.layer("DEPTHWISE_CONV_2D", x, weights, bias, "SAME", "RELU", depthMultiplier=multiplier)

    def layer(
        self, kind: str, x: int, weights: np.ndarray, bias: np.ndarray, padding: str = "VALID", activation: str = "RELU", **fields: int
    ) -> int:
        from ai_edge_litert import schema_py_generated as schema

        _, height, width, _ = self.shape(x)
        less = weights.shape[1] - 1 if padding == "VALID" else 0
        option = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}[kind]
        fused, word = getattr(schema.ActivationFunctionType, activation), getattr(schema.Padding, padding)
        fields = {"padding": word, "strideH": 1, "strideW": 1, "fusedActivationFunction": fused, **fields}
        constants = [self.constant(values.astype(np.float32)) for values in (weights, bias)]
        return self.op(kind, [x, *constants], (1, height - less, width - less, len(bias)), options(option, **fields))

    def joined(self, *parts: int) -> int:
        shape = (*self.shape(parts[0])[:3], sum(self.shape(part)[3] for part in parts))
        return self.op("CONCATENATION", list(parts), shape, options("ConcatenationOptions", axis=3))


def checked(net: Net, output: int, size: float = 1.0) -> tuple[list[int], DeadChannels | None]:
    """The channels that the activations behind the input have left; answers stay what LiteRT makes of the file."""
    data = net.build(output)
    graph = read_graph(data, "net")
    simplify(graph)
    model = FloatModel(data, graph, "net", "")
    smaller, dead = without_dead_channels(model)
    assert (smaller is model) == (dead is None)
    x = (size * np.random.default_rng(0).normal(0, 1, (5, *graph.tensors[graph.inputs[0]].shape[1:]))).astype(np.float32)
    expected, found = run_litert(data, x), run(smaller.graph, x)[smaller.graph.outputs[0]]
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-5, atol=1e-5 * float(np.abs(expected).max()))
    return [smaller.graph.tensors[op.outputs[0]].hwc[2] for op in smaller.graph.ops], dead


@pytest.mark.parametrize("weak", [0.0, TINY])
def test_what_nobody_reads_goes(weak: float) -> None:
    net = Layers(1, 5, 6, 3)
    x = net.conv(net.input, 8)
    channels, dead = checked(net, net.conv(x, 4, 3, unread=(1, 6), weak=weak))
    assert channels == [6, 4] and dead is not None
    (removed,) = dead.removed
    assert (removed.channels, removed.kept, removed.constant) == (8, 6, 0) and removed.change <= 2.0**-24
    assert dead.weights == (24 + 8 * 9 * 4, 18 + 6 * 9 * 4) and dead.macs == (30 * 24 + 12 * 288, 30 * 18 + 12 * 216)


@pytest.mark.parametrize(("weak", "value"), [(0.0, -1.0), (0.0, 2.5), (TINY, 2.5)])
def test_a_constant_goes_into_the_biases_of_its_readers(weak: float, value: float) -> None:
    net = Layers(1, 5, 6, 3)
    x = net.conv(net.input, 8, dead=(0, 7), weak=weak, value=value)
    channels, dead = checked(net, net.joined(net.conv(x, 3, 3), net.conv(x, 2, 3, activation="NONE")))
    assert channels == [6, 3, 2, 5] and dead is not None and dead.removed[0].constant == 2


@pytest.mark.parametrize(("value", "left"), [(-1.0, 6), (2.5, 8)])
def test_at_padding_only_zero_goes(value: float, left: int) -> None:
    net = Layers(1, 5, 6, 3)
    x = net.conv(net.input, 8, dead=(0, 7), value=value)
    assert checked(net, net.conv(x, 3, 3, "SAME"))[0] == [left, 3]


@pytest.mark.parametrize("multiplier", [1, 2])
def test_what_a_depthwise_convolution_ties_goes_together(multiplier: int) -> None:
    net = Layers(1, 5, 6, 3)
    x = net.depthwise(net.conv(net.input, 4), multiplier)
    channels, _ = checked(net, net.conv(x, 3, unread=(*range(multiplier), 3 * multiplier)))
    assert channels == ([2, 2, 3] if multiplier == 1 else [3, 6, 3])  # the last of four has a second channel that is read


def test_what_an_addition_ties_goes_together_and_stays_for_another_reader() -> None:
    for other_reads, left in ((False, 6), (True, 7)):
        net = Layers(1, 5, 6, 3)
        a, b = net.conv(net.input, 8), net.conv(net.input, 8)
        total = net.conv(net.binary("ADD", a, b), 3, unread=(2, 5))
        other = net.conv(a, 3, unread=(2,) if other_reads else (2, 5))
        assert checked(net, net.binary("ADD", total, other))[0][:3] == [left, left, left]


def test_through_concatenation_pools_and_means() -> None:
    net = Layers(1, 4, 6, 3)
    x = net.joined(net.conv(net.input, 4, dead=(1,)), net.conv(net.input, 5, dead=(0, 4)))
    fields = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    x = net.op("MAX_POOL_2D", [x], (1, 2, 3, 9), options("Pool2DOptions", padding=1, **fields))
    x = net.op("MEAN", [x, net.constant(np.array([1, 2], np.int32))], (1, 9), options("ReducerOptions", keepDims=False))
    assert checked(net, net.dense(x, 4))[0] == [3, 3, 6, 6, 6, 4]


def test_what_only_dead_channels_read_is_dead() -> None:
    net = Layers(1, 5, 6, 3)
    x, weights = net.conv(net.input, 5), net.random.normal(0, 0.5, (6, 1, 1, 5))
    weights[:3, ..., 4] = 0
    x = net.layer("CONV_2D", x, weights, np.zeros(6))
    assert checked(net, net.conv(net.depthwise(x), 3, unread=(3, 4, 5)))[0] == [4, 3, 3, 3]


def test_no_tensor_goes_without_any() -> None:
    net = Layers(1, 5, 6, 3)
    assert checked(net, net.conv(net.depthwise(net.conv(net.input, 4)), 3, unread=(0, 1, 2, 3)))[0] == [1, 1, 3]


def test_ends_and_functions_over_all_channels_keep_theirs() -> None:
    net = Layers(1, 1, 1, 6)
    x = net.conv(net.input, 5, dead=(1,), activation="NONE", unread=(3,))
    assert checked(net, net.op("SOFTMAX", [x], net.shape(x), options("SoftmaxOptions", beta=1.0))) == ([5, 5], None)


def test_what_calibration_would_call_dead_stays() -> None:
    net = Layers(1, 5, 6, 3)
    weights, bias = np.full((4, 1, 1, 3), 0.01, np.float32), np.array([0, 0, 0, -50.0])
    assert checked(net, net.conv(net.layer("CONV_2D", net.input, weights, bias), 3)) == ([4, 3], None)


def test_a_bias_above_zero_counts_beside_sums_however_large() -> None:
    """All weights are negative and what they read is not: at most the bias is left, which middle and radius would lose."""
    net = Layers(1, 5, 6, 3)
    x = net.conv(net.input, 4)
    x = net.layer("CONV_2D", x, -np.abs(net.random.normal(0, 1, (3, 1, 1, 4))), np.array([0.5, 1e-6, 2.0]))
    assert checked(net, net.conv(x, 3)) == ([4, 3, 3], None)


def test_what_saturates_is_not_lost_beside_what_grows() -> None:
    net = Layers(1, 5, 6, 3)
    small, large = net.conv(net.input, 4, activation="RELU6"), net.conv(net.conv(net.input, 4), 4)
    assert checked(net, net.conv(net.joined(small, large), 3), size=0.1) == ([4, 4, 4, 8, 3], None)


def test_bounds_hold_and_are_rounded_outwards() -> None:
    random = np.random.default_rng(3)
    net = Layers(1, 4, 4, 3)
    x = net.unary("HARD_SWISH", net.depthwise(net.conv(net.input, 5, activation="NONE")))
    x = net.unary("LOGISTIC", net.conv(net.unary("TANH", net.binary("ADD", x, net.conv(net.input, 5))), 4, 3, "SAME", "NONE"))
    graph = read_graph(net.build(x), "net")
    simplify(graph)
    found = intervals(graph, {graph.inputs[0]: (-2.0, 3.0)})
    for tensor, values in run(graph, random.uniform(-2, 3, (200, 4, 4, 3)).astype(np.float32)).items():
        rows, bounds = values.reshape(-1, values.shape[-1]), found[tensor]
        slack = 1e-5 * np.abs(rows).max()
        assert (rows.min(axis=0) >= bounds.low - slack).all() and (rows.max(axis=0) <= bounds.high + slack).all()
        assert (np.ptp(rows, axis=0) <= bounds.width + slack).all() and np.isfinite(bounds.width).all()
    unlike = Bounds(np.array([[1e20, -1e20, 0.1]]), np.array([[1e20, -1e20, 0.1]]), np.zeros((1, 3)))
    total = summed(np.ones((1, 3)), unlike, np.zeros(1))
    assert total.low[0] <= 0.1 <= total.high[0]


def test_random_networks_answer_what_they_answered() -> None:
    found = [checked(*random_network(seed))[1] for seed in range(60)]
    assert sum(dead is not None for dead in found) > 30


def random_network(seed: int) -> tuple[Net, int]:
    random, net = np.random.default_rng(seed), Layers(1, 6, 6, 3, seed=seed)

    def some(count: int) -> tuple[int, ...]:
        return tuple(np.flatnonzero(random.random(count) < 0.3).tolist())

    def conv(x: int, out: int) -> int:
        kernel, weak = int(random.choice([1, 3])), float(random.choice([0.0, TINY]))
        activation = str(random.choice(["NONE", "RELU", "RELU6"]))
        value = float(random.normal())
        return net.conv(x, out, kernel, "SAME", activation, dead=some(out), unread=some(net.shape(x)[3]), weak=weak, value=value)

    maps = [conv(net.input, 6)]
    for _ in range(6):
        x = maps[int(random.integers(len(maps)))]
        match int(random.integers(4)):
            case 0:
                maps.append(net.depthwise(x))
            case 1:
                maps.append(net.binary("ADD", x, conv(x, net.shape(x)[3]), "RELU"))
            case 2:
                maps.append(net.joined(x, maps[-1]))
            case _:
                maps.append(conv(x, int(random.integers(2, 9))))
    return net, net.conv(net.joined(*maps[-3:]), 4, activation="NONE")


def test_a_conversion_without_them(tmp_path: Path) -> None:
    net = Layers(1, 6, 6, 3)
    x = net.conv(net.depthwise(net.conv(net.input, 8, dead=(1, 4))), 8, 3, dead=(0,))
    (tmp_path / "net.tflite").write_bytes(net.build(net.conv(x, 4, 4, activation="NONE", unread=(2,))))
    samples = np.random.default_rng(0).normal(0, 1, (40, 6, 6, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=samples)
    model, data = tmp_path / "net.tflite", tmp_path / "x.npz"
    found = convert(model, data, tmp_path / "out", ConvertConfig(bits=6))
    whole = convert(model, data, tmp_path / "whole", ConvertConfig(bits=6, keep_dead=True))
    dead = found.report["dead_channels"]
    assert [layer["kept"] for layer in dead["layers"]] == [6, 6, 6] and "dead_channels" not in whole.report
    assert dead["macs"] == {"before": whole.report["macs"], "after": found.report["macs"]} and dead["largest_difference"] < 1e-5
    assert "6 channels were taken out" in found.notes[0] and not any("taken out" in note for note in whole.notes)
    assert analyze(model).macs == dead["macs"]["after"] < dead["macs"]["before"]
    again = convert(model, data, tmp_path / "again", recipe=tmp_path / "out" / "recipe.yaml")
    assert (again.out / "model.dqa").read_bytes() == (found.out / "model.dqa").read_bytes()
    assert "Channels that cannot matter" in (found.out / "report.html").read_text(encoding="utf-8")
    assert recipes.load(tmp_path / "whole" / "recipe.yaml").config.keep_dead
    program = read((found.out / "model.dqa").read_bytes())
    zeros = [np.zeros(program.edges[op.output].shape, np.int8) for op in program.ops]
    assert len(signal_to_noise(found.out, program, zeros, samples[:1])) == len(program.ops)


def test_beside_tflite_s_own_operators_all_stay() -> None:
    net = Layers(1, 5, 6, 3)
    x = net.unary("FLOOR", net.conv(net.conv(net.input, 8, dead=(0, 7)), 4))  # none of DQA's
    data = net.build(net.conv(x, 3))
    model = FloatModel(data, read_graph(data, "net"), "net", "")
    assert slim(model) == (model, None)
