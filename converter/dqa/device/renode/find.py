"""Where an installed Renode is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dqa.errors import InputError, ToolError
from dqa.support import processes

VARIABLE = "DQA_RENODE"
OLDEST = (1, 16)
HINT = (
    f"get Renode 1.16 or newer from https://github.com/renode/renode/releases (the portable one needs nothing else) and name it "
    f"with --renode FILE or {VARIABLE}, or put it on PATH; PlatformIO has it too: pio pkg install -g -t platformio/tool-renode"
)
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Renode:
    path: Path
    version: str


def find(named: Path | None = None) -> Renode:
    """The Renode that is `named` (its file or folder), else that of DQA_RENODE, of PATH, or PlatformIO's tool-renode.

    Raises InputError where the named one is none, ToolError with a hint where there is none, or it does not run or is too old.
    """
    for source, place in _places(named):
        path = _program(place)
        if path is None and source:
            raise InputError(f"{source} '{place}' is no Renode", hint=HINT)
        if path is not None:
            return Renode(path, _version(path))
    raise ToolError("Renode is not installed", hint=HINT)


def _places(named: Path | None) -> Iterator[tuple[str, Path]]:
    """Where it may be, and who says so; "" where nobody does."""
    if named is not None:
        yield "--renode", named
    elif os.environ.get(VARIABLE):
        yield VARIABLE, Path(os.environ[VARIABLE])
    if found := shutil.which("renode"):
        yield "", Path(found)
    core = Path(os.environ.get("PLATFORMIO_CORE_DIR") or Path("~/.platformio").expanduser())
    yield "", core / "packages" / "tool-renode"


def _program(place: Path) -> Path | None:
    candidates = [place / name for name in ("renode", "renode.exe")] if place.is_dir() else [place]
    return next((path.resolve() for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


def _version(path: Path) -> str:
    try:
        run = processes.run([str(path), "--version"], timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"'{path}' does not say its version", hint=HINT) from error
    match = _VERSION.search(run.stdout)
    if run.returncode != 0 or match is None:
        raise ToolError(f"'{path}' does not run: {(run.stderr or run.stdout).strip()[-300:] or 'no version'}", hint=HINT)
    if (int(match[1]), int(match[2])) < OLDEST:
        raise ToolError(f"'{path}' is Renode {match[0]}, which is too old", hint=HINT)
    return match[0].removeprefix("v")
