"""dqa boards: the boards firmware can be built for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dqa.cli.common import output_options, table, talk, write_json

if TYPE_CHECKING:
    from dqa.device.boards import Board


@click.command()
@output_options
def boards(quiet: bool, json_path: Path | None) -> None:
    """List the boards, simulated and real."""
    from dqa.device.boards import list_boards

    known = list_boards()
    write_json([_entry(board) for board in known], json_path)
    if talk(quiet, json_path):
        columns = ["board", "title", "core", "MHz", "flash, bytes", "RAM, bytes", "kind", "start-up and drivers"]
        table("", columns, [_row(board) for board in known])
        for board in known:
            if board.note:
                print(f"{board.name}: {board.note}")


def _row(board: Board) -> list[str]:
    from dqa.device.boards import PROOFS

    ram = " + ".join(f"{bank.size:,}" for bank in board.banks)
    kind = "simulated" if board.simulated else "real"
    return [board.name, board.title, board.core, f"{board.clock_hz / 1e6:g}", f"{board.flash.size:,}", ram, kind, PROOFS[board.proven]]


def _entry(board: Board) -> dict[str, object]:
    return {
        "name": board.name,
        "title": board.title,
        "core": board.core,
        "clock_hz": board.clock_hz,
        "flash": board.flash.size,
        "ram": board.ram_size,
        "banks": [{"origin": bank.origin, "size": bank.size, "arena": bank == board.arena} for bank in board.banks],
        "simulated": board.simulated,
        "proven": board.proven,
        "note": board.note,
    }
