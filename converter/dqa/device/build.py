"""Builds the firmware of a converted model: with PlatformIO, or bare, with the compiler alone.

They work in OUT/firmware/.pio; what was made is put, whole, into OUT/build/BOARD/RUNTIME.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dqa.device import bare as direct
from dqa.device import interpreted, mlperf, project, registry, tflm_arena, tflm_tree
from dqa.device.boards import Board, load_board
from dqa.device.built import BuildResult, publish, result, variant
from dqa.device.built import elf_path as elf_path  # scripts know it from here
from dqa.device.tflm_tree import Tflm
from dqa.device.toolchain import compiler, overflow
from dqa.errors import DqaError, InputError, RecipeError, ToolError
from dqa.program import read
from dqa.report import record
from dqa.support import manifest, processes
from dqa.support.files import failure
from dqa.support.settings import BOTH, DQA_ONLY, MLPERF_ONLY, firmware_runtime


@dataclass(frozen=True)
class _Upload:
    flags: str
    explain: Callable[[str], DqaError]


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
    protocol: str = DQA_ONLY,
    profile: bool = False,
) -> BuildResult:
    """Builds OUT/firmware for a board; a second build of the same model takes about a second.

    runtime "tflm" links TensorFlow Lite Micro from the tree `tflm` (or DQA_TFLM_DIR). quiet: PlatformIO's output goes to
    OUT/firmware/.pio/BOARD.log only, else to stderr as well. pushed: the model takes its input row by row, which runtime "standalone" can.
    profile: firmware for dqa.device.profile, which the report does not speak of; runtime "standalone" and a protocol with dqa's only.
    bare: with the compiler alone, as is also done for a board that no official platform of PlatformIO knows, and where the platform is not
    installed and the registry cannot be reached; the notes say so. protocol: of the serial port, one of PROTOCOLS (dqa.support.settings).
    An earlier build stays until this one is complete. The report in `out` gets the figures. BoardError: unknown board, or the model does
    not fit. ToolError: something is not installed, or the build failed.
    """
    chosen = load_board(board)
    why_bare = "" if bare or chosen.simulated else _why_bare(chosen)
    built = _make(out, chosen, runtime, tflm, [], quiet, pushed, bare or bool(why_bare), protocol, profile)
    entry = {"board": board, "runtime": runtime, "pushed": pushed, "program_sha256": built.program_sha256, **built.figures()}
    entry |= {"protocol": protocol} if protocol != DQA_ONLY else {}
    why = "" if profile else record(out, "builds", entry)
    notes = (why_bare, *built.notes, f"the report was left as it is: {why}" if why else "")
    return replace(built, notes=tuple(filter(None, notes)))


def upload(
    out: Path,
    board: Board,
    port: str | None,
    runtime: str,
    tflm: Path | None,
    quiet: bool,
    pushed: bool,
    protocol: str,
    profile: bool,
    *,
    flags: str,
    explain: Callable[[str], DqaError],
) -> None:
    """Builds OUT/firmware with PlatformIO, whose official platforms know the board, and writes it to a connected one with its upload tool.

    flags: the upload tool's, one a line. explain: what its log, once it failed, means.
    """
    check_reach(board)
    _make(
        out,
        board,
        runtime,
        tflm,
        ["-t", "upload", *(["--upload-port", port] if port else [])],
        quiet,
        pushed,
        False,
        protocol,
        profile,
        _Upload(flags, explain),
    )


def check_reach(board: Board) -> None:
    """ToolError where PlatformIO's platform for a board is not installed, and its registry cannot be reached."""
    if _why_bare(board):
        raise registry.unreachable(board.name)


def _why_bare(board: Board) -> str:
    """Why a real board cannot be built with PlatformIO, or ""."""
    if board.platformio is None:
        return f"built without PlatformIO, whose official platforms do not know {board.name}"
    if importlib.util.find_spec("platformio") is not None and not registry.within_reach(board.platformio.platform):
        return f"built without PlatformIO: its platform for {board.name} is not installed, and its registry cannot be reached"
    return ""


def _make(
    out: Path,
    board: Board,
    runtime: str,
    tflm: Path | None,
    arguments: list[str],
    quiet: bool,
    pushed: bool,
    bare: bool,
    protocol: str,
    profile: bool,
    uploading: _Upload | None = None,
) -> BuildResult:
    firmware_runtime(runtime, tflm)
    spoken = mlperf.defines(out, protocol)
    if pushed and runtime != "standalone":
        raise RecipeError(f"runtime {runtime} takes no rows one by one", hint="build for runtime standalone, or with the input whole")
    if profile:
        check_profile(runtime, protocol)
    tree = tflm_tree.find(board, tflm) if runtime == "tflm" else None
    if tree:
        tflm_tree.check_builtins(tree, interpreted.load(out).builtins)
    manifest.settle(out)
    written = project.write(out, interpreter=tree is not None)
    operators = operator_count(out) if profile else 0
    try:
        inside, note = tflm_arena.sized(out, tree) if tree else (None, "")
        if bare:
            made = direct.build(out, board.name, inside, pushed=pushed, protocol=protocol, profile=operators)
        else:
            environment = {"DQA_PROTOCOL_FLAGS": " ".join(spoken), "DQA_PROFILE": str(operators)}
            kind = variant(runtime, pushed, protocol, profile)
            made = _platformio(written.folder, board, inside, arguments, quiet, kind, pushed, environment, uploading)
    except OSError as error:
        raise failure(written.folder, error) from error
    built = publish(out, board.name, runtime, pushed, made, protocol, profile)
    edited = f"built as it was changed: {manifest.listed(written.edited)} in '{written.folder}'" if written.edited else ""
    return replace(built, notes=tuple(filter(None, (edited, note))))


def check_profile(runtime: str, protocol: str) -> None:
    """RecipeError where firmware of a kind cannot be profiled."""
    if runtime != "standalone":
        raise RecipeError(f"runtime {runtime} cannot be profiled", hint="profile runtime standalone: the operators are the same")
    if protocol == MLPERF_ONLY:
        raise RecipeError(f"--profile has no effect with --protocol {protocol}", hint=f"dqa profile speaks {DQA_ONLY}: give it, or {BOTH}")


def operator_count(out: Path) -> int:
    """Of the program in OUT; InputError if there is none, ProgramError if it is broken."""
    try:
        return len(read((out / "model.dqa").read_bytes()).ops)
    except OSError as error:
        raise InputError(f"'{out / 'model.dqa'}': {error.strerror}", hint="make it with dqa convert ... -o OUT") from error


def _platformio(
    folder: Path,
    board: Board,
    inside: Tflm | None,
    arguments: list[str],
    quiet: bool,
    kind: str,
    pushed: bool,
    environment: dict[str, str],
    uploading: _Upload | None,
) -> BuildResult:
    work = folder.resolve() / ".pio" / kind
    environment |= {
        "DQA_RUNTIME": "tflm" if inside else "standalone",
        "DQA_MODEL_PUSHED": str(int(pushed)),
        "PLATFORMIO_BUILD_DIR": str(work),
    }
    environment |= tflm_tree.environment(inside, folder.resolve()) if inside else {}
    environment |= {"PLATFORMIO_UPLOAD_FLAGS": uploading.flags} if uploading and uploading.flags else {}
    _run(folder, board, arguments, environment, quiet, uploading)
    return result(work / board.name / "firmware.elf")


def _run(
    folder: Path, board: Board, arguments: list[str], environment: dict[str, str], quiet: bool, uploading: _Upload | None = None
) -> None:
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
    with processes.child(command, env=variables, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in io.TextIOWrapper(process.stdout, encoding="utf-8", errors="replace"):
            lines.append(line)
            if not quiet:
                sys.stderr.write(line)
        process.wait()
    log = "".join(lines)
    state.mkdir(exist_ok=True)
    log_file = state / f"{board.name}.log"
    log_file.write_text(log, encoding="utf-8")
    if process.returncode != 0:
        # once there is firmware it was the upload that failed
        raise uploading.explain(log) if uploading and "Configuring upload protocol" in log else _failure(log, log_file, board)


def _failure(log: str, log_file: Path, board: Board) -> DqaError:
    if error := overflow(log, board):
        return error
    if "HTTPClientError" in log or "UnknownPackageError" in log:
        return registry.unreachable(board.name)
    reason = next((line.strip() for line in log.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)), "see the log")
    return ToolError(f"the build for board {board.name} failed: {reason}", hint=f"whole log: {log_file}")
