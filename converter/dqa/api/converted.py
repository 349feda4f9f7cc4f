"""dqa.convert and dqa.load: a converted model as an object, with what can be done with it as methods."""

from __future__ import annotations

import html
import json
import os
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dqa.api import firmware
from dqa.codegen.names import DEFAULT
from dqa.conversion import output
from dqa.conversion.convert import ConvertResult
from dqa.conversion.convert import convert as convert_into
from dqa.conversion.measured import Required
from dqa.data.given import Samples, Source
from dqa.device.built import BuildResult
from dqa.errors import RecipeError
from dqa.evaluation.evaluate import EvaluateResult
from dqa.evaluation.evaluate import evaluate as evaluate_model
from dqa.evaluation.predict import predict
from dqa.export.export import Exported, export
from dqa.frontend import ModelSource
from dqa.profiling.run import ProfileResult, profile
from dqa.report import load_interface, summary
from dqa.support import processes
from dqa.support.arrays import Float32, Int64
from dqa.support.progress import Progress
from dqa.support.settings import ConvertConfig
from dqa.support.strict_yaml import check_known


@dataclass(frozen=True, eq=False, repr=False)
class Converted(ConvertResult):
    """A converted model: its directory `out`, its report, and what the commands do with it.

    Of a conversion without a directory `out` is a temporary one, which is gone when this object is; `save` keeps it.
    """

    def evaluate(self, x: Samples | Source, y: Any = None, *, target: str = "host", **options: Any) -> EvaluateResult:
        """The metric on samples x (N, *input shape) with labels y, or on data that hold both; float's beside, and what the target measures.

        target: host, tflm-host, sim:BOARD, renode:BOARD or serial:PORT. options: as of dqa.evaluate, and raises as it.
        """
        return evaluate_model(self, x if y is None else (x, y), target, **options)

    def simulate(self, board: str, x: Samples | Source, y: Any = None, *, limit: int | None = 20, **options: Any) -> EvaluateResult:
        """`evaluate` on the simulated board, every answer compared with this machine's. limit: the first so many samples; None: all."""
        return self.evaluate(x, y, target=f"sim:{board}", limit=limit, **options)

    def predict(self, x: Samples | Source, output: str | None = None) -> Float32 | Int64:
        """The integer program's answers (N, *output shape) as real numbers: see dqa.predict."""
        return predict(self, x, output)

    def build(self, board: str, **options: Any) -> BuildResult:
        """Firmware for a board: see dqa.build."""
        return firmware.build(self, board, **options)

    def flash(self, board: str, **options: Any) -> str | None:
        """Builds it and writes it to the connected board: see dqa.flash."""
        return firmware.flash(self, board, **options)

    def profile(self, target: str = "host", x: Samples | Source | None = None, sample: int = 0, *, compare: bool = False) -> ProfileResult:
        """What each operator costs: see dqa.profile."""
        return profile(self, target, x, sample, compare=compare)

    def export(self, form: str, place: str | os.PathLike[str] | None = None, *, all_operators: bool = False) -> Exported:
        """The C as a folder, or, where `place` ends in .zip, a zip of it, that builds by itself: see dqa.export.export.export."""
        return export([self.out], form, None if place is None else Path(place), all_operators=all_operators)

    def save(self, out: str | os.PathLike[str]) -> Converted:
        """The same in a directory to keep, new, empty, or what an earlier conversion wrote. Raises InputError as dqa.convert."""
        return load(output.copy(self.out, Path(out)))

    @property
    def program(self) -> bytes:
        """The DQA program (docs/format.md); of a model with TFLite builtins the .tflite that holds its programs."""
        alone = self.out / "model.dqa"
        return (alone if alone.exists() else self.out / "model.tflite").read_bytes()

    def __repr__(self) -> str:
        rows = dict(summary.sizes(self.report)[:1] + summary.sizes(self.report)[-1:])
        share = summary.agreement(self.report)
        agreement = "" if share is None else f", {share:.1%} answers as float"
        shown = ", ".join(f"{name} {value}" for name, value in rows.items())
        return f"<dqa model of {self.report['model']['source']}: {shown}{agreement}; {self.out}>"

    def _repr_html_(self) -> str:
        """For notebooks: the tables that `dqa convert` ends with."""
        found = summary.measured(self.report)
        tables = [_table("what it takes", (), summary.sizes(self.report)), _table(found[0], summary.COMPARED, found[1]) if found else ""]
        return "".join(tables) + f"<p>{html.escape(str(self.out))}</p>"


def convert(
    model: ModelSource,
    calibration: Samples | Source | None = None,
    out: str | os.PathLike[str] | None = None,
    config: ConvertConfig | None = None,
    *,
    recipe: str | os.PathLike[str] | None = None,
    validation: Samples | Source | None = None,
    required: Required | None = None,
    name: str = DEFAULT,
    progress: Progress | None = None,
    **settings: Any,
) -> Converted:
    """Converts a float model.

    model: a Keras model in memory, or the path of a .h5, .keras, SavedModel, .tflite, .onnx or .pt2.
    calibration, validation: samples, some hundred, of what the model will see: an array (N, *input shape), (x, y), a dictionary of arrays
    under the names of an .npz, a list of the arrays of several inputs, a frame of pandas, a tf.data.Dataset, or the path of an .npz.
    out: the directory to write, new, empty, or what an earlier conversion wrote; None: a temporary one, gone with the result.
    config, or settings: those of ConvertConfig, such as bits=3.5 or input_scale=1/255. recipe: a file of settings, or of decisions too.
    name: the prefix of the C's names. required: what the answers must reach.
    Raises InputError, ModelError, DataError, RecipeError, ToolError, BoardError (a RAM budget that no plan fits), UnmetError.
    """
    if settings:
        check_known("dqa.convert", settings, [field.name for field in fields(ConvertConfig)])
        if config is not None:
            raise RecipeError(f"settings are given twice, in config and as {', '.join(settings)}", hint="give one of the two")
        config = ConvertConfig(**settings)
    with ExitStack() as until_failure:
        place = Path(out) if out is not None else until_failure.enter_context(processes.folder()) / "model"
        found = convert_into(
            model, calibration, place, config, recipe=recipe, validation=validation, required=required, name=name, progress=progress
        )
        result = Converted(**{field.name: getattr(found, field.name) for field in fields(found)})
        weakref.finalize(result, until_failure.pop_all().close)
    return result


def load(out: str | os.PathLike[str]) -> Converted:
    """What an earlier conversion wrote to a directory. Raises InputError where it holds none."""
    place = Path(out)
    load_interface(place)
    report = json.loads((place / "report.json").read_text(encoding="utf-8"))
    return Converted(place, report, notes=tuple(report.get("notes", ())))


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head = line("th", columns) if columns else ""
    return f"<table><caption>{html.escape(title)}</caption>{head}{''.join(line('td', row) for row in rows)}</table>"
