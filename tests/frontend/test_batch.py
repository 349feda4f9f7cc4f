"""Tensors whose batch the converter left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from dqa.calibration.segments import Runner
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from tflite_builder import Net, options, run_litert


def residual() -> bytes:
    """A vector that goes into a sum without its batch, as Keras' Add behind a dense layer."""
    net = Net(1, 12)
    flat = net.reshape(net.dense(net.input, 12), 12)
    total = net.op("ADD", [net.input, net.unary("TANH", flat)], (1, 12), options("AddOptions"))
    return net.build(net.dense(total, 3))


def of_steps() -> bytes:
    """Dense layers and a softmax of every step of a series, on a matrix of the steps."""
    net = Net(1, 7, 4)
    steps = net.reshape(net.input, 7, 4)
    hidden = net.op("FULLY_CONNECTED", [steps, net.weights(5, 4), net.weights(5)], (7, 5), options("FullyConnectedOptions"))
    soft = net.op("SOFTMAX", [net.binary("MUL", hidden, net.weights(5))], (7, 5), options("SoftmaxOptions", beta=1.0))
    return net.build(net.reshape(soft, 1, 7, 5))


@pytest.mark.parametrize("build", [residual, of_steps])
def test_they_get_it_again(build: Callable[[], bytes]) -> None:
    data = build()
    graph = read_graph(data, "m.tflite")
    x = samples(graph, 3)
    simplify(graph)
    assert all(tensor.is_map for tensor in graph.activations())
    assert "RESHAPE" not in {op.kind for op in graph.ops}
    expected = run_litert(data, x)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-5)


def test_a_tensor_whose_axes_have_places_stays_as_it_is() -> None:
    net = Net(1, 7, 4)
    steps = net.reshape(net.input, 7, 4)
    turned = net.op("TRANSPOSE", [steps, net.constant([1, 0])], (4, 7), options("TransposeOptions"))
    graph = read_graph(net.build(net.reshape(turned, 1, 28)), "m.tflite")
    simplify(graph)
    assert [graph.tensors[op.outputs[0]].shape for op in graph.ops] == [(7, 4), (4, 7), (1, 28)]
