"""Writes OUT/, what a conversion leaves: the program and its report, whole or not at all."""

from __future__ import annotations

import hashlib
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from dqa.codegen import render, render_readme
from dqa.codegen.names import DEFAULT
from dqa.conversion import recipe as recipes
from dqa.conversion.build import Built
from dqa.conversion.decisions import Decisions
from dqa.conversion.measured import Measured
from dqa.conversion.request import Request
from dqa.conversion.weights import Weighed
from dqa.device import project
from dqa.lowering.build import edge_order
from dqa.partition.builtins import PACKAGE
from dqa.partition.extract import tensor_name
from dqa.quantization.serialize import to_mapping
from dqa.report import build_mixed_report, build_report, plan_section, report_files
from dqa.support import manifest
from dqa.support.directories import staged
from dqa.support.version import __version__

KIND = "conversion"


def check(out: Path) -> None:
    """Raises InputError, before the work begins, unless `out` is new, empty, or what an earlier conversion wrote (dqa.support.manifest)."""
    manifest.check_place(out, KIND)


def write(out: Path, built: Built, float_tflite: bytes, recipe: recipes.Recipe, report: dict[str, Any], name: str = DEFAULT) -> list[str]:
    """Writes the models, the recipe and the report; of a program that runs alone also itself, its C sources and the firmware.

    name: of the C (dqa.codegen.names). `out` appears whole, in the place of an earlier conversion. Returns the names of files that were in
    `out` and are not dqa's: they are still there. Raises InputError as `check`, DqaError: full disk.
    """
    check(out)
    program = report["program"]["sha256"]
    with staged(out, manifest.users) as new:
        (new / "model.tflite").write_bytes(built.tflite)
        (new / "model.layers.tflite").write_bytes(built.layers)
        (new / "float.tflite").write_bytes(float_tflite)
        recipes.save(recipe, new / "recipe.yaml")
        if (alone := built.alone) is not None:
            (new / "model.dqa").write_bytes(alone.program_bytes)
            render(alone.program, alone.program_bytes, new / "src", built.interface, name)
            readme = render_readme(alone.program, len(alone.program_bytes), name, built.source, built.interface)
            (new / "README.md").write_text(readme, encoding="utf-8", newline="\n")
            project.create(new, program)
        for file, content in report_files(report).items():
            (new / file).write_bytes(content)
        manifest.create(new, KIND, program)
        kept = manifest.users(out) if out.exists() else []
        manifest.check_room(new, kept)
    return kept


def copy(source: Path, out: Path) -> Path:
    """Copies what a conversion wrote, `source`, to `out`, which is new, empty, or an earlier conversion's. Raises as `write`."""
    check(out)
    with staged(out, manifest.users) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)
        manifest.check_room(new, manifest.users(out) if out.exists() else [])
    return out


def report_of(
    request: Request, decisions: Decisions, built: Built, measured: Measured | None, dead: dict[str, Any] | None, notes: list[str]
) -> dict[str, Any]:
    """The content of report.json (docs/report.md)."""
    cut, alone = decisions.cut, built.alone
    if alone is None:
        content = build_mixed_report(built.groups, cut, decisions.formats)
    else:
        content = build_report(alone.program, len(alone.program_bytes), cut.graph, edge_order(cut.graph), decisions.formats)
        content["plan"] = plan_section(alone.program, decisions.planned)
    content["flash"]["tflite"] = len(built.tflite)
    return {
        "dqa": __version__,
        "model": {"source": built.source, "sha256": request.model.sha256},
        "config": recipes.as_mapping(request.settings),
        "interface": built.interface.to_json(),
        **content,
        "weights": sum(request.model.graph.weights(op) for op in request.model.graph.ops),
        **({"measured": measured.to_json()} if measured is not None else {}),
        **({"dead_channels": dead} if dead is not None else {}),
        "notes": notes,
        "program": {"sha256": hashlib.sha256(built.tflite if alone is None else alone.program_bytes).hexdigest()},
    }


def recipe_of(request: Request, decisions: Decisions, weighed: Weighed) -> recipes.Recipe:
    """What makes the same bytes again."""
    cut, names = decisions.cut, decisions.cut.graph.activation_names()
    used = ["ai-edge-litert", "numpy", *([PACKAGE] if cut.builtins is not None else [])]
    return recipes.Recipe(
        request.settings,
        request.model.sha256,
        request.calibration_sha256,
        {"dqa": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in used}},
        to_mapping(cut.graph, decisions.formats),
        {tensor_name(t): found for t, found in cut.ranges.items()},
        decisions.phases,
        {names[t]: tuple(bias.tolist()) for t, bias in weighed.biases.items()},
    )
