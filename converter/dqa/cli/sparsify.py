"""dqa sparsify: a Keras model fine-tuned so that more of its activations are 0."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dqa.cli.common import output_options, progress, table, talk, write_json


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="X.npz", help="Samples `x` to train with, answers `y`.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT.keras", help="File to write.")
@click.option("--l1", type=float, metavar="L", help="Weight of the penalty: what it adds to the loss at the start.  [default: 1]")
@click.option("--epochs", type=int, metavar="N", help="Passes over the data.  [default: 5]")
@click.option("--lr", type=float, metavar="R", help="Learning rate of Adam, falling to 0.  [default: 0.0003]")
@click.option("--batch", type=int, metavar="N", help="Samples of a step.  [default: 64]")
@click.option("--held-out", type=float, metavar="S", help="Share of the samples that only measures.  [default: 0.1]")
@click.option("--seed", type=int, metavar="N", help="Of every random choice.  [default: 0]")
@click.option("--input-scale", metavar="S", help="The model's input is (x - Z) * S; a number, or one per channel.  [default: 1]")
@click.option("--input-zero-point", metavar="Z", help="A number, or one per channel.  [default: 0]")
@output_options
def sparsify(model: Path, data: Path, out: Path, quiet: bool, json_path: Path | None, **settings: Any) -> None:
    """Fine-tune MODEL, a Keras .h5 or .keras file, with an L1 penalty on its activation maps.

    More activations become 0, so that their maps take fewer bits; what it costs is measured on samples held out.
    """
    from dqa import sparsify as package

    config = package.SparsifyConfig(**{name: value for name, value in settings.items() if value is not None})
    result = package.sparsify(model, data, out, config, progress=progress(quiet))
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
