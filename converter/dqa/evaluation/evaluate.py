"""dqa.evaluate: runs a converted model over data on the host, in TFLM, on a simulated board or on a real one, and measures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dqa.calibration import float_outputs
from dqa.errors import InputError, ProgramError
from dqa.evaluation import subject as subjects
from dqa.evaluation import targets
from dqa.evaluation.by_class import by_class, worst
from dqa.evaluation.result import EvaluateResult, answers_of, details
from dqa.evaluation.subject import Subject
from dqa.evaluation.targets import Run, Target
from dqa.frontend import load_model
from dqa.program import read
from dqa.report import program_sha256, record, stored_bits
from dqa.support.progress import Progress, SilentProgress

__all__ = ["EvaluateResult", "evaluate"]


def evaluate(
    out: Path | str,
    data: Path | str,
    target: str = "host",
    limit: int | None = None,
    metric: str | None = None,
    *,
    runtime: str | None = None,
    tflm: Path | None = None,
    output: str | None = None,
    classes: Sequence[str] | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> EvaluateResult:
    """Evaluates OUT on the samples of an .npz and brings the report in OUT up to date with the result.

    target: "host", "tflm-host", "sim:BOARD", "renode:BOARD" or "serial:PORT". limit: the first so many samples. metric: top1, auc, miou,
    mse or None for the model's own or the task's usual one. runtime: of a board's firmware, "standalone" (None: this) or "tflm"; tflm: see
    dqa.device.build, for simulated boards, whose firmware is built here.
    classes: names of the classes in the order of the model's outputs; None: those of the .npz.
    output: the name of the output whose answers `y` holds, of a model with several; the first without it.
    Raises InputError, DataError, RecipeError (options of which one has no effect), ProgramError, BoardError, ToolError.
    """
    progress = progress or SilentProgress()
    if limit is not None and limit < 1:
        raise InputError(f"limit: expected at least 1, got {limit}")
    place = targets.parse(target, runtime, tflm)
    subject = subjects.load(Path(out), Path(data), output, metric, limit)
    targets.check(place, subject)
    # The float model first: labels that do not fit are refused before a board works for minutes.
    with progress.task("Float model", None):
        floats = float_outputs(load_model(subject.out / "float.tflite"), subject.real, output=subject.head)
    with subjects.labels_of(subject.interface, subject.head):
        chosen = subject.chosen_metric()
        float_value = subject.value(chosen, floats)
        by_class(chosen, floats, floats, subject.dataset, classes)  # refuses names that do not fit
    reference = targets.on_host(place, subject, jobs, progress)
    run = reference if place.kind == "host" and reference is not None else targets.on_target(place, subject, jobs, progress)
    if program_sha256(subject.out) != subject.identity.program:
        raise ProgramError(f"'{out}' was converted again while it was evaluated", hint="evaluate it again")
    outputs = subject.interface.answers(run.outputs, subject.head)
    result = EvaluateResult(
        metric=chosen,
        value=subject.value(chosen, outputs),
        samples=len(subject.inputs),
        target=target,
        stored_bits=_stored_bits(subject),
        outputs=outputs,
        answers=answers_of(chosen, outputs, subject.real, subject.dataset),
        details=details(chosen, outputs, floats, subject.dataset),
        classes=by_class(chosen, outputs, floats, subject.dataset, classes),
        worst=tuple(worst(chosen, outputs, subject.dataset, subject.real)),
        output=subject.output if len(subject.interface.outputs) > 1 else None,
        float_value=float_value,
        agreement=_agreement(place, run, reference),
        runtime=place.runtime if place.on_board else None,
        dropped_rows=run.dropped_rows,
        program_sha256=subject.identity.program,
        model_sha256=subject.identity.model,
        data_sha256=subject.data_sha256,
        **(run.measured or {}),
    )
    return _recorded(subject.out, Path(data).name, replace(result, notes=(*subject.notes(), *result.notes)))


def _stored_bits(subject: Subject) -> float:
    if subject.program is not None:
        return stored_bits(read(subject.program))
    assert subject.mixed is not None
    return float(subject.mixed["stored_bits"])


def _agreement(target: Target, run: Run, reference: Run | None) -> tuple[int, int] | None:
    """Samples whose bytes are the host's, of how many."""
    if reference is None or target.kind == "host":
        return None
    return int(np.all(run.outputs == reference.outputs, axis=1).sum()), len(run.outputs)


def _recorded(out: Path, data: str, result: EvaluateResult) -> EvaluateResult:
    """The result, once the report in `out` shows it too; with a note where it does not."""
    entry = {key: value for key, value in result.to_json().items() if key not in ("answers", "classes", "worst")}
    why = record(out, "evaluations", {**entry, "data": data})
    return replace(result, notes=(*result.notes, f"the report was left as it is: {why}")) if why else result
