"""What builds, profiles and evaluations add to the report: a section each, of the program that OUT holds and of no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dqa.errors import DqaError, ProgramError
from dqa.report.html import render_html
from dqa.support import manifest

KEYS = {
    "builds": ("board", "runtime", "pushed", "protocol"),
    "profiles": ("target",),
    "evaluations": ("target", "runtime", "metric", "output", "data_sha256", "samples"),
}
"""What tells the entries of a section apart: one that has the same of these takes the other's place."""


def report_files(report: Mapping[str, Any]) -> dict[str, bytes]:
    """report.json and report.html. Raises ToolError where the template is missing."""
    return {"report.json": (json.dumps(report, indent=1) + "\n").encode(), "report.html": render_html(report).encode()}


def program_sha256(out: Path) -> str | None:
    """SHA-256 of what OUT runs: model.dqa, or model.tflite of a model with builtins; None where there is neither."""
    path = next((out / name for name in ("model.dqa", "model.tflite") if (out / name).is_file()), None)
    return manifest.sha256(path) if path else None


@dataclass(frozen=True)
class Identity:
    """SHA-256 of what OUT runs and of the model file it was made from; None where it does not say."""

    program: str | None
    model: str | None


def identify(out: Path) -> Identity:
    """Raises ProgramError where the report is of another program than OUT holds: scales and names of one model do not fit another."""
    program, report = program_sha256(out), _read(out)
    reported, model = report.get("program"), report.get("model")
    if program is not None and isinstance(reported, dict) and reported.get("sha256") != program:
        raise ProgramError(f"'{out / 'report.json'}' is the report of another program than the one beside it", hint="run dqa convert again")
    return Identity(program, str(model["sha256"]) if isinstance(model, dict) and "sha256" in model else None)


def layer_names(out: Path) -> list[str]:
    """The names of the program's operators, in order, as the report of OUT has them; empty where it has none."""
    layers = _read(out).get("layers")
    return [str(layer.get("name")) for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []


def record(out: Path, section: str, entry: Mapping[str, Any]) -> str:
    """Brings the report in OUT up to date with a build or an evaluation; returns why it could not, "" if it did.

    section: one of KEYS. entry: its `program_sha256` must be that of the report; it takes the place of an earlier one of the same kind.
    """
    if "interface" not in _read(out):
        return ""
    try:
        there = manifest.load(out)
        if there is None or "report.json" not in there.files:
            return f"'{out}' has no manifest"
        if manifest.sha256(out / "report.json") not in there.hashes("report.json"):
            return f"report.json in '{out}' was changed since dqa wrote it"  # and may not be a report any more
        left = manifest.refresh(out, lambda: _with(out, section, entry), there.kind, there.program)
    except DqaError as error:
        return error.message
    return f"{manifest.listed(left)} in '{out}' was changed since dqa wrote it" if left else ""


def _with(out: Path, section: str, entry: Mapping[str, Any]) -> dict[str, bytes]:
    report, keys = _read(out), KEYS[section]
    if report.get("program") != {"sha256": entry["program_sha256"]}:
        raise ProgramError(f"'{out / 'report.json'}' is of another program")
    others = [known for known in report.get(section, []) if _key(known, keys) != _key(entry, keys)]
    report[section] = sorted([*others, dict(entry)], key=lambda known: json.dumps(_key(known, keys)))
    return report_files(report)


def _read(out: Path) -> dict[str, Any]:
    try:
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _key(entry: Mapping[str, Any], keys: tuple[str, ...]) -> list[Any]:
    return [entry.get(key) for key in keys]
