"""dqa evaluate: the accuracy of a converted model on this machine, in TensorFlow Lite Micro, or on a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dqa.cli.common import (
    STDOUT,
    check_place,
    metric_option,
    out_argument,
    output_options,
    progress,
    runtime_options,
    talk,
    warn,
    write_json,
)
from dqa.cli.junit import Check, junit
from dqa.errors import InputError, UnmetError
from dqa.support.files import write_atomically
from dqa.support.settings import MetricByOutput

if TYPE_CHECKING:
    from dqa.api import EvaluateResult


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",")]


@click.command()
@out_argument
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="X.npz", help="Samples `x`, labels `y`, clips `group`.")
@click.option("--target", default="host", metavar="TARGET", help="host, tflm-host, sim:BOARD, renode:BOARD, serial:PORT.  [default: host]")
@runtime_options
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use the first N samples.")
@metric_option
@click.option(
    "--output", metavar="NAME", help="Of several outputs the one to measure.  [default: those with labels y0, y1, ..., or the first]"
)
@click.option("--classes", metavar="A,B,C", callback=_names, help="Names of the classes.  [default: `class_names` of the data]")
@click.option("--min-accuracy", type=click.FloatRange(0, 1), metavar="A", help="Exit code 1 where the metric is lower.")
@click.option("--min-agreement", type=click.FloatRange(0, 1), metavar="S", help="Exit code 1 where fewer answers are the host's.")
@click.option(
    "--junit", "junit_path", type=click.Path(path_type=Path), metavar="FILE", help="Write what was asked for as JUnit XML, for CI."
)
@output_options
def evaluate(
    out: Path,
    data: Path,
    target: str,
    runtime: str | None,
    tflm: Path | None,
    limit: int | None,
    metric: str | MetricByOutput | None,
    output: str | None,
    classes: list[str] | None,
    min_accuracy: float | None,
    min_agreement: float | None,
    junit_path: Path | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Evaluate OUT, a directory of `dqa convert`, and compare every answer with this machine's."""
    from dqa import api
    from dqa.cli.evaluated import print_evaluated

    if min_agreement is not None and target == "host":
        raise InputError("--min-agreement: the host's answers are its own", hint="name another --target")
    if metric == "mse" and min_accuracy is not None:
        raise _no_accuracy("metric mse")
    if junit_path is not None:
        check_place("--junit", junit_path, [out, data, *([json_path] if json_path else [])])
    found = api.evaluate(
        out, data, target, limit, metric, runtime=runtime, tflm=tflm, output=output, classes=classes, progress=progress(quiet)
    )
    if min_accuracy is not None and (error := next((one for one in found.each if one.metric == "mse"), None)):
        raise _no_accuracy("metric mse" if len(found.each) == 1 else f"metric mse, that of '{error.output}',")
    checks = _checks(found, min_accuracy, min_agreement)
    write_json(found.to_json(), json_path)
    if junit_path is not None:
        kept = ("dqa", "program_sha256", "data_sha256", "metric", "value", "float_value", "samples", "target")
        content = junit(f"dqa evaluate {out} --target {target}", checks, {k: v for k, v in found.to_json().items() if k in kept})
        write_atomically(junit_path, content)
    warn(found.notes)
    if talk(quiet, json_path):
        print_evaluated(found, f"{out} on {target}")
    elif quiet and json_path != STDOUT and found.value is not None:
        print("\n".join("" if one.value is None else f"{one.value:.6g}" for one in found.each))
    if failures := [check.failure for check in checks if check.failure]:
        raise UnmetError("; ".join(failures))


def _checks(found: EvaluateResult, accuracy: float | None, agreement: float | None) -> list[Check]:
    checks = []
    if accuracy is not None:
        several = len(found.each) > 1
        checks = [Check(f"{one.output}: {one.metric}" if several else one.metric, one.value, accuracy) for one in found.each]
    if agreement is not None:
        equal = found.agreement
        checks.append(Check("agreement with the host", equal[0] / equal[1] if equal else None, agreement))
    return checks


def _no_accuracy(what: str) -> InputError:
    return InputError(f"--min-accuracy: of the {what} less is better", hint="leave it out, or name another --metric or --output")
