"""dqa analyze: what a model takes, layer by layer, before there is any data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dqa.cli.common import output_options, progress, table, talk, write_json
from dqa.support.settings import ram_budget

if TYPE_CHECKING:
    from dqa.api import Analysis


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--board", metavar="BOARD", help="Whether it fits this one of `dqa boards`.  [default: all]")
@click.option(
    "--ram", metavar="SIZE", callback=lambda _c, _p, value: ram_budget(value), help="RAM for activations to keep within, e.g. 16k."
)
@output_options
def analyze(model: Path, board: str | None, ram: int | str | None, quiet: bool, json_path: Path | None) -> int:
    """Say what MODEL takes, without data: layers, RAM, flash, boards. Exit code 1: not what --board and --ram ask for."""
    from dqa import api

    found = api.analyze(model, board, ram, progress=progress(quiet))
    write_json(found.to_json(), json_path)
    if talk(quiet, json_path):
        _print(found)
    return 0 if found.met else 1


def _print(found: Analysis) -> None:
    columns = ["layer", "operator", "output", "MACs", "weights", "activations, bytes", "DQA runs it"]
    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(map(str, layer.shape)),
            "" if layer.macs is None else f"{layer.macs:,}",
            f"{layer.weights:,}",
            f"{layer.activations:,}",
            layer.why_not or "yes",
        ]
        for layer in found.layers
    ]
    rows.append(["all", "", "", f"{found.macs:,}", f"{found.weights:,}", "", "yes" if found.supported else "no"])
    table(found.source, columns, rows)
    if (dead := found.dead_channels) is not None:
        print(f"left out: {dead.channels:,} channels that cannot matter, whatever comes in; with them {dead.weights:,} weights")
    table("estimated, bytes", ["", ""], _sizes(found))
    for simulated, kind in ((False, "boards"), (True, "simulated boards")):
        asked = [one for one in found.boards if one.simulated is simulated]
        names = [one.board + (" (4-bit weights)" if one.weight_bits == 4 else "") for one in asked if one.fits]
        if asked:
            print(f"{kind} that it fits: {', '.join(names) or 'none'}")
    for step in found.next:
        print(f"next: {step}")


def _sizes(found: Analysis) -> list[list[str]]:
    ram, flash = found.ram, found.flash
    rows = []
    if ram is not None:
        rows += [["RAM, least: rows flow", f"{ram.least:,}"]]
        rows += [["RAM, least, input rows pushed", f"{ram.pushed:,}"]] if ram.pushed is not None else []
        rows += [["RAM, least, every map stored", f"{ram.stored:,}"], ["RAM, every map stored in 8 bits", f"{ram.int8:,}"]]
    rows += [["flash, model", f"{flash.model:,}"], ["flash, model, 4-bit weights", f"{flash.model4:,}"], ["flash, code", f"{flash.code:,}"]]
    return rows
