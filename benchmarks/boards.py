"""What of each board's flash and RAM firmware takes, and that simulated boards answer as the host does.

    python benchmarks/boards.py [--models ic,kws,vww,resnet32] [--sim 5] [-o out/benchmarks]

Each model is converted once, planned within a RAM budget, and linked for every board of the table by the compiler alone: nothing is
downloaded. On simulated boards on which it fits, --sim samples run (0: none), and the first one's instructions are counted. Writes
boards.json and boards.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import Row, convert, main, table
from models import MODELS

from dqa.data import dataset as datasets
from dqa.device import bare, evaluate
from dqa.device.boards import PROOFS, Board, list_boards
from dqa.device.built import BuildResult
from dqa.engine.host import HostModel
from dqa.errors import BoardError
from dqa.evaluation.subject import model_inputs
from dqa.report import load_interface

BUDGETS = {"ic": 16_000, "kws": 6_900, "vww": 46_900, "resnet32": 24_000}
"""Bytes of RAM for the planner: so much that accuracy stays (docs/planning.md)."""


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    out = work / f"{name}-boards"
    convert(name, work, out, ram=BUDGETS[name])
    return {"model": name, "budget": BUDGETS[name], "boards": [_on(board, out, name, work, options.sim) for board in list_boards()]}


def _on(board: Board, out: Path, name: str, work: Path, samples: int) -> Row:
    row: Row = {"board": board.name, "core": board.core, "proven": board.proven, "flash": board.flash.size, "ram": board.ram_size}
    try:
        built = bare.build(out, board.name)
    except BoardError as error:
        return row | {"refused": error.message}
    row |= {"built": built.figures(), "image": built.elf.with_suffix(".bin").stat().st_size}
    return row | (_answers(board, built, out, name, work, samples) if board.simulated and samples else {})


def _answers(board: Board, built: BuildResult, out: Path, name: str, work: Path, samples: int) -> Row:
    """How many of the samples the board answers as the host does, and what it measured."""
    data = datasets.load(MODELS[name].data(work / "data")[1]).take(samples)
    inputs = model_inputs(load_interface(out), data)[1]
    expected = HostModel((out / "model.dqa").read_bytes()).run(inputs).outputs
    found = evaluate.run_simulated(board, out, built, inputs)
    equal = int(np.all(found.outputs.view(np.int8) == expected, axis=1).sum())
    return {"equal": equal, "of": len(inputs), "instructions": found.instructions, "stack": found.stack}


def markdown(rows: list[Row]) -> str:
    lines = ["# Firmware on every board", ""]
    head = ("board", "core", "flash", "of", "RAM, stack included", "of", "equal to the host", "instructions", "board's code")
    for row in rows:
        lines += [f"## {row['model']}, planned within {row['budget']:,} bytes", "", *table(head, [_cells(on) for on in row["boards"]]), ""]
    return "\n".join(lines)


def _cells(on: Row) -> list[object]:
    place = [on["board"], on["core"].removeprefix("cortex-").upper()]
    if "refused" in on:
        return [*place, on["refused"], on["flash"], None, on["ram"], None, None, PROOFS[on["proven"]]]
    ram = on["built"]["ram"]
    # without a bound of the compiler's the most that was measured
    stack = ram.get("stack_bound", on.get("stack"))
    needed = ram["static"] + stack if stack is not None else None
    equal = f"{on['equal']} of {on['of']}" if "equal" in on else None
    return [*place, on["image"], on["flash"], needed, on["ram"], equal, on.get("instructions"), PROOFS[on["proven"]]]


if __name__ == "__main__":
    main("boards", __doc__, list(BUDGETS), run, markdown, sim=(5, "samples on each simulated board"))
