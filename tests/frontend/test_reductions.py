"""Reductions over any axes, quotients, LOG_SOFTMAX and operands of other ranks: operators that DQA has, and the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dqa
from builders.graphs import read_graph
from dqa.calibration.segments import Runner
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from dqa.lowering.supported import why_not
from tflite_builder import Net, options, run_litert

KINDS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
AXES = ((1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3))


def reduced(net: Net, x: int, kind: str, axes: tuple[int, ...], *, keep: bool = True) -> int:
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(net.shape(x)))
    left = shape if keep else tuple(size for axis, size in enumerate(shape) if axis not in axes)
    return net.op(kind, [x, net.constant(np.array(axes, np.int32))], left, options("ReducerOptions", keepDims=keep))


def check(data: bytes) -> None:
    graph = read_graph(data, "m.tflite")
    x = np.random.default_rng(4).normal(0.3, 1, (3, *graph.tensors[graph.inputs[0]].shape[1:])).astype(np.float32)
    simplify(graph)
    assert not [found for op in graph.ops if (found := why_not(graph, op))]
    expected = run_litert(data, x)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]].reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x).reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_map(kind: str, axes: tuple[int, ...]) -> None:
    net = Net(1, 6, 5, 4)
    check(net.build(reduced(net, net.unary("TANH", net.input), kind, axes)))


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_series_whose_dimensions_go(kind: str, axes: tuple[int, ...]) -> None:
    net = Net(1, 9, 6)
    check(net.build(reduced(net, net.unary("TANH", net.input), kind, axes, keep=False) if axes != (1, 2) else kept(net, kind)))


def kept(net: Net, kind: str) -> int:
    return net.reshape(reduced(net, net.unary("TANH", net.input), kind, (1, 2)), 1, 1)


def quotient() -> bytes:
    net = Net(1, 6, 5, 4)
    under = net.binary("ADD", net.unary("LOGISTIC", net.conv(net.input, 4, kernel=1)), net.weights(1))
    return net.build(net.op("DIV", [net.input, under], (1, 6, 5, 4), options("DivOptions")))


def log_softmax() -> bytes:
    net = Net(1, 7, 5)
    return net.build(net.unary("LOG_SOFTMAX", net.input))


def operand() -> bytes:
    """Rows of a map and a series that is repeated for each of them."""
    net = Net(1, 9, 6)
    rows, columns = net.reshape(net.input, 1, 9, 1, 6), net.unary("TANH", net.input)
    return net.build(net.op("ADD", [rows, columns], (1, 9, 9, 6), options("AddOptions")))


def apart() -> bytes:
    net = Net(1, 6, 5, 4)
    return net.build(net.op("SQUARED_DIFFERENCE", [net.input, reduced(net, net.input, "MEAN", (1, 2, 3))], (1, 6, 5, 4)))


def stacked() -> bytes:
    net = Net(1, 9, 6)
    other = net.unary("TANH", net.input)
    return net.build(net.op("PACK", [net.input, other], (1, 9, 6, 2), options("PackOptions", valuesCount=2, axis=3)))


def column() -> bytes:
    """One channel of each step, the others left out."""
    net = Net(1, 9, 6)
    return net.build(net.op("GATHER", [net.input, net.constant(np.array(3, np.int32))], (1, 9), options("GatherOptions", axis=2)))


@pytest.mark.parametrize("build", [quotient, log_softmax, operand, apart, stacked, column])
def test_what_becomes_other_operators(build: Callable[[], bytes]) -> None:
    check(build())


def test_a_window_beyond_the_format_stays_as_it_is() -> None:
    net = Net(1, 80, 3, 4)
    graph = read_graph(net.build(reduced(net, net.unary("TANH", net.input), "MEAN", (1,))), "m.tflite")
    simplify(graph)
    assert any(why_not(graph, op) for op in graph.ops)


@pytest.mark.parametrize("build", [quotient, log_softmax, apart])
def test_eight_bits_hold_what_lies_between(build: Callable[[], bytes], tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(data := build())
    shape = read_graph(data, "m.tflite").tensors[0].shape[1:]
    x = np.random.default_rng(5).normal(0.3, 1, (40, *shape)).astype(np.float32)
    expected = run_litert(data, x)
    found = dqa.convert(tmp_path / "m.tflite", x, tmp_path / "out", bits=8).predict(x).reshape(expected.shape)
    assert np.var(expected) / np.square(found - expected).mean() > 10**2.5
