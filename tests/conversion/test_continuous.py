"""Conversions for rows that never end: equal to the windowed network, reproduced by their recipes, refused where that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqa import convert, evaluate
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.engine.host_stream import HostStream
from dqa.errors import InputError, RecipeError
from dqa.lowering import build as lowering
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.mean import Mean
from dqa.operators.reduce import Reduce
from dqa.program.endless import steps
from dqa.support.settings import ConvertConfig
from tflite_builder import Net, options

SHAPE = (1, 24, 6, 2)


def network(head: str, padding: str = "VALID", stride: int = 2) -> bytes:
    net = Net(*SHAPE)
    x = net.conv(net.input, 6, activation="RELU", padding=padding)
    x = net.conv(x, 5, stride=stride)
    _, rows, columns, channels = net.shape(x)
    if head in ("MEAN", "REDUCE_MAX"):
        axes = net.constant(np.array([1, 2], np.int32))
        x = net.op(head, [x, axes], (1, channels), options("ReducerOptions", keepDims=False))
    elif head == "last":
        begin, size = (net.constant(np.array(values, np.int32)) for values in ([0, rows - 1, 0, 0], [1, 1, columns, channels]))
        x = net.op("SLICE", [x, begin, size], (1, 1, columns, channels), options("SliceOptions"))
    shape = net.shape(x)
    return net.build(net.dense(net.reshape(x, 1, int(np.prod(shape))), 4))


def converted(folder: Path, model: bytes, config: ConvertConfig | None = None) -> bytes:
    (folder / "m.tflite").write_bytes(model)
    x = np.random.default_rng(0).normal(size=(16, *SHAPE[1:])).cumsum(1).astype(np.float32)
    np.savez(folder / "c.npz", x=x)
    convert(folder / "m.tflite", folder / "c.npz", folder / "out", config or ConvertConfig(continuous=True))
    return (folder / "out" / "model.dqa").read_bytes()


@pytest.mark.parametrize("head", ["MEAN", "REDUCE_MAX", "last", "dense"])
def test_answers_are_those_of_the_network_as_it_is_built_for_windows(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built with the same formats, MEAN, REDUCE and dense layers take the window as a whole."""
    windowed: list[p.Program] = []
    real = lowering.build

    def both(graph: Any, formats: Any, phases: Any = None, *, continuous: bool = False, **more: Any) -> Any:
        if continuous:
            marked = [op for op in graph.ops if op.attrs.pop("continuous", False)]
            sizes = {t: int(np.prod(graph.tensors[t].hwc)) for t in formats}
            whole = {
                t: replace(fmt, storage=p.Storage.RAW_INT8, ring_rows=0, capacity=sizes[t]) if fmt.ring_rows else fmt
                for t, fmt in formats.items()
            }
            windowed.append(real(graph, whole, None, **more))
            for op in marked:
                op.attrs["continuous"] = True
        return real(graph, formats, phases, continuous=continuous, **more)

    monkeypatch.setattr(lowering, "build", both)
    data = converted(tmp_path, network(head))
    program, hop = p.read(data), steps(p.read(data).edges, p.read(data).ops)[1]
    assert hop == 2 and program.period
    assert any(isinstance(op, Mean | Reduce | FullyConnected) for op in windowed[-1].ops)
    rows = np.random.default_rng(1).integers(-128, 128, (100, program.edges[0].row_values)).astype(np.int8)
    found = HostStream(data).push(rows).answers
    windows = np.array([rows[at : at + 24].reshape(-1) for at in range(0, 77, hop)])
    assert np.array_equal(found[: len(windows)], HostModel(p.write(windowed[-1])).run(windows).outputs)
    assert np.array_equal(found[: len(windows)], HostModel(data).run(windows).outputs)
    assert len(np.unique(found, axis=0)) > 10


def test_the_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    data = converted(tmp_path, network("MEAN"))
    convert(tmp_path / "m.tflite", tmp_path / "c.npz", tmp_path / "again", recipe=tmp_path / "out" / "recipe.yaml")
    assert (tmp_path / "again" / "model.dqa").read_bytes() == data


def test_padding_of_the_window_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layer 'conv_2d.*' cannot run continuously: it reads 1 rows of padding") as refused:
        converted(tmp_path, network("MEAN", padding="SAME"))
    assert "valid or causal" in refused.value.hint


def test_settings_that_have_no_effect_are_refused() -> None:
    for given in ({"ram": 10_000}, {"bits": 4}, {"method": "dqa"}):
        with pytest.raises(RecipeError, match="continuous"):
            ConvertConfig(continuous=True, **given)
    assert ConvertConfig(continuous=True).push_rows


def test_evaluate_says_that_it_measured_windows_and_tries_them_as_a_stream(tmp_path: Path) -> None:
    converted(tmp_path, network("MEAN"))
    x = np.load(tmp_path / "c.npz")["x"]
    found = evaluate(tmp_path / "out", (x, np.zeros(len(x), np.int64)), metric="top1")
    assert [note for note in found.notes if "each window was measured by itself" in note and "16 of 16 windows" in note]
