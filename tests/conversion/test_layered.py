"""model.layers.tflite shows every layer of the programs and how they are stored; model.tflite names them in its metadata."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from flatbuffers import flexbuffers

from builders.cli import Shell
from builders.mixed_models import convert_bytes, gates
from dqa.tflite.flatbuffer import Table
from tflite_builder import Net, options


def small() -> bytes:
    """A branch that joins again, two outputs."""
    net = Net(1, 8, 8, 3)
    a = net.conv(net.input, 8, padding="SAME", activation="RELU")
    total = net.binary("ADD", net.conv(a, 8, padding="SAME"), a)
    mean = net.op("MEAN", [total, net.constant([1, 2])], (1, 8), options("ReducerOptions", keepDims=False))
    return net.build(net.dense(mean, 10), net.conv(total, 2, padding="SAME"))


def network(data: bytes) -> tuple[set[tuple[Any, ...]], dict[str, dict[str, Any]], list[Table], dict[str, bytes]]:
    """Operators with the names of what they read and write, the options of each layer, tensors, metadata."""
    model = Table.root(data)
    (graph,), buffers = model.tables(2), model.tables(4)
    codes = [code.string(1) for code in model.tables(1)]
    tensors, ops, layers = graph.tables(0), set(), {}
    names = [tensor.string(3) for tensor in tensors]
    for op in graph.tables(3):
        kind = codes[op.integer(0, "<I")]
        if kind.startswith("DQA."):
            said = flexbuffers.Loads(op.array(5).tobytes())
            layers[said["layer"]] = said
            ops.add((said["layer"], kind, tuple(names[i] for i in op.integers(1)), names[op.integers(2)[0]]))
    metadata = {entry.string(0): buffers[entry.integer(1, "<I")].array(0).tobytes() for entry in model.tables(6)}
    return ops, layers, tensors, metadata


@pytest.mark.parametrize(
    "made", [small, pytest.param(gates, marks=pytest.mark.skipif(find_spec("ai_edge_quantizer") is None, reason="needs ai-edge-quantizer"))]
)
def test_every_operator_and_edge_is_there(made: Any, tmp_path: Path, dqa: Shell) -> None:
    out = convert_bytes(made(), tmp_path)
    report = json.loads((out / "report.json").read_text())
    ops, layers, tensors, _ = network((out / "model.layers.tflite").read_bytes())
    assert len(ops) == len(report["layers"]) == len(layers)
    assert {(name, tuple(inputs), output) for name, _, inputs, output in ops} == {
        (row["name"], tuple(row["inputs"]), row["output"]) for row in report["layers"]
    }
    shown = {tensor.string(3): tensor for tensor in tensors}
    written = {output: layers[name] for name, _, _, output in ops}
    for edge in report["edges"]:
        shape = shown[edge["name"]].integers(0)
        assert shape[0] == 1 and [size for size in shape if size > 1] == [size for size in edge["shape"] if size > 1]
        assert (scales := shown[edge["name"]].table(4)) is not None and scales.length(2) == scales.length(3) > 0
        if said := written.get(edge["name"]):
            assert said["bytes"] == edge["capacity"]
            assert said["storage"].startswith("ring of") or said["storage"] == edge["storage"]
            assert said["storage"].startswith("ring of") or said["bits"] == edge["stored_bits"]
    done = dqa.refuses("convert", out / "model.layers.tflite", "-o", tmp_path / "again", "--quiet")
    assert "dqa wrote this file" in done.err

    _, _, _, metadata = network((out / "model.tflite").read_bytes())
    assert [name.split(" ", 2)[2] for name in metadata] == [row["name"] for row in report["layers"]]
    assert all(len(text) < 256 and text.split(b":")[0].decode() in {kind[4:] for _, kind, _, _ in ops} for text in metadata.values())
