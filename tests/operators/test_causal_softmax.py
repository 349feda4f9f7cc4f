"""Masks that hide later steps: recognized before a softmax, hidden shares are exactly 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dqa
from builders.graphs import read_graph
from dqa.calibration.segments import Runner
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from tflite_builder import Net, options, run_litert

STEPS = 7


def masked(kind: str, shown: np.ndarray, shape: tuple[int, ...] = (1, 2, STEPS, STEPS)) -> bytes:
    """Scores of two heads, or of one, that a mask hides in part, and their shares."""
    net = Net(*shape)
    scores = net.unary("TANH", net.input)
    if kind == "ADD":
        hidden = net.binary("ADD", scores, net.constant(np.where(shown, 0, -1e9).astype(np.float32)))
    else:
        inputs = [net.constant(shown), scores, net.constant(np.array(-3e38, np.float32))]
        hidden = net.op("SELECT_V2", inputs, shape, options("SelectV2Options"))
    return net.build(net.op("SOFTMAX", [hidden], shape, options("SoftmaxOptions", beta=1.0)))


LATER = np.tril(np.ones((1, 1, STEPS, STEPS), bool))
CASES = [
    ("SELECT_V2", LATER, (1, 2, STEPS, STEPS)),
    ("ADD", np.tril(LATER, 2), (1, 2, STEPS, STEPS)),
    ("SELECT_V2", LATER[0], (1, STEPS, STEPS)),
]


@pytest.mark.parametrize(("kind", "shown", "shape"), CASES)
def test_hidden_steps_have_no_share(kind: str, shown: np.ndarray, shape: tuple[int, ...], tmp_path: Path) -> None:
    data = masked(kind, shown, shape)
    (tmp_path / "m.tflite").write_bytes(data)
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    assert [op.kind for op in graph.ops] == ["TANH", "CAUSAL_SOFTMAX"]
    x = np.random.default_rng(1).normal(0, 2, (40, *shape[1:])).astype(np.float32)
    expected = run_litert(data, x)
    np.testing.assert_allclose(run(graph, x[:3])[graph.outputs[0]], expected[:3], atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x[:4]), expected[:4], atol=1e-5)
    found = dqa.convert(tmp_path / "m.tflite", x, tmp_path / "out", bits=8).predict(x)
    assert np.abs(found - expected).max() < 0.02
    assert not found[~np.broadcast_to(shown, found.shape)].any()


@pytest.mark.parametrize("shown", [np.roll(LATER, 1, axis=2), ~LATER, np.tril(LATER, -1)])
def test_another_mask_stays_as_it_is(shown: np.ndarray) -> None:
    graph = read_graph(masked("SELECT_V2", shown), "m.tflite")
    simplify(graph)
    assert [op.kind for op in graph.ops] == ["TANH", "SELECT_V2", "SOFTMAX"]
