"""ONNX and PyTorch files: other tools make a float .tflite of them, each in a Python environment of its own, where it is installed.

docs/models.md says how to set these up. Each tool runs as a process; what it prints becomes a note of an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dqa.errors import ModelError, ToolError
from dqa.frontend.limits import CONVERT_SECONDS
from dqa.support import processes
from dqa.support.resources import PACKAGE

LAYOUT = "the file's axes are channels first: the network was turned, its input is height x width x channels, and so are the samples"
_LOG_TAIL = 4000
_SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"


@dataclass(frozen=True)
class Tool:
    """variable: of the environment, where it is. program: its name on the PATH. command: what runs it on a file, in a folder."""

    variable: str
    program: str
    install: str
    command: Callable[[str, Path, Path], list[str]]

    def place(self) -> str | None:
        return os.environ.get(self.variable) or shutil.which(self.program)


def _onnx2tf(tool: str, model: Path, folder: Path) -> list[str]:
    # It checks itself on images that it would download, unless they lie where it runs.
    np.save(folder / _SAMPLE, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    return [tool, "-i", str(model), "-o", str(folder / "made"), "-b", "1", "-n", "-nuo"]


def _litert_torch(tool: str, model: Path, folder: Path) -> list[str]:
    (folder / "made").mkdir()
    return [tool, "-P", str(PACKAGE / "frontend" / "torch_runner.py"), str(model), str(folder / "made" / "model_float32.tflite")]


TOOLS = {
    "onnx": Tool("DQA_ONNX2TF", "onnx2tf", "onnx2tf", _onnx2tf),
    "pt2": Tool("DQA_TORCH_PYTHON", "dqa-torch-python", "litert-torch", _litert_torch),
}
"""By the kind of file."""


def to_tflite(kind: str, model: Path, name: str, folder: Path) -> bytes:
    """The float .tflite of a file of a kind of TOOLS; folder: to work in. Raises ModelError, calling the file `name`, and ToolError."""
    tool = TOOLS[kind]
    place = tool.place()
    if place is None:
        raise ToolError(
            f"{name}: {tool.install} is needed to read it, and is not installed",
            hint=f"install it in an environment of its own and set {tool.variable} (docs/models.md), or give a float32 .tflite",
        )
    log = folder / "log.txt"
    try:
        with log.open("wb") as output:
            command = tool.command(place, model.resolve(), folder)
            done = processes.run(command, stdout=output, stderr=subprocess.STDOUT, env=_environment(), cwd=folder, timeout=CONVERT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _noted(
            ModelError(f"{name}: {tool.install} took longer than {CONVERT_SECONDS} s", hint="give a float32 .tflite"), log
        ) from error
    made = sorted((folder / "made").glob("*_float32.tflite"))
    if done.returncode != 0 or len(made) != 1:
        said = _last_line(log)
        raise _noted(
            ModelError(
                f"{name}: {tool.install} cannot convert it" + (f": {said}" if said else ""),
                hint=f"see what {tool.install} says of it by itself, or give a float32 .tflite",
            ),
            log,
        )
    return made[0].read_bytes()


def _environment() -> dict[str, str]:
    """Without what would lead another environment's Python to packages of this one."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")} | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()


def _last_line(log: Path) -> str:
    return next((line.strip()[:200] for line in reversed(_text(log).splitlines()) if line.strip()), "")


def _noted(error: ModelError, log: Path) -> ModelError:
    if text := _text(log):
        error.add_note(text[-_LOG_TAIL:])
    return error
