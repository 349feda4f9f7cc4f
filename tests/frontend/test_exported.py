"""ONNX and PyTorch files: the tools that make a .tflite of them are called, and their failures told."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from dqa.errors import DqaError, ModelError, ToolError
from dqa.frontend import load_model
from dqa.frontend.exported import LAYOUT
from tflite_builder import run_litert

FILES = Path(__file__).parent / "exported"
"""conv.onnx as make_onnx.py made it, what onnx2tf made of that, and what onnxruntime answers; likewise conv.pt2."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(FILES / "conv.onnx", tmp_path))


def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """In onnx2tf's place a program that finds its arguments in `source` and `made`."""
    path = tmp_path / "tool"
    path.write_text(f"#!{sys.executable}\nimport shutil, sys, pathlib\nsource, made = sys.argv[2], pathlib.Path(sys.argv[4])\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setenv("DQA_ONNX2TF", str(path))


def check_answers(model: Path, answers: str) -> None:
    loaded = load_model(model)
    expected = np.load(FILES / answers)
    assert np.allclose(run_litert(loaded.tflite, expected["x"]), expected["y"], atol=1e-5)
    assert loaded.notes == (LAYOUT,) and loaded.input.shape == (1, 16, 16, 3)


def test_what_the_tool_made_is_read(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FILES / "conv_float32.tflite"
    tool(tmp_path, monkeypatch, f"assert source.endswith('conv.onnx')\nmade.mkdir()\nshutil.copy({str(made)!r}, made)")
    check_answers(model, "answers.npz")


@pytest.mark.parametrize(("made", "answers"), [("conv_float32.tflite", "answers.npz"), ("conv_torch.tflite", "answers_torch.npz")])
def test_what_each_tool_makes_has_no_axes_left_to_turn(made: str, answers: str) -> None:
    loaded = load_model(FILES / made)
    expected = np.load(FILES / answers)
    assert np.allclose(run_litert(loaded.tflite, expected["x"]), expected["y"], atol=1e-5)
    assert "TRANSPOSE" not in {op.kind for op in loaded.graph.ops}


@pytest.mark.slow
@pytest.mark.skipif("DQA_ONNX2TF" not in os.environ, reason="needs onnx2tf in an environment of its own (DQA_ONNX2TF, docs/models.md)")
def test_onnx2tf_itself_converts_it(model: Path) -> None:
    check_answers(model, "answers.npz")


@pytest.mark.slow
@pytest.mark.skipif("DQA_TORCH_PYTHON" not in os.environ, reason="needs litert-torch in an environment of its own (DQA_TORCH_PYTHON)")
def test_litert_torch_itself_converts_it(tmp_path: Path) -> None:
    check_answers(Path(shutil.copy(FILES / "conv.pt2", tmp_path)), "answers_torch.npz")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('unsupported op Foo'); sys.exit(1)", "cannot convert it: unsupported op Foo"),
        ("made.mkdir()", "cannot convert it"),
        ("made.mkdir(); (made / 'a_float32.tflite').write_bytes(b'nonsense')", "not a TensorFlow Lite model"),
    ],
)
def test_a_tool_that_fails_is_one_error(body: str, message: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, monkeypatch, body)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(model)
    assert str(model) in caught.value.message and caught.value.hint


@pytest.mark.parametrize(("name", "variable"), [("m.onnx", "DQA_ONNX2TF"), ("m.pt2", "DQA_TORCH_PYTHON")])
def test_a_missing_tool_is_named_with_the_way_to_it(name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ToolError, match="not installed") as caught:
        load_model(tmp_path / name)
    assert variable in caught.value.hint
    monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    with pytest.raises(DqaError, match="does not run"):
        load_model(tmp_path / name)
