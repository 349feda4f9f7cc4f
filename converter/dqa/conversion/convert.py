"""dqa.convert: a float model in, OUT/ with program, .tflite, C sources, recipe and report out."""

from __future__ import annotations

import os
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
from dqa.data.given import Samples, Source, source
from dqa.frontend import ModelSource
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

    def __fspath__(self) -> str:
        """`out`: what takes that directory takes this."""
        return str(self.out)


def convert(
    model: ModelSource,
    calibration: Samples | Source | None,
    out: str | os.PathLike[str],
    config: ConvertConfig | None = None,
    *,
    recipe: str | os.PathLike[str] | None = None,
    validation: Samples | Source | None = None,
    required: Required | None = None,
    name: str = DEFAULT,
    progress: Progress | None = None,
) -> ConvertResult:
    """Converts a float model and writes `out`, which is new, empty, or what an earlier conversion wrote: that stays unless all succeeded.

    model: .h5, .keras, SavedModel directory or .tflite, or a Keras model. calibration: .npz with `x`, or arrays and what else
    dqa.data.given takes; a quantized .tflite can do without; a recipe that holds decisions needs it unless its weight_rounding is
    `nearest`. config: settings; with a recipe they must be None, the recipe's hold.
    validation: samples to measure on; None: calibration samples beyond those that decide, or else every fourth, which joins the others once
    the decisions are made. required: of what is measured there.
    name: the prefix of the C's names, and its files', so that several models live in one firmware: wake.h, wake_run.
    Raises InputError (the name), ModelError, DataError, RecipeError, ToolError, BoardError (a RAM budget that no plan fits), UnmetError.
    """
    progress, place = progress or SilentProgress(), Path(out)
    check_name(name)
    output.check(place)
    given = [None if data is None else source(data, name) for data, name in ((calibration, "calibration"), (validation, "validation"))]
    request = read(model, given[0], config, None if recipe is None else Path(recipe), progress, given[1])
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
