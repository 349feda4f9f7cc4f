"""The default of `dqa convert` in whole numbers: coded maps and weights of 8 or 4 bits, by the host engine on the whole test sets.

    python benchmarks/accuracy.py [--models ic,kws] [--sim 20] [-o out/benchmarks]

Weights of 4 bits are run on mps2_an386 as well, where flash (code and program) is read off the ELF.
Writes accuracy.json and accuracy.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common import ANCHOR, BOARD, Row, convert, equal, evaluate, figure, main, table

CASES: dict[str, list[tuple[float, int]]] = {
    "ic": [(3.05, 8), (3.05, 4)],
    "kws": [(3.05, 8), (3.55, 8), (3.05, 4)],
    "vww": [(3.05, 8), (3.55, 8), (3.55, 4)],
    "ad": [(3.05, 8), (4, 8), (4, 4)],
    "unet": [(3.05, 8), (3.55, 8)],
    "resnet32": [(3.05, 8), (3.05, 4)],
}
"""Bits of an activation on average, bits of a weight."""


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    cases = []
    for bits, weight_bits in CASES[name]:
        out = work / f"{name}-{bits:g}-w{weight_bits}"
        report = convert(name, work, out, bits=bits, weight_bits=weight_bits)
        case: Row = {"bits": bits, "weight_bits": weight_bits, "ram": report["ram"], "flash": report["flash"]}
        case["host"] = evaluate(name, work, out)
        if weight_bits == 4 and options.sim:
            case["sim"] = evaluate(name, work, out, BOARD, options.sim)
        cases.append(case)
        print(json.dumps({"model": name, **case}), flush=True)
    return {"model": name, "cases": cases}


def markdown(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        for case in row["cases"]:
            host, sim = case["host"], case.get("sim", {})
            cells.append([row["model"], f"{case['bits']:g}", case["weight_bits"], host["samples"], host["metric"], host["float_value"]])
            cells[-1] += [host["value"], host["value"] - host["float_value"], case["flash"]["program"]]
            if sim:
                anchor = ANCHOR.get(row["model"])
                flash = sum(sim["flash"].values())
                share = f"{flash / (anchor['code'] + anchor['model']):.2f}" if anchor else ""
                cells[-1] += [flash, share, figure(sim, "ram", "model"), sim["instructions"], equal(sim)]
            else:
                cells[-1] += [None] * 5
    head = ("model", "bits", "weight bits", "samples", "metric", "float", "host", "difference", "program", "flash", "of anchor", "RAM")
    return "\n".join(["# Accuracy of coded maps in whole numbers", "", *table((*head, "instructions", "equal to the host"), cells), ""])


if __name__ == "__main__":
    main("accuracy", __doc__, list(CASES), run, markdown, sim=(20, "samples on the simulated board, where weights have 4 bits"))
