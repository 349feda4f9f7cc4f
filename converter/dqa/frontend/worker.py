"""Runs a module of the front end as a process of its own, for libraries that untrusted files may crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from dqa.errors import DataError, DqaError, ModelError, ToolError
from dqa.support import processes
from dqa.support.resources import PACKAGE

_LOG_TAIL = 4000
_KINDS: dict[str, type[DqaError]] = {"tool": ToolError, "data": DataError}
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}


def run_worker(module: str, source: Path, name: str, workdir: Path, seconds: int) -> dict[str, Any]:
    """What `python -m module SOURCE NAME WORKDIR` left in WORKDIR/result.json.

    Its output is kept out of ours and becomes a note of the error. Raises the error it reports; ModelError, naming the file, if it
    crashed or took longer than `seconds`.
    """
    root = str(PACKAGE.parent)
    environment = {**os.environ, **_QUIET, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-P", "-m", module, str(source.resolve()), name, str(workdir)]
    log = workdir / "log.txt"
    try:
        with log.open("wb") as output:
            done = processes.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=workdir, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise _noted(
            ModelError(f"{name}: reading it took longer than {seconds} s", hint="is the file what you think it is?"), log
        ) from error
    result = workdir / "result.json"
    if done.returncode != 0 or not result.exists():
        raise _noted(
            ModelError(f"{name}: the library that reads it crashed ({_ending(done.returncode)})", hint="the file is corrupt or hostile"),
            log,
        )
    outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "error" in outcome:
        kind = _KINDS.get(outcome.get("kind", ""), ModelError)
        raise _noted(kind(outcome["error"], hint=outcome.get("hint", "")), log)
    return outcome


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _noted(error: DqaError, log: Path) -> DqaError:
    if log.exists() and (text := log.read_text(encoding="utf-8", errors="replace").strip()):
        error.add_note(text[-_LOG_TAIL:])
    return error
