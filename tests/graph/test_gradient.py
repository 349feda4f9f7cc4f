"""Gradients through a graph, against differences."""

from __future__ import annotations

import numpy as np
import pytest

from builders.graphs import Build, everything, residual, samples
from dqa.errors import DataError
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lab.methods.loss import loss_gradient


def smooth(graph: Graph) -> Graph:
    """The same graph with TANH instead of kinks, so that differences tell the derivative."""
    for op in graph.ops:
        if op.attrs.get("activation", "NONE") != "NONE":
            op.attrs["activation"] = "TANH"
    return graph


def difference(graph: Graph, x: np.ndarray, weights: np.ndarray, way: np.ndarray) -> float:
    """Of sum(weights * outputs) along `way` of the input."""
    low, high = (float((run(graph, x + sign * way)[graph.outputs[0]].astype(np.float64) * weights).sum()) for sign in (-1, 1))
    return (high - low) / 2


def test_gradients_are_what_differences_say() -> None:
    graph = smooth(everything(tile=False))
    kinds = {op.kind for op in graph.ops}
    assert kinds >= {"CONV_2D", "DEPTHWISE_CONV_2D", "CONCATENATION", "PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_NEAREST_NEIGHBOR"}
    x = samples(graph, 3)
    random = np.random.default_rng(2)
    values = run(graph, x)
    weights = random.normal(0, 1, values[graph.outputs[0]].shape).astype(np.float32)
    gradient = gradients(graph, values, {graph.outputs[0]: weights}, [graph.inputs[0]])[graph.inputs[0]]
    for _ in range(4):
        way = random.normal(0, 1e-2, x.shape).astype(np.float32)
        assert difference(graph, x, weights, way) == pytest.approx(float((gradient * way).sum()), rel=2e-2, abs=2e-4)


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "ELU", "SWISH", "LEAKY_RELU", "GELU", "RELU", "RELU6", "ABS", "EXP"])
def test_unary_derivatives_are_what_differences_say(kind: str) -> None:
    net = Build(1, 3, 4, 2)
    graph = net.done(net.op(kind, [0], alpha=0.3, approximate=True))
    x = np.where(np.abs(samples(graph, 3)) < 0.1, np.float32(0.5), samples(graph, 3))
    values = run(graph, x)
    ones = np.ones_like(values[graph.outputs[0]])
    gradient = gradients(graph, values, {graph.outputs[0]: ones}, [0])[0]
    way = np.full_like(x, 1e-2)
    low, high = (run(graph, x + sign * way)[graph.outputs[0]].astype(np.float64) for sign in (-1, 1))
    np.testing.assert_allclose(gradient, (high - low) / 2e-2, atol=2e-3)


def test_cross_entropy_goes_through_the_networks_own_softmax() -> None:
    graph, _ = residual()
    x = samples(graph, 4)
    values = run(graph, x)
    y = np.array([0, 1, 2, 3])
    softmax = graph.ops[-1]
    (seed,) = loss_gradient(graph, values, y).items()
    assert seed[0] == softmax.inputs[0]
    np.testing.assert_allclose(seed[1], values[graph.outputs[0]] - np.eye(4)[y], atol=1e-6)
    graph.ops, graph.outputs = graph.ops[:-1], [softmax.inputs[0]]
    np.testing.assert_allclose(loss_gradient(graph, values, y)[softmax.inputs[0]], seed[1], atol=1e-6)


def test_labels_that_do_not_fit_are_refused() -> None:
    graph, _ = residual()
    values = run(graph, samples(graph, 2))
    with pytest.raises(DataError, match="do not fit"):
        loss_gradient(graph, values, np.zeros(3))
    assert not np.any(loss_gradient(graph, values, np.array([4, 7]))[graph.ops[-1].inputs[0]])  # past the last class


def test_an_autoencoder_is_judged_by_what_it_rebuilds() -> None:
    net = Build(1, 6)
    graph = net.done(net.dense(net.dense(0, 3), 6))
    values = run(graph, samples(graph, 2))
    (seed,) = loss_gradient(graph, values, None).values()
    np.testing.assert_allclose(seed, 2 * (values[graph.outputs[0]] - values[0]))
