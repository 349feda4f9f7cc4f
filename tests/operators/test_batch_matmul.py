"""Attention of two heads from a .tflite to the host's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from builders.mixed_models import softmax
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lowering.supported import why_not
from dqa.program import read
from dqa.report import load_interface
from tflite_builder import Net, options, run_litert

HEADS, SIZE, STEPS, FEATURES = 2, 3, 6, 5


def product(net: Net, a: int, b: int, transposed: bool = False) -> int:
    columns = net.shape(b)[-2 if transposed else -1]
    return net.op("BATCH_MATMUL", [a, b], (*net.shape(a)[:-1], columns), options("BatchMatMulOptions", adjX=False, adjY=transposed))


def transposed(net: Net, x: int, *axes: int) -> int:
    return net.op("TRANSPOSE", [x, net.constant(list(axes))], tuple(net.shape(x)[axis] for axis in axes), options("TransposeOptions"))


def attention(adjoint: bool) -> bytes:
    """As TensorFlow's converter writes MultiHeadAttention, or with keys that are transposed by the product."""
    net = Net(1, STEPS, FEATURES)

    def heads(*axes: int) -> int:
        weights = [net.weights(HEADS * SIZE, FEATURES), net.weights(HEADS * SIZE)]
        keep = options("FullyConnectedOptions", keepNumDims=True)
        x = net.op("FULLY_CONNECTED", [net.input, *weights], (1, STEPS, HEADS * SIZE), keep)
        return transposed(net, net.reshape(x, 1, STEPS, HEADS, SIZE), *axes)

    queries, values = heads(0, 2, 1, 3), heads(0, 2, 1, 3)
    products = product(net, queries, heads(0, 2, 1, 3) if adjoint else heads(0, 2, 3, 1), adjoint)
    shares = softmax(net, net.binary("MUL", products, net.constant(np.float32(SIZE**-0.5))))
    joined = net.reshape(transposed(net, product(net, shares, values), 0, 2, 1, 3), 1, STEPS, HEADS * SIZE)
    return net.build(net.dense(joined, 4))


@pytest.mark.parametrize("adjoint", [False, True])
def test_it_is_read_and_differentiated_as_litert_runs_it(adjoint: bool) -> None:
    data = attention(adjoint)
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    assert [op.attrs["scale"] for op in graph.ops if op.kind == "BATCH_MATMUL"] == [pytest.approx(SIZE**-0.5), 1.0]
    assert [why_not(graph, op) for op in graph.ops] == [""] * len(graph.ops)
    x = samples(graph, 3)
    expected, values = run_litert(data, x), run(graph, x)
    np.testing.assert_allclose(values[graph.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-4)
    step = np.asarray(1e-2 * samples(graph, 3, seed=7), np.float32)
    seed = np.random.default_rng(3).normal(0, 1, expected.shape).astype(np.float32)
    slope = gradients(graph, values, {graph.outputs[0]: seed}, graph.inputs)[graph.inputs[0]]
    ahead, behind = (run(graph, np.asarray(moved, np.float32))[graph.outputs[0]] for moved in (x + step, x - step))
    np.testing.assert_allclose(np.sum(slope * step), np.sum(seed * (ahead - behind)) / 2, rtol=2e-2, atol=2e-3)


def test_the_host_answers_as_the_float_network(tmp_path: Path) -> None:
    data = attention(True)
    (tmp_path / "m.tflite").write_bytes(data)
    x = np.random.default_rng(0).integers(0, 256, (64, STEPS, FEATURES)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 64, input_zero_point=128, ram="auto")
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config).out
    kinds = [type(op).__name__ for op in read((out / "model.dqa").read_bytes()).ops]
    assert kinds.count("BatchMatmul") == 2 and "DepthwiseConv2D" not in kinds
    got = load_interface(out).outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(x.reshape(len(x), -1)).outputs)
    expected = run_litert(data, (x.astype(np.float32) - 128) / 64)
    assert np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) < 0.08 * expected.std()


def test_matrices_without_heads_are_refused_with_the_way_out() -> None:
    net = Net(1, 6, 5)
    graph = read_graph(net.build(product(net, net.input, net.input, True)), "m.tflite")
    assert "MultiHeadAttention" in why_not(graph, graph.ops[0])
