"""Builds the firmware of a converted model with PlatformIO.

PlatformIO works in OUT/firmware/.pio; what it made is put, whole, into OUT/build/BOARD/RUNTIME.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dqa import __version__, manifest, processes
from dqa.config import firmware_runtime
from dqa.device import project, registry, stack, tflm_tree
from dqa.device.boards import Board, load_board
from dqa.device.sizes import Sizes, measure
from dqa.directories import staged
from dqa.errors import BoardError, DqaError, RecipeError, ToolError
from dqa.files import failure
from dqa.report import program_sha256, record

COMPILER = "arm-none-eabi-gcc"
_QUIET = {"PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no", "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true"}
_OVERFLOW = re.compile(r"region [`'](RAM|FLASH)' overflowed by (\d+) bytes?")
_ABOUT = "build.json"
_MEMORY = {"RAM": "RAM", "FLASH": "flash"}


@dataclass(frozen=True)
class BuildResult:
    """The firmware, its sizes in bytes (see Sizes), and the most stack that loading or an inference takes (see dqa.device.stack).

    program_sha256: of the program it was built for. notes: what a user should know: sources that were changed, a report left as it was.
    """

    elf: Path
    flash_code: int
    flash_model: int
    ram_static: int
    ram_model: int
    stack: int | None
    map_file: Path
    program_sha256: str | None = None
    notes: tuple[str, ...] = ()

    def figures(self) -> dict[str, dict[str, int]]:
        """The sizes as the report and `dqa build --json` give them; stack_bound is absent where no bound is known."""
        ram = {"static": self.ram_static, "model": self.ram_model}
        if self.stack is not None:
            ram["stack_bound"] = self.stack
        return {"flash": {"code": self.flash_code, "model": self.flash_model}, "ram": ram}


def build(
    out: Path, board: str, runtime: str = "standalone", tflm: Path | None = None, quiet: bool = True, *, pushed: bool = False
) -> BuildResult:
    """Builds OUT/firmware for a board; a second build of the same model takes about a second.

    runtime "tflm" links TensorFlow Lite Micro from the tree `tflm` (or DQA_TFLM_DIR). quiet: PlatformIO's output goes to
    OUT/firmware/.pio/BOARD.log only, else to stderr as well. pushed: the model takes its input row by row, which runtime "standalone" can.
    An earlier build stays until this one is complete. The report in `out` gets the figures. BoardError: unknown board, or the model does
    not fit. ToolError: something is not installed, or the build failed.
    """
    built = _make(out, load_board(board), runtime, tflm, [], quiet, pushed)
    entry = {"board": board, "runtime": runtime, "pushed": pushed, "program_sha256": built.program_sha256, **built.figures()}
    why = record(out, "builds", entry)
    return replace(built, notes=(*built.notes, f"the report was left as it is: {why}")) if why else built


def elf_path(out: Path, board: str, runtime: str = "standalone", *, pushed: bool = False) -> Path:
    """Where `build` puts the firmware."""
    return out / "build" / board / _variant(runtime, pushed) / "firmware.elf"


def found(out: Path, board: str, runtime: str = "standalone", *, pushed: bool = False) -> BuildResult | None:
    """What `build` made for the program that is in OUT now; None if it made nothing for it."""
    elf = elf_path(out, board, runtime, pushed=pushed)
    try:
        about = json.loads((elf.parent / _ABOUT).read_text(encoding="utf-8"))
        flash, ram, program = about["flash"], about["ram"], about["program_sha256"]
        if program != program_sha256(out):
            return None
        sizes = int(flash["code"]), int(flash["model"]), int(ram["static"]), int(ram["model"])
        return BuildResult(elf, *sizes, ram.get("stack_bound"), elf.with_suffix(".map"), program)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _variant(runtime: str, pushed: bool) -> str:
    return f"{runtime}-pushed" if pushed else runtime


def result(elf: Path) -> BuildResult:
    """The figures of a firmware already built."""
    sizes: Sizes = measure(elf)
    return BuildResult(
        elf, sizes.flash_code, sizes.flash_model, sizes.ram_static, sizes.ram_model, stack.bound(elf), elf.with_suffix(".map")
    )


def upload(out: Path, board: Board, port: str | None, runtime: str, tflm: Path | None, quiet: bool, pushed: bool) -> None:
    """Builds OUT/firmware and writes it to a connected board with the board's upload tool."""
    _make(out, board, runtime, tflm, ["-t", "upload", *(["--upload-port", port] if port else [])], quiet, pushed)


def overflow(log: str, board: Board) -> BoardError | None:
    """The error for a linker's output that says the model does not fit, None for any other output."""
    found = {region: int(count) for region, count in _OVERFLOW.findall(log)}
    if not found:
        return None
    needs = " and ".join(f"{count} bytes of {_MEMORY[region]} more" for region, count in found.items())
    has = f"it has {board.ram.size} bytes of RAM and {board.flash.size} of flash"
    return BoardError(
        f"model does not fit board {board.name}: needs {needs}", hint=f"{has}; convert with fewer --bits, or use a larger board"
    )


def compiler() -> str:
    """Path of the cross compiler; ToolError with a hint if it is not installed."""
    found = shutil.which(COMPILER)
    if not found:
        hint = (
            "Debian/Ubuntu: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi; macOS: brew install --cask gcc-arm-embedded; "
            "Windows: winget install Arm.GnuArmEmbeddedToolchain"
        )
        raise ToolError(f"{COMPILER} is not installed", hint=hint)
    return found


def _make(out: Path, board: Board, runtime: str, tflm: Path | None, arguments: list[str], quiet: bool, pushed: bool) -> BuildResult:
    firmware_runtime(runtime, tflm)
    if pushed and runtime != "standalone":
        raise RecipeError(f"runtime {runtime} takes no rows one by one", hint="build for runtime standalone, or with the input whole")
    environment = tflm_tree.environment(board, tflm) if runtime == "tflm" else {}
    environment |= {"DQA_RUNTIME": runtime, "DQA_MODEL_PUSHED": str(int(pushed))}
    manifest.settle(out)
    written = project.write(out)
    work = written.folder.resolve() / ".pio" / _variant(runtime, pushed)
    environment["PLATFORMIO_BUILD_DIR"] = str(work)
    try:
        _run(written.folder, board, arguments, environment, quiet)
    except OSError as error:
        raise failure(written.folder, error) from error
    built = _publish(out, board, runtime, pushed, result(work / board.name / "firmware.elf"))
    notes = [f"built as it was changed: {manifest.listed(written.edited)} in '{written.folder}'"] if written.edited else []
    return replace(built, notes=tuple(notes))


def _publish(out: Path, board: Board, runtime: str, pushed: bool, made: BuildResult) -> BuildResult:
    """Puts what was made, and what is known of it, in the place of an earlier build."""
    elf, program = elf_path(out, board.name, runtime, pushed=pushed), program_sha256(out)
    about: dict[str, Any] = {"dqa": __version__, "program_sha256": program, "board": board.name, "runtime": runtime, "pushed": pushed}
    with staged(elf.parent, manifest.users) as new:
        shutil.copyfile(made.elf, new / elf.name)
        shutil.copyfile(made.map_file, new / elf.with_suffix(".map").name)
        (new / _ABOUT).write_text(json.dumps(about | made.figures(), indent=1) + "\n", encoding="utf-8")
        manifest.create(new, "build", program)
        manifest.check_room(new, manifest.users(elf.parent))
    return replace(made, elf=elf, map_file=elf.with_suffix(".map"), program_sha256=program)


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
    elif board.platformio is not None:
        registry.check(board.name, board.platformio.platform)
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
        raise _failure(log, log_file, board)


def _failure(log: str, log_file: Path, board: Board) -> DqaError:
    if error := overflow(log, board):
        return error
    if "HTTPClientError" in log or "UnknownPackageError" in log:
        return registry.unreachable(board.name)
    reason = next((line.strip() for line in log.splitlines() if re.search(r"\berror\b", line, re.IGNORECASE)), "see the log")
    return ToolError(f"the build for board {board.name} failed: {reason}", hint=f"whole log: {log_file}")
