"""What streaming costs: instructions and RAM of the same model with every edge streamed and with every edge stored, on mps2_an386.

    python benchmarks/streaming.py [--models ic,kws] [-o out/benchmarks]

Streamed: the planner with RAM enough for one phase. Stored: every activation as a packed map of 7-bit codes, the nearest to the rings'
codes. Writes streaming.json and streaming.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from common import BOARD, Row, convert, evaluate, main, table
from models import MODELS

PLENTY = 1 << 22
WAYS: dict[str, dict[str, Any]] = {
    "stored": {"maps": "planes", "method": "direct", "bits": 7},
    "streamed": {"ram": PLENTY},
}


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    row: Row = {"model": name}
    for way, settings in WAYS.items():
        out = work / f"{name}-{way}"
        convert(name, work, out, **settings)
        result = evaluate(name, work, out, BOARD, options.sim)
        row[way] = {key: result[key] for key in ("instructions", "ram", "agreement")}
    row["ratio"] = row["streamed"]["instructions"] / row["stored"]["instructions"]
    return row


def markdown(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        stored, streamed = row["stored"], row["streamed"]
        cells.append([row["model"], stored["instructions"], streamed["instructions"], f"{row['ratio']:.3f}"])
        cells[-1] += [stored["ram"]["model"], streamed["ram"]["model"]]
    head = ("model", "instructions stored", "streamed", "ratio", "RAM stored", "streamed")
    return "\n".join(["# Streamed against stored", "", *table(head, cells), ""])


if __name__ == "__main__":
    main("streaming", __doc__, list(MODELS), run, markdown, sim=(2, "samples on the simulated board"))
