"""Writes OUT/, what a conversion leaves."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dqa import manifest
from dqa import recipe as recipes
from dqa.codegen.render import render
from dqa.directories import staged
from dqa.lowering.mixed import BuiltGroup
from dqa.report import Interface, report_files

KIND = "conversion"


def check(out: Path) -> None:
    """Raises InputError, before the work begins, unless `out` is new, empty, or what an earlier conversion wrote (see dqa.manifest)."""
    manifest.check_place(out, KIND)


def write(
    out: Path,
    tflite: bytes,
    float_tflite: bytes,
    standalone: BuiltGroup | None,
    interface: Interface,
    recipe: recipes.Recipe,
    report: dict[str, Any],
) -> list[str]:
    """Writes the models, the recipe and the report; of a program that runs alone also itself, its C sources and the firmware.

    `out` appears whole, in the place of an earlier conversion. Adds to the report which program it is of. Returns the names of files that
    were in `out` and are not dqa's: they are still there. Raises InputError as `check`, DqaError: full disk.
    """
    from dqa.device import project

    program = hashlib.sha256(tflite if standalone is None else standalone.program_bytes).hexdigest()
    report["program"] = {"sha256": program}
    check(out)
    with staged(out, manifest.users) as new:
        (new / "model.tflite").write_bytes(tflite)
        (new / "float.tflite").write_bytes(float_tflite)
        recipes.save(recipe, new / "recipe.yaml")
        if standalone is not None:
            (new / "model.dqa").write_bytes(standalone.program_bytes)
            render(standalone.program, standalone.program_bytes, new / "src", interface)
            project.create(new, program)
        for name, content in report_files(report).items():
            (new / name).write_bytes(content)
        manifest.create(new, KIND, program)
        kept = manifest.users(out) if out.exists() else []
        manifest.check_room(new, kept)
    return kept
