"""Plans that must fit a board, stack included.

    python benchmarks/boards.py [--sim 50] [-o out/benchmarks]

resnet32: end to end on netduinoplus2 (128 KiB of RAM, 1 MiB of flash). vww: linked into the memory map of nucleo_f446re (128 KiB of RAM) by
the compiler alone, without PlatformIO's packages; nothing is run there. kws: 16 KiB for all RAM of the firmware, stack included, on
mps2_an386. Writes boards.json and boards.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common import Row, convert, equal, evaluate, figure, main, table

from dqa.device import bare
from dqa.device.boards import load_board


@dataclass(frozen=True)
class Case:
    """ram: bytes for the planner. limit: of all RAM, 0: the board's. run: whether the board can be simulated."""

    board: str
    ram: int
    limit: int = 0
    run: bool = True


CASES = {
    "resnet32": Case("netduinoplus2", 24_000),
    "vww": Case("nucleo_f446re", 46_900, run=False),
    "kws": Case("mps2_an386", 6_900, limit=16 << 10),
}


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    case = CASES[name]
    out = work / f"{name}-{case.board}"
    convert(name, work, out, ram=case.ram)
    built = bare.build(out, case.board)
    board = load_board(case.board)
    row: Row = {"model": name, "board": case.board, "map": str(built.map_file), "ram": board.ram.size, "flash": board.flash.size}
    row |= {"limit": case.limit or board.ram.size, "built": built.figures(), "host": evaluate(name, work, out)}
    return {**row, "run": evaluate(name, work, out, f"sim:{case.board}", options.sim)} if case.run else row


def markdown(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        built, stack = row["built"], figure(row.get("run", {}), "ram", "stack")
        needed = built["ram"]["static"] + max(stack or 0, built["ram"]["stack_bound"])
        fits = f"{needed:,} of {row['limit']:,}: {'fits' if needed <= row['limit'] else 'does not fit'}"
        flash = sum(built["flash"].values())
        cells.append([row["model"], row["board"], built["ram"]["model"], built["ram"]["static"], stack, built["ram"]["stack_bound"], fits])
        cells[-1] += [f"{flash:,} of {row['flash']:,}", row["host"]["float_value"], row["host"]["value"], equal(row.get("run", {}))]
    head = ("model", "board", "RAM of the model", "static RAM", "stack, measured", "predicted", "RAM in all", "flash", "float", "host")
    return "\n".join(["# Plans that fit a board", "", *table((*head, "equal to the host"), cells), ""])


if __name__ == "__main__":
    main("boards", __doc__, list(CASES), run, markdown, sim=(50, "samples on a simulated board"))
