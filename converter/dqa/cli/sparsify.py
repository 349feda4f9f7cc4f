"""dqa sparsify: a Keras model fine-tuned so that more of its activations are 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from dqa.cli.common import F, output_options, progress, table, talk, write_json
from dqa.sparsify import SparsifyConfig

DEFAULTS = SparsifyConfig()


def _setting(name: str, metavar: str, text: str) -> Callable[[F], F]:
    """An option for a field of SparsifyConfig, which checks it, with its default."""
    default = getattr(DEFAULTS, name.removeprefix("--").replace("-", "_"))
    kind = str if name.startswith("--input") else type(default)  # 1/255 is a number
    return click.option(name, type=kind, default=default, show_default=True, metavar=metavar, help=text)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="X.npz", help="Samples `x` to train with, answers `y`.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT.keras", help="File to write.")
@_setting("--l1", "L", "Weight of the penalty: what it adds to the loss at the start.")
@_setting("--epochs", "N", "Passes over the data.")
@_setting("--lr", "R", "Learning rate of Adam, falling to 0.")
@_setting("--batch", "N", "Samples of a step.")
@_setting("--held-out", "S", "Share of the samples that only measures.")
@_setting("--seed", "N", "Of every random choice.")
@_setting("--input-scale", "S", "The model's input is (x - Z) * S; a number, or one per channel.")
@_setting("--input-zero-point", "Z", "A number, or one per channel.")
@output_options
def sparsify(model: Path, data: Path, out: Path, quiet: bool, json_path: Path | None, **settings: Any) -> None:
    """Fine-tune MODEL, a Keras .h5 or .keras file, with an L1 penalty on its activation maps.

    More activations become 0, so that their maps take fewer bits; what it costs is measured on samples held out.
    """
    from dqa.sparsify import sparsify as run

    result = run(model, data, out, SparsifyConfig(**settings), progress=progress(quiet))
    write_json(result.report, json_path)
    if talk(quiet, json_path):
        title = f"{result.out}, on {result.report['held_out_samples']} samples held out"
        table(title, ["", "before", "after"], rows(result.report))
        print(f"next: dqa convert {result.out} --calibration X.npz")


def rows(report: Mapping[str, Any]) -> list[list[str]]:
    """Metric, zeros, and zeros by map, before and after."""
    before, after = report["before"], report["after"]
    lines = [[report["metric"], f"{before['value']:.4f}", f"{after['value']:.4f}"]]
    lines.append(["zeros", f"{before['zeros']:.1%}", f"{after['zeros']:.1%}"])
    return lines + [[f"zeros of {name}", f"{share:.1%}", f"{after['maps'][name]:.1%}"] for name, share in before["maps"].items()]
