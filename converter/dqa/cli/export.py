"""dqa export: the C of converted models as a folder that builds by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from dqa.cli.common import output_options, table, talk, warn, write_json
from dqa.support.manifest import listed
from dqa.support.settings import FORMS
from dqa.support.version import __version__


@click.command()
@click.argument("outs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="OUT...")
@click.option("--as", "form", type=click.Choice(FORMS), required=True, help="Whose folder it is; zip: plain sources.")
@click.option("-o", "--out", "place", type=click.Path(path_type=Path), metavar="DIR", help="Or FILE.zip.  [default: out/dqa_NAME-FORM]")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Of the C of each OUT, in order.  [default: that of its conversion]")
@click.option("--all-operators", is_flag=True, help="Also those that no model uses, for models that come later as data.")
@output_options
def export(
    outs: tuple[Path, ...],
    form: str,
    place: Path | None,
    names: tuple[str, ...],
    all_operators: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Export the C of OUT, a directory of `dqa convert`, as a folder that builds by itself; several OUT share one arena."""
    from dqa.export.export import export as write

    result = write(outs, form, place, names, all_operators)
    models = [
        {
            "name": model.name,
            "program_sha256": hashlib.sha256(model.data).hexdigest(),
            "arena": model.arena,
            "flash": len(model.data),
            "rows_pushed": model.pushed,
            "self_test_crc32": model.answer.removesuffix("u"),
        }
        for model in result.models
    ]
    data = {"dqa": __version__, "form": form, "place": str(result.place), "library": result.library, "models": models}
    write_json({**data, "arena": result.arena, "files": list(result.files)}, json_path)
    warn([f"not dqa's, left alone in '{result.place}': {listed(result.kept)}"] if result.kept else [])
    if talk(quiet, json_path):
        rows = [[model.name, f"{model.arena:,}", f"{len(model.data):,}"] for model in result.models]
        if len(models) > 1:
            rows.append(["all, one arena", f"{result.arena:,}", f"{sum(len(model.data) for model in result.models):,}"])
        table("", ["model", "RAM: arena, bytes", "flash: model, bytes"], rows)
        print(f"wrote {result.place}; its README.md says how it is used")
