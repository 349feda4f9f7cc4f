"""dqa convert: a Keras model becomes a DQA program, as .tflite, C sources and a firmware project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from dqa.cli.common import F, metric_option, output_options, progress, talk, warn, write_json
from dqa.errors import RecipeError
from dqa.support.limits import MAX_EXTRA_BITS
from dqa.support.manifest import listed
from dqa.support.settings import (
    CODINGS,
    DEFAULTS,
    MAPS,
    MAX_BITS,
    MAX_TOLERANCE,
    METHODS,
    OPTIMIZE,
    RANKINGS,
    RENAMED,
    ROUNDINGS,
    RUNTIMES,
    ConvertConfig,
    numbers,
    numbers_by_input,
    ram_budget,
    refuse_renamed,
)


def _setting(name: str, **attributes: Any) -> Callable[[F], F]:
    """An option for a field of ConvertConfig, with its default; one that may have no effect is None unless it is given."""
    field = name.removeprefix("--").replace("-", "_")
    if field in DEFAULTS:
        return click.option(name, **attributes | {"help": f"{attributes['help']}  [default: {DEFAULTS[field]}]"})
    return click.option(name, default=getattr(ConvertConfig, field), show_default=True, **attributes)


def _renamed(function: F) -> F:
    """Options under the names they had before: each is refused with its present one."""

    def refuse(_context: click.Context, parameter: click.Parameter, given: str | None) -> None:
        if given is not None:
            refuse_renamed([parameter.name or ""], written=_option)

    for name in RENAMED:
        once = click.option(_option(name), is_flag=False, flag_value="", expose_value=False, hidden=True, callback=refuse)
        function = once(function)
    return function


def _option(name: str) -> str:
    """How a setting is written as an option."""
    return "--" + name.replace("_", "-")


def _numbers(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> object:
    """One number, or one per channel with commas; 1/255 is a number. Of several inputs NAME=NUMBERS of each, or their numbers in order."""
    name = parameter.name or ""
    named = [value.rpartition("=") for value in values]
    if len(values) == 1 and not named[0][1]:
        return numbers(name, values[0])
    if any(sign for _, sign, _ in named) and not all(sign for _, sign, _ in named):
        raise RecipeError(f"{_option(name)}: some have a name, some not", hint="write NAME=NUMBER for each input, or none")
    given = [(key if sign else f"x{place}", value) for place, (key, sign, value) in enumerate(named)]
    if len(dict(given)) < len(given):
        raise RecipeError(f"{_option(name)}: names an input twice", hint="write NAME=NUMBER once for each input")
    return numbers_by_input(name, dict(given))


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calibration", type=click.Path(path_type=Path), metavar="X.npz", help="Samples of what the model will see, array `x`.")
@_setting("--maps", type=click.Choice(MAPS), help="How maps are stored: entropy-coded, or as planes of fixed width.")
@_setting(
    "--bits", type=click.FloatRange(1, MAX_BITS), metavar="N", help="Stored bits per value on average; planes: of a code. Not with --ram."
)
@_setting("--method", type=click.Choice(METHODS), help="Planes or --ram: dqa, codes and shifting errors; direct, codes alone.")
@_setting("--extra-bits", type=click.IntRange(0, MAX_EXTRA_BITS), metavar="M", help="Planes: bits of a shifting error of method dqa.")
@_setting("--important", type=click.FloatRange(0, 1), metavar="R", help="Of method dqa: share of the channels that keep their errors.")
@_setting("--error-coding", type=click.Choice(CODINGS), help="Of method dqa: how the errors are written.")
@_setting("--weight-rounding", type=click.Choice(ROUNDINGS), help="Whether the errors of weights make up for each other.")
@_setting("--weight-bits", type=int, metavar="4|8", help="Bits of a weight of a convolution or dense layer.")
@click.option("--bias-correction/--no-bias-correction", default=False, show_default=True, help="Take the mean of errors out of the biases.")
@_setting("--optimize", type=click.Choice(OPTIMIZE), help="What fast kernels may cost in RAM: a ninth, nothing, or what they take.")
@click.option("--keep-dead", is_flag=True, help="Leave channels in that cannot matter, whatever comes in.")
@click.option(
    "--input-scale",
    multiple=True,
    default=["1.0"],
    show_default="1.0",
    metavar="S",
    callback=_numbers,
    help="The model's input is (x - Z) * S; a number, or one per channel; of several inputs NAME=S of each.",
)
@click.option(
    "--input-zero-point", multiple=True, default=["0.0"], show_default="0.0", metavar="Z", callback=_numbers, help="As --input-scale."
)
@_setting("--calibration-samples", type=click.IntRange(1), metavar="N", help="Samples to use at most.")
@_setting("--ranking", metavar="NAME", help=f"Of method dqa, what makes a channel important: {', '.join(RANKINGS)}, or of a package.")
@_setting("--seed", type=click.IntRange(0), metavar="N", help="Of --ranking random.")
@click.option(
    "--ram",
    metavar="SIZE",
    callback=lambda _c, _p, value: ram_budget(value),
    help="RAM for activations, e.g. 16k, or auto, the default without --bits.",
)
@_setting("--runtime", type=click.Choice(RUNTIMES), help="What --ram is of: the program's arena, or that of TensorFlow Lite Micro.")
@_setting("--tolerance", type=click.FloatRange(0, MAX_TOLERANCE), metavar="DB", help="What answers may lose to those of 8 bits everywhere.")
@click.option("--validation", type=click.Path(path_type=Path), metavar="X.npz", help="Measure on these.  [default: some of --calibration]")
@click.option("--require-agreement", type=click.FloatRange(0, 1), metavar="A", help="Write nothing below this share of float's answers.")
@click.option("--require-metric", type=float, metavar="M", help="Write nothing where the metric is worse.")
@click.option("--continuous", is_flag=True, help="The rows of the input never end: an answer for each window.")
@click.option("--push-rows", is_flag=True, help="The caller hands over the input row by row.")
@metric_option
@click.option("--recipe", type=click.Path(path_type=Path), metavar="recipe.yaml", help="Settings and decisions, instead of options.")
@click.option(
    "--name", default="model", show_default=True, metavar="NAME", help="Of the C: NAME.h, NAME_run; several live in one firmware."
)
@_renamed
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="OUT", help="Directory to write.  [default: out/MODEL]")
@output_options
@click.pass_context
def convert(
    context: click.Context,
    /,
    model: Path,
    calibration: Path | None,
    recipe: Path | None,
    validation: Path | None,
    require_agreement: float | None,
    require_metric: float | None,
    name: str,
    out: Path | None,
    quiet: bool,
    json_path: Path | None,
    **settings: object,
) -> None:
    """Convert MODEL: a Keras .h5 or .keras file, a SavedModel directory or a .tflite.

    Writes model.tflite, recipe.yaml, report.json, the C sources and the firmware project to OUT.
    """
    from dqa import api
    from dqa.cli.measured import print_summary
    from dqa.conversion.measured import Required

    out = out or Path("out") / (model.stem or "model")
    result = api.convert(
        model,
        calibration,
        out,
        _config(context, recipe, settings),
        recipe=recipe,
        validation=validation,
        required=Required(require_agreement, require_metric),
        name=name,
        progress=progress(quiet),
    )
    write_json(result.report, json_path)
    warn([f"not dqa's, left alone in '{result.out}': {listed(result.kept)}"] if result.kept else [])
    warn(result.notes)
    if talk(quiet, json_path):
        print_summary(result.report)
        print(f"wrote {result.out}; the report: {result.out / 'report.html'}")
        print(f"next: dqa evaluate {result.out} --data TEST.npz")


def _config(context: click.Context, recipe: Path | None, settings: dict[str, object]) -> ConvertConfig | None:
    """The options as settings; None with a recipe, whose own settings hold."""
    if recipe is None:
        return ConvertConfig(**settings)  # type: ignore[arg-type]
    given = [name for name in settings if context.get_parameter_source(name) != ParameterSource.DEFAULT]
    if given:
        options = ", ".join(map(_option, given))
        raise RecipeError(f"{options}: not with --recipe, whose settings hold", hint=f"edit the config section of '{recipe}' instead")
    return None
