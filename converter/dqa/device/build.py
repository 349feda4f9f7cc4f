"""Builds the firmware of a converted model: with PlatformIO, or bare, with the compiler alone."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from dqa.device import bare as direct
from dqa.device import project, registry, tflm_arena, tflm_tree
from dqa.device.boards import Board, load_board
from dqa.device.built import BARE, PLATFORMIO, BuildResult, build_folder, elf_path, result
from dqa.device.toolchain import compiler, overflow
from dqa.errors import BoardError, DqaError, RecipeError, ToolError
from dqa.report import record_build

RUNTIMES = ("standalone", "tflm")
_QUIET = {"PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no", "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true"}


def build(
    out: Path,
    board: str,
    runtime: str = "standalone",
    tflm: Path | None = None,
    quiet: bool = True,
    *,
    pushed: bool = False,
    bare: bool = False,
) -> BuildResult:
    """Builds OUT/firmware for a board; a second build of the same model takes about a second.

    runtime "tflm" links TensorFlow Lite Micro from the tree `tflm` (or DQA_TFLM_DIR). quiet: PlatformIO's output goes to
    OUT/firmware/.pio/BOARD.log only, else to stderr as well. pushed: the model takes its input row by row, which runtime "standalone" can.
    bare: call the compiler directly, which is also done for boards that no official platform of PlatformIO knows, and where a platform is
    not installed and the registry cannot be reached; the result's note says so.
    The report in `out` gets the figures. BoardError: unknown board, or the model does not fit. ToolError: something is not installed, or
    the build failed.
    """
    chosen = load_board(board)
    _check(runtime, pushed)
    tree = tflm_tree.find(chosen, tflm) if runtime == "tflm" else None
    arena, note = tflm_arena.measure(out, tree) if tree else (None, "")
    reason = "" if bare or chosen.simulated else _why_bare(chosen)
    if bare or reason:
        direct.build(out, board, runtime, tree, pushed=pushed, arena=arena)
        elf, builder = elf_path(out, board, runtime, BARE, pushed=pushed), BARE
    else:
        _platformio(out, chosen, runtime, tree, [], quiet, pushed, arena)
        elf, builder = elf_path(out, board, runtime, pushed=pushed), PLATFORMIO
    built = result(elf, builder, "; ".join(filter(None, (reason, note))))
    record_build(out, {"board": board, "runtime": runtime, "pushed": pushed, **built.figures()})
    return built


def _why_bare(board: Board) -> str:
    """Why a real board cannot be built with PlatformIO, or ""."""
    if board.platformio is None:
        return f"built without PlatformIO, whose official platforms do not know {board.name}"
    if importlib.util.find_spec("platformio") is not None and not registry.within_reach(board.platformio.platform):
        return f"built without PlatformIO: its platform for {board.name} is not installed, and its registry cannot be reached"
    return ""


def upload(out: Path, board: Board, port: str | None, runtime: str, tflm: Path | None, quiet: bool, pushed: bool) -> None:
    """Builds OUT/firmware with PlatformIO and writes it to a connected board with the board's upload tool."""
    _check(runtime, pushed)
    if board.platformio is None:
        raise BoardError(
            f"no official platform of PlatformIO knows board {board.name}", hint="write the .hex or .bin of dqa build with the board's tools"
        )
    if importlib.util.find_spec("platformio") is not None and not registry.within_reach(board.platformio.platform):
        raise registry.unreachable(board.name)
    tree = tflm_tree.find(board, tflm) if runtime == "tflm" else None
    arena = tflm_arena.measure(out, tree)[0] if tree else None
    _platformio(out, board, runtime, tree, ["-t", "upload", *(["--upload-port", port] if port else [])], quiet, pushed, arena)


def _check(runtime: str, pushed: bool) -> None:
    if runtime not in RUNTIMES:
        raise RecipeError(f"unknown runtime {runtime!r}", hint=f"one of: {', '.join(RUNTIMES)}")
    if pushed and runtime != "standalone":
        raise RecipeError(f"runtime {runtime} takes no rows one by one", hint="build for runtime standalone, or with the input whole")


def _platformio(
    out: Path,
    board: Board,
    runtime: str,
    tree: tflm_tree.TflmTree | None,
    arguments: list[str],
    quiet: bool,
    pushed: bool,
    arena: int | None,
) -> None:
    folder = project.write(out)
    environment = {"DQA_RUNTIME": runtime, "DQA_MODEL_PUSHED": str(int(pushed))}
    environment |= tflm_tree.environment(tree, folder.resolve(), arena) if tree else {}
    environment["PLATFORMIO_BUILD_DIR"] = str(build_folder(folder.resolve(), runtime, pushed))
    _run(folder, board, arguments, environment, quiet)


def _run(folder: Path, board: Board, arguments: list[str], environment: dict[str, str], quiet: bool) -> None:
    if importlib.util.find_spec("platformio") is None:
        raise ToolError("PlatformIO is not installed", hint="pip install platformio scons")
    state = folder.resolve() / ".pio"  # PlatformIO takes relative paths from the project
    variables = os.environ | _QUIET | environment
    variables.pop("DQA_MODEL", None)
    if board.simulated:
        compiler()
        # its own package directory: no registry, and nothing shared with other projects
        variables["PLATFORMIO_CORE_DIR"] = str(state / "core")
    command = [sys.executable, "-m", "platformio", "run", "-d", str(folder), "-e", board.name, *arguments]
    lines = []
    with subprocess.Popen(
        command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if not quiet:
                sys.stderr.write(line)
    log = "".join(lines)
    state.mkdir(exist_ok=True)
    log_file = state / f"{board.name}.log"
    log_file.write_text(log, encoding="utf-8")
    if process.returncode != 0:
        raise _failure(log, log_file, board)


def _failure(log: str, log_file: Path, board: Board) -> DqaError:
    if error := overflow(log, board):
        return error
    if "HTTPClientError" in log or "UnknownPackageError" in log:
        return registry.unreachable(board.name)
    reason = next((line.strip() for line in log.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)), "see the log")
    return ToolError(f"the build for board {board.name} failed: {reason}", hint=f"whole log: {log_file}")
