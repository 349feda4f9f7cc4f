"""dqa evaluate: the accuracy of a converted model on this machine, in TensorFlow Lite Micro, or on a board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from dqa.cli.common import out_argument, output_options, progress, runtime_options, table, talk, warn, write_json
from dqa.support.settings import METRICS


@click.command()
@out_argument
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="X.npz", help="Samples `x`, answers `y`, clips `group`.")
@click.option("--target", default="host", metavar="TARGET", help="host, tflm-host, sim:BOARD, renode:BOARD, serial:PORT.  [default: host]")
@runtime_options
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use the first N samples.")
@click.option("--metric", type=click.Choice(METRICS), help="Of the answers.  [default: by the kind of task]")
@click.option("--output", metavar="NAME", help="The output whose answers `y` holds, of a model with several.  [default: the first]")
@output_options
def evaluate(
    out: Path,
    data: Path,
    target: str,
    runtime: str | None,
    tflm: Path | None,
    limit: int | None,
    metric: str | None,
    output: str | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Evaluate OUT, a directory of `dqa convert`, and compare every answer with this machine's."""
    from dqa import api

    found = api.evaluate(out, data, target, limit, metric, runtime=runtime, tflm=tflm, output=output, progress=progress(quiet))
    result = found.to_json()
    write_json(result, json_path)
    warn(found.notes)
    if talk(quiet, json_path):
        table(f"{out} on {target}", ["", ""], [[name, value] for name, value in rows(result) if not name.endswith("sha256")])


def rows(result: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The result as lines of a table; long lists (per-sample answers) are left to --json."""
    for name, value in result.items():
        title = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            if set(value) == {"equal", "of"}:
                yield title, f"{value['equal']} of {value['of']} equal"
            else:
                yield from rows(value, f"{title} ")
        elif isinstance(value, bool) or value is None:
            yield title, str(value)
        elif isinstance(value, int):
            yield title, f"{value:,}"
        elif isinstance(value, float):
            yield title, f"{value:.4f}"
        elif isinstance(value, str):
            yield title, value
