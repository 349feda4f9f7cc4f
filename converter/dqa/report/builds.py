"""The `builds` section of report.json: what the firmware of a board takes; known only once it is built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dqa.errors import InputError
from dqa.report.html import write_html


def record_build(out: Path, build: Mapping[str, Any]) -> None:
    """Adds a build to the report in `out`, in place of an earlier one for the same board and runtime; without a report nothing happens.

    build: board, runtime, pushed, flash and ram in bytes. Raises InputError if the report cannot be written.
    """
    path = out / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    others = [known for known in report.get("builds", []) if _key(known) != _key(build)]
    report["builds"] = sorted([*others, dict(build)], key=_key)
    fresh = path.with_suffix(".json.new")
    try:
        fresh.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}", hint="is the directory writable?") from error
    write_html(report, out / "report.html")


def _key(build: Mapping[str, Any]) -> tuple[str, str, bool]:
    return str(build["board"]), str(build["runtime"]), bool(build["pushed"])
