"""Builds the firmware by calling the compiler directly: for boards whose PlatformIO platform is not at hand, and for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dqa.device import project
from dqa.device.boards import load_board
from dqa.device.build import BuildResult, compiler, overflow, result
from dqa.errors import ToolError

_FLAGS = ("-std=c99", "-O2", "-mthumb", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror")
_SOURCES = ("bsp", "src", "model", "lib/dqa/src")
_INCLUDES = ("bsp", "src", "model", "lib/dqa/include")


def build(out: Path, board: str) -> BuildResult:
    """Builds OUT/firmware for a board, from nothing each time; errors as dqa.device.build.build."""
    chosen = load_board(board)
    folder = project.write(out).resolve()
    target = folder / ".pio" / "bare" / board
    target.mkdir(parents=True, exist_ok=True)
    elf = target / "firmware.elf"
    sources = sorted(str(file) for name in _SOURCES for file in (folder / name).rglob("*.c"))
    command = [compiler(), *_FLAGS, *chosen.cpu_flags, *chosen.defines(), *(f"-I{folder / name}" for name in _INCLUDES), *sources]
    command += ["-nostartfiles", "-T", str(folder / "bsp" / "link.ld"), *chosen.symbols()]
    command += ["-Wl,--gc-sections", f"-Wl,-Map={elf.with_suffix('.map')}", "-o", str(elf)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise overflow(run.stderr, chosen) or ToolError(f"the build for board {board} failed", hint=run.stderr.strip()[-2000:])
    return result(elf)
