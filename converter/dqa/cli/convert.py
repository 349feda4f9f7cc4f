"""dqa convert: a Keras model becomes a DQA program, as .tflite, C sources and a firmware project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from dqa.cli.common import output_options, progress, talk, write_json
from dqa.config import CODINGS, MAX_BITS, MAX_EXTRA_BITS, METHODS, METRICS, ConvertConfig, numbers

DEFAULTS = ConvertConfig()


class Numbers(click.ParamType):
    """One number, or one per channel with commas; 1/255 is a number."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        return numbers(param.name or "" if param else "", value)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calibration", type=click.Path(path_type=Path), metavar="X.npz", help="Samples of what the model will see, array `x`.")
@click.option("--method", type=click.Choice(METHODS), default=DEFAULTS.method, show_default=True, help="dqa: codes and shifting errors; direct: codes.")
@click.option("--bits", type=click.IntRange(1, MAX_BITS), default=DEFAULTS.bits, show_default=True, help="Bits of a code.")
@click.option("--extra-bits", type=click.IntRange(0, MAX_EXTRA_BITS), default=DEFAULTS.extra_bits, show_default=True, help="Bits of a shifting error.")
@click.option("--important", type=click.FloatRange(0, 1), default=DEFAULTS.important, show_default=True, help="Share of channels that keep errors.")
@click.option("--error-coding", type=click.Choice(CODINGS), default=DEFAULTS.error_coding, show_default=True, help="How the errors are written.")
@click.option("--input-scale", type=Numbers(), default=DEFAULTS.input_scale, show_default=True, help="S: the model's input is (x - Z) * S.")
@click.option("--input-zero-point", type=Numbers(), default=DEFAULTS.input_zero_point, show_default=True, help="Z: one number, or one per channel.")
@click.option("--calibration-samples", type=click.IntRange(1), default=DEFAULTS.calibration_samples, show_default=True, help="Samples to use at most.")
@click.option("--ranking", default=DEFAULTS.ranking, show_default=True, help="What makes a channel important.")
@click.option("--seed", type=click.IntRange(0), default=DEFAULTS.seed, show_default=True, help="Of every random choice.")
@click.option("--metric", type=click.Choice(METRICS), help="Of `dqa evaluate`.  [default: by the kind of task]")
@click.option("--recipe", type=click.Path(path_type=Path), metavar="recipe.yaml", help="Settings of a conversion; options given as well go before it.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=None, metavar="OUT", help="Directory to write.  [default: out/MODEL]")
@output_options
@click.pass_context
def convert(
    context: click.Context,
    model: Path,
    calibration: Path | None,
    recipe: Path | None,
    out: Path | None,
    quiet: bool,
    json_path: Path | None,
    **settings: object,
) -> None:
    """Convert MODEL: a Keras .h5 or .keras file, a SavedModel directory or a float .tflite.

    Writes model.tflite, recipe.yaml, report.json, the C sources and the firmware project to OUT.
    """
    from dqa import api

    out = out or Path("out") / (model.stem or "model")
    result = api.convert(model, calibration, out, _config(context, recipe, settings), recipe=recipe, progress=progress(quiet))
    write_json(result.report, json_path)
    if talk(quiet, json_path):
        print(f"wrote {result.out}")
        print(f"next: dqa evaluate {result.out} --data TEST.npz")


def _config(context: click.Context, recipe: Path | None, settings: dict[str, object]) -> ConvertConfig:
    """The options; with a recipe, its settings, replaced by the options that were given."""
    if recipe is None:
        return ConvertConfig(**settings)  # type: ignore[arg-type]
    from dqa import recipe as recipes

    given = {name: value for name, value in settings.items() if context.get_parameter_source(name) != ParameterSource.DEFAULT}
    return replace(recipes.load(recipe).config, **given)  # type: ignore[arg-type]
