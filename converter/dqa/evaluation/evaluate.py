"""dqa.evaluate: runs a converted model over data on the host, in TFLM, on a simulated board or on a real one, and measures it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.calibration import float_outputs
from dqa.data.given import Samples, Source, source
from dqa.errors import InputError, ProgramError
from dqa.evaluation import subject as subjects
from dqa.evaluation import targets
from dqa.evaluation.as_stream import stream_notes
from dqa.evaluation.heads import labels_of
from dqa.evaluation.result import EvaluateResult, OutputResult, measured
from dqa.evaluation.subject import Subject
from dqa.evaluation.targets import Run, Target
from dqa.frontend import load_model
from dqa.program import read
from dqa.report import program_sha256, record, stored_bits
from dqa.support.progress import Progress, SilentProgress
from dqa.support.settings import MetricByOutput

__all__ = ["EvaluateResult", "OutputResult", "evaluate"]


def evaluate(
    out: str | os.PathLike[str],
    data: Samples | Source,
    target: str = "host",
    limit: int | None = None,
    metric: str | MetricByOutput | None = None,
    *,
    runtime: str | None = None,
    tflm: Path | None = None,
    output: str | None = None,
    classes: Sequence[str] | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> EvaluateResult:
    """Evaluates OUT on samples and brings the report in OUT up to date with the result.

    data: an .npz, or (x, y) and what else dqa.data.given takes.
    target: "host", "tflm-host", "sim:BOARD", "renode:BOARD" or "serial:PORT". limit: the first so many samples. metric: top1, auc, miou,
    mse, such of each output by its name, or None for the model's own or the task's usual one. runtime: of a board's firmware, "standalone"
    (None: this) or "tflm"; tflm: see dqa.device.build, for simulated boards, whose firmware is built here.
    classes: names of the classes in the order of the model's outputs; None: those of the .npz.
    output: of a model with several, the name of the one that is measured; without it those that have labels of their own in the .npz
    (y0, y1, ... or under their names), or the first, whose labels `y` holds.
    Raises InputError, DataError, RecipeError (options of which one has no effect), ProgramError, BoardError, ToolError.
    """
    progress = progress or SilentProgress()
    if limit is not None and limit < 1:
        raise InputError(f"limit: expected at least 1, got {limit}")
    place = targets.parse(target, runtime, tflm)
    samples = source(data, "data")
    subject = subjects.load(Path(out), samples, output, metric, limit)
    targets.check(place, subject)
    if classes is not None and len(subject.heads) > 1:
        raise InputError("classes: of which output?", hint="name one with output, or list them in the data: classes0, classes1")
    # The float model first: labels that do not fit are refused before a board works for minutes.
    with progress.task("Float model", None):
        network = load_model(subject.out / "float.tflite")
        floats = [float_outputs(network, subject.real, output=head.place) for head in subject.heads]
    for head, answers in zip(subject.heads, floats, strict=True):
        with labels_of(subject.interface.output_names, head.place, subject.dataset):
            measured(head, answers, answers, subject, classes)  # refuses labels, and names of classes, that do not fit
    reference = targets.on_host(place, subject, jobs, progress)
    run = reference if place.kind == "host" and reference is not None else targets.on_target(place, subject, jobs, progress)
    if program_sha256(subject.out) != subject.identity.program:
        raise ProgramError(f"'{out}' was converted again while it was evaluated", hint="evaluate it again")
    found = [
        measured(head, subject.interface.answers(run.outputs, head.place), answers, subject, classes)
        for head, answers in zip(subject.heads, floats, strict=True)
    ]
    streamed = [] if subject.program is None or reference is None else stream_notes(subject.program, subject.inputs, reference.outputs)
    result = EvaluateResult(
        **vars(found[0]),
        by_output={head.name: one for head, one in zip(subject.heads, found, strict=True)} if len(found) > 1 else {},
        samples=len(subject.inputs),
        target=target,
        stored_bits=_stored_bits(subject),
        agreement=_agreement(place, run, reference),
        runtime=place.runtime if place.on_board else None,
        dropped_rows=run.dropped_rows,
        program_sha256=subject.identity.program,
        model_sha256=subject.identity.model,
        data_sha256=subject.data_sha256,
        **(run.measured or {}),
    )
    return _recorded(subject.out, samples.name, replace(result, notes=(*subject.notes(), *streamed, *result.notes)))


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
    entry = _figures(result.to_json())
    if result.by_output:
        entry["outputs"] = [_figures(one.of_one()) for one in result.by_output.values()]
    why = record(out, "evaluations", {**entry, "data": data})
    return replace(result, notes=(*result.notes, f"the report was left as it is: {why}")) if why else result


def _figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a report shows of a result."""
    return {key: value for key, value in result.items() if key != "answers"}
