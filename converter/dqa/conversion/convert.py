"""dqa.convert: a float model in, OUT/ with program, .tflite, C sources, recipe and report out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dqa.codegen.names import DEFAULT, check_name
from dqa.conversion import output
from dqa.conversion.build import build
from dqa.conversion.dead import dead_note, dead_section
from dqa.conversion.guard import settled
from dqa.conversion.measured import Measured, Required
from dqa.conversion.notes import notes_of
from dqa.conversion.request import read
from dqa.conversion.weights import weigh
from dqa.support.progress import Progress, SilentProgress
from dqa.support.settings import ConvertConfig


@dataclass(frozen=True)
class ConvertResult:
    """out: the directory written. report: the content of out/report.json. kept: names of files in `out` that are not dqa's, left alone.

    measured: float, int8 and the program on samples that nothing was decided from; None where nothing could be measured. notes: what a
    user should know.
    """

    out: Path
    report: dict[str, Any]
    kept: tuple[str, ...] = ()
    measured: Measured | None = None
    notes: tuple[str, ...] = ()


def convert(
    model: Path | str,
    calibration: Path | str | None,
    out: Path | str,
    config: ConvertConfig | None = None,
    *,
    recipe: Path | str | None = None,
    validation: Path | str | None = None,
    required: Required | None = None,
    name: str = DEFAULT,
    progress: Progress | None = None,
) -> ConvertResult:
    """Converts a float model and writes `out`, which is new, empty, or what an earlier conversion wrote: that stays unless all succeeded.

    model: .h5, .keras, SavedModel directory or .tflite. calibration: .npz with `x`; a quantized .tflite can do without; a recipe that
    holds decisions needs it unless its weight_rounding is `nearest`. config: settings; with a recipe they must be None, the recipe's hold.
    validation: .npz to measure on; None: calibration samples beyond those that decide, or else every fourth, which joins the others once
    the decisions are made. required: of what is measured there.
    name: the prefix of the C's names, and its files', so that several models live in one firmware: wake.h, wake_run.
    Raises InputError (the name), ModelError, DataError, RecipeError, ToolError, BoardError (a RAM budget that no plan fits), UnmetError.
    """
    progress, place = progress or SilentProgress(), Path(out)
    check_name(name)
    output.check(place)
    request = read(Path(model), _path(calibration), config, _path(recipe), progress, _path(validation))
    decisions, measured = settled(request, progress)
    (required or Required()).check(measured)
    dead = dead_section(request)
    notes = [*([dead_note(dead)] if dead is not None else []), *notes_of(request, decisions, measured)]
    weighed = weigh(request, decisions, progress)
    built = build(request, decisions, weighed, progress)
    with progress.task("Writing", None):
        report = output.report_of(request, decisions, built, measured, dead, notes)
        kept = output.write(place, built, request.model.tflite, output.recipe_of(request, decisions, weighed), report, name)
    return ConvertResult(place, report, tuple(kept), measured, tuple(notes))


def _path(place: Path | str | None) -> Path | None:
    return None if place is None else Path(place)
