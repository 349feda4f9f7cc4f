"""Writes OUT/, what a conversion leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dqa import recipe as recipes
from dqa.codegen.render import render
from dqa.errors import InputError
from dqa.lowering.mixed import BuiltGroup
from dqa.report import Interface, write_html


def check(out: Path) -> None:
    """Raises InputError where `out` cannot be a directory, before the work begins."""
    taken = next((path for path in (out, *out.parents) if path.exists()), out)
    if taken.exists() and not taken.is_dir():
        raise InputError(f"cannot write to '{out}': '{taken}' is a file", hint="choose another directory with -o")


def write(
    out: Path,
    tflite: bytes,
    float_tflite: bytes,
    standalone: BuiltGroup | None,
    interface: Interface,
    recipe: recipes.Recipe,
    report: Mapping[str, Any],
) -> None:
    """Writes the models, the recipe and the report; of a program that runs alone also itself, its C sources and the firmware.

    Raises InputError where the directory cannot be written.
    """
    from dqa.device import project

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "model.tflite").write_bytes(tflite)
        (out / "float.tflite").write_bytes(float_tflite)
        recipes.save(recipe, out / "recipe.yaml")
        if standalone is not None:
            (out / "model.dqa").write_bytes(standalone.program_bytes)
            render(standalone.program, standalone.program_bytes, out / "src", interface)
            project.write(out)
        else:  # an earlier conversion to the same place may have left them
            (out / "model.dqa").unlink(missing_ok=True)
            for name in ("src", "firmware"):
                shutil.rmtree(out / name, ignore_errors=True)
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        write_html(report, out / "report.html")
    except OSError as error:
        raise InputError(f"cannot write to '{out}': {error.strerror}", hint="choose another directory with -o") from error
