"""Every real model from file to simulated board: accuracy, agreement, RAM, stack, flash and instructions, beside the anchor.

    python benchmarks/thin_slice.py [--models ic,kws] [--bits 4] [--planes 1] [-o out/benchmarks]

Writes thin_slice.json and thin_slice.md to the output directory. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from common import ANCHOR, BOARD, Row, convert, equal, evaluate, main, table
from models import MODELS

OTHERS = ("mps2_an500", "mps3_an547", "netduinoplus2")


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    """One model through all targets."""
    out = work / f"{name}-{options.bits}{'-planes' if options.planes else ''}"
    start = time.monotonic()
    report = convert(name, work, out, bits=options.bits, layout="planes" if options.planes else "coded")
    row: Row = {"model": name, "convert_seconds": round(time.monotonic() - start, 1), "arena": report["ram"]["arena"]}
    row["host"] = evaluate(name, work, out)
    row["tflm-host"] = evaluate(name, work, out, "tflm-host", options.tflm)
    row["mps2_an386"] = evaluate(name, work, out, BOARD, options.sim)
    for board in OTHERS:
        row[board] = evaluate(name, work, out, f"sim:{board}", options.others)
    return row


def markdown(rows: list[Row]) -> str:
    """The tables of the report."""
    boards = ("tflm-host", "mps2_an386", *OTHERS)
    cells = []
    for row in rows:
        host = row["host"]
        cells.append([row["model"], host["metric"], host["float_value"], host["value"], host["samples"], f"{host['stored_bits']:.2f}"])
        cells[-1] += [equal(row[board]) for board in boards]
    quality = ("model", "metric", "float", "host", "samples", "stored bits", *boards)
    lines = ["# From .h5 to a simulated Cortex-M", "", "## Accuracy and agreement", "", *table(quality, cells)]
    costs = []
    for row in rows:
        sim, anchor = row["mps2_an386"], ANCHOR.get(row["model"])
        if "refused" in sim:
            continue
        flash = f"{sim['flash']['code']:,} + {sim['flash']['model']:,}"
        costs.append([row["model"], sim["ram"]["model"], sim["ram"]["stack"], flash, sim["instructions"]])
        costs[-1] += [anchor["arena"], f"{anchor['code']:,} + {anchor['model']:,}", anchor["instructions"]] if anchor else [""] * 3
    cost = (
        "model",
        "RAM of the model",
        "stack",
        "flash code + model",
        "instructions",
        "anchor: arena",
        "anchor: flash",
        "anchor: instructions",
    )
    lines += ["", "## mps2_an386 (Cortex-M4F), beside TensorFlow Lite Micro + CMSIS-NN int8", "", *table(cost, costs)]
    return "\n".join([*lines, "", f"Anchor: {ANCHOR['source']}.", ""])


if __name__ == "__main__":
    main(
        "thin_slice",
        __doc__,
        list(MODELS),
        run,
        markdown,
        bits=(4, "stored bits on average; planes: bits of a code"),
        planes=(0, "1: planes of fixed width, the paper's layout"),
        tflm=(1000, "samples in the TensorFlow Lite Micro interpreter"),
        sim=(200, "samples on mps2_an386"),
        others=(20, "samples on each other board"),
    )
