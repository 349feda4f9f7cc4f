"""Builds the firmware by calling the compiler directly: for boards whose PlatformIO platform is not at hand, and for tests."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dqa.device import project
from dqa.device.boards import Board, load_board
from dqa.device.build import BuildResult, compiler, overflow, result
from dqa.errors import ToolError

_FLAGS = ("-std=c99", "-O2", "-mthumb", "-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su", "-Wall", "-Wextra", "-Werror")
_SOURCES = ("bsp", "src", "model", "lib/dqa/src")
_INCLUDES = ("bsp", "src", "model", "lib/dqa/include")


def build(out: Path, board: str, *, pushed: bool = False, portable: bool = False) -> BuildResult:
    """Builds OUT/firmware for a board, from nothing each time; errors as dqa.device.build.build.

    portable: without the variants that use instructions of the board's processor.
    """
    chosen = load_board(board)
    folder = project.write(out).resolve()
    target = folder / ".pio" / ("bare-pushed" if pushed else "bare-portable" if portable else "bare") / board
    target.mkdir(parents=True, exist_ok=True)
    elf = target / "firmware.elf"
    flags = [*_FLAGS, *chosen.cpu_flags, *chosen.defines(), *(f"-I{folder / name}" for name in _INCLUDES)]
    flags += ["-DDQA_MODEL_PUSHED=1"] if pushed else []
    flags += ["-DDQA_PORTABLE"] if portable else []
    gcc = compiler()
    objects = {}
    for number, name in enumerate(_SOURCES):
        for source in (folder / name).rglob("*.c"):
            objects[source] = target / f"{number}-{source.stem}.o"
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_call, [gcc, *flags, "-c", str(c), "-o", str(o)], chosen) for c, o in sorted(objects.items())]:
            done.result()
    link = [gcc, *_FLAGS, *chosen.cpu_flags, *map(str, sorted(objects.values())), "-nostartfiles"]
    link += ["-L", str(folder / "bsp"), "-T", str(folder / "bsp" / chosen.linker_script)]
    _call([*link, *chosen.symbols(), "-Wl,--gc-sections", f"-Wl,-Map={elf.with_suffix('.map')}", "-o", str(elf)], chosen)
    return result(elf)


def _call(command: list[str], board: Board) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise overflow(run.stderr, board) or ToolError(f"the build for board {board.name} failed", hint=run.stderr.strip()[-2000:])
