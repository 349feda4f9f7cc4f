"""Embeddings: tokens choose rows of a table; they stay the numbers they are, whatever type the data have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dqa import ConvertConfig, convert, evaluate
from dqa.errors import DataError
from dqa.frontend import load_model
from dqa.operators.embedding import MAX_TOKENS, Embedding
from dqa.partition.partition import builtins
from dqa.program import read
from tflite_builder import Net, options

TOKENS = 40


def network(tokens: int = TOKENS) -> bytes:
    net = Net(1, 12)
    whole = net.op("CAST", [net.input], (1, 12), dtype="int32")
    negative = net.op("LESS", [whole, net.constant(np.int32(0))], (1, 12), dtype="bool")
    from_end = net.op("ADD", [whole, net.constant(np.int32(tokens))], (1, 12), options("AddOptions"), dtype="int32")
    chosen = net.op("SELECT", [negative, from_end, whole], (1, 12), dtype="int32")
    found = net.op("GATHER", [net.weights(tokens, 6), chosen], (1, 12, 6), options("GatherOptions"))
    return net.build(net.dense(net.reshape(found, 1, 72), 3))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "m.tflite").write_bytes(network())
    return tmp_path


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int64", "float32"])
def test_tokens_of_every_type_choose_the_same_rows(dtype: str, place: Path) -> None:
    random = np.random.default_rng(1)
    x = random.integers(0, TOKENS, (64, 12)).astype(dtype)
    np.savez(place / "x.npz", x=x, y=random.normal(size=(64, 3)))
    found = convert(place / "m.tflite", place / "x.npz", place / "out")
    assert found.measured is not None and found.measured.snr > 20
    (embedding,) = (op for op in read((place / "out" / "model.dqa").read_bytes()).ops if isinstance(op, Embedding))
    assert len(embedding.table) == TOKENS and embedding.first == (0 if dtype == "int8" else -128)
    host, tflm = (evaluate(place / "out", place / "x.npz", target) for target in ("host", "tflm-host"))
    assert np.array_equal(host.outputs, tflm.outputs)


def test_the_graph_has_one_operator_for_it(place: Path) -> None:
    graph = load_model(place / "m.tflite").graph
    assert [op.kind for op in graph.ops] == ["EMBEDDING", "FULLY_CONNECTED"] and not builtins(graph)


def test_scaled_tokens_are_refused(place: Path) -> None:
    np.savez(place / "x.npz", x=np.zeros((16, 12), np.uint8))
    with pytest.raises(DataError, match="takes tokens") as caught:
        convert(place / "m.tflite", place / "x.npz", place / "out", ConvertConfig(input_scale=1 / 255))
    assert "input-scale" in caught.value.hint


def test_more_tokens_than_a_byte_has_stay_a_builtin(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(network(MAX_TOKENS + 1))
    ((op, why),) = builtins(load_model(tmp_path / "m.tflite").graph)
    assert op.kind == "EMBEDDING" and str(MAX_TOKENS) in why
