"""Converted models made of test programs, for building firmware."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dqa import program as p
from dqa.codegen.render import render
from ports import ports_of


def write_out(out: Path, program: p.Program) -> bytes:
    """Makes `out` what dqa convert leaves, as far as building firmware needs it; returns the program's bytes."""
    data = p.write(program)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.dqa").write_bytes(data)
    render(program, data, out / "src", ports_of(program))
    return data


def random_samples(count: int, size: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, size), dtype=np.uint8)


needs_compiler = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
