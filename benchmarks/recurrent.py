"""Recurrent networks of benchmarks/zoo.py at the default: accuracy beside float's, RAM, flash, instructions on a simulated Cortex-M4F.

    python benchmarks/recurrent.py [--models lstm,gru,both_ways] [--sim 20] [-o out/benchmarks]

Trains what is not there. Accuracy is that of all test samples, on the host; of `--sim` of them a board's answers are compared with the
host's, and its instructions counted. RAM: the arena, the input whole in it, and, converted with push_rows, pushed.
Writes recurrent.json and recurrent.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import BOARD, Row, equal, main, table
from zoo import PIXEL, ZOO, paths

import dqa

MODELS = ("lstm", "gru", "both_ways")


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    model, calibration, test = paths(name, work / "zoo")
    scale = 1 / 255 if ZOO[name].scale == PIXEL else 1.0
    made = dqa.convert(model, calibration, work / "recurrent" / name, metric=ZOO[name].metric, input_scale=scale)
    host, board = dqa.evaluate(made, test), dqa.evaluate(made, test, BOARD, options.sim).to_json()
    row: Row = {"model": name, "about": ZOO[name].about, "float": host.float_value, "dqa": host.value}
    try:
        plan = dqa.convert(model, calibration, metric=ZOO[name].metric, input_scale=scale, push_rows=True).report["plan"]
    except dqa.DqaError:  # what reads steps backwards needs all of them
        plan = {"arena": {"pushed": None}}
    row["ram"] = {"whole": made.report["plan"]["arena"]["internal"], "pushed": plan["arena"]["pushed"]}
    return row | {key: board[key] for key in ("agreement", "flash", "instructions")}


def markdown(rows: list[Row]) -> str:
    head = ["network", "float", "dqa", "RAM", "pushed", "flash, code + model", "instructions", "equal"]
    cells = []
    for row in rows:
        flash, ram = row["flash"], row["ram"]
        sizes = [ram["whole"], ram["pushed"], f"{flash['code']:,} + {flash['model']:,}"]
        cells.append([row["about"], percent(row["float"]), percent(row["dqa"]), *sizes, f"{row['instructions'] / 1e6:.2f} M", equal(row)])
    return "\n".join(["# Recurrent networks", "", *table(head, cells), ""])


def percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


if __name__ == "__main__":
    main("recurrent", __doc__, MODELS, run, markdown, sim=(20, "samples on the simulated board"))
