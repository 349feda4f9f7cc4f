"""RAM of every real model under a budget, beside TensorFlow Lite Micro's int8, with the accuracy it costs.

    python benchmarks/ram.py [--models ic,kws] [--weights 4] [--sim 200] [-o out/benchmarks]

For each model three plans within budgets: inside TensorFlow Lite Micro's interpreter (its whole arena, measured here), standalone
(input included) and standalone with pushed rows. RAM of a simulated board is measured, not computed; accuracy is of the whole test set.
Writes ram.json and ram.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import interpreter
from common import ANCHOR, BOARD, Row, convert, equal, evaluate, figure, main, table
from models import SHARED

import dqa


@dataclass(frozen=True)
class Budgets:
    """Bytes for the planner: of the interpreter's arena, of the standalone arena with the input and with pushed rows."""

    tflm: int
    standalone: int
    pushed: int


BUDGETS = {
    "ic": Budgets(15_000, 13_200, 10_900),
    "kws": Budgets(6_610, 5_700, 5_180),
    "vww": Budgets(40_500, 36_200, 11_900),
    "ad": Budgets(2_400, 800, 800),
    "unet": Budgets(223_000, 222_000, 160_000),
}
WAYS = ("tflm", "standalone", "pushed")


def run(name: str, work: Path, limits: argparse.Namespace) -> Row:
    """One model within its budgets."""
    reference = ANCHOR[name]["arena"] if name in ANCHOR else int8_arena(name)
    return {"model": name, "anchor": reference, **{way: plan(name, way, work, limits) for way in WAYS}}


def int8_arena(name: str) -> int:
    """The arena of the int8 model in the interpreter, on this machine."""
    return interpreter.arena(interpreter.with_resize((SHARED / "models" / f"{name}_camvid_int8.tflite").read_bytes()))


def plan(name: str, way: str, work: Path, limits: argparse.Namespace) -> Row:
    """Converts within a budget, evaluates on the host (all samples) and in the interpreter or on the board (a few)."""
    out, budget = work / f"{name}-{way}", getattr(BUDGETS[name], way)
    try:
        runtime = "tflm" if way == "tflm" else "standalone"
        report = convert(name, work, out, ram=budget, push_rows=way == "pushed", runtime=runtime, weight_bits=limits.weights)
    except dqa.DqaError as error:
        return {"refused": f"{error.message} ({error.hint})"}
    row = {"budget": budget, "planned": report["ram"], "arena": report["plan"]["arena"], "host": evaluate(name, work, out)}
    target, limit = ("tflm-host", limits.tflm) if way == "tflm" else (BOARD, limits.sim)
    return {**row, "target": evaluate(name, work, out, target, limit)}


def flash(row: Row) -> list[object]:
    """Bytes of code and program of the standalone plan, and their share of the anchor's."""
    found, anchor = figure(row, "standalone", "target", "flash"), ANCHOR.get(row["model"])
    if not isinstance(found, dict):
        return [found, ""]
    used = sum(found.values())
    return [used, f"{used / (anchor['code'] + anchor['model']):.2f}" if anchor else ""]


def markdown(rows: list[Row]) -> str:
    head = ["model", "float", "anchor"]
    cells = []
    for row in rows:
        line = [row["model"], figure(row, "standalone", "host", "float_value"), row["anchor"]]
        for way in WAYS:
            ram = figure(row, way, "target", "ram", "arena" if way == "tflm" else "model")
            line += [ram, f"{ram / row['anchor']:.2f}" if isinstance(ram, int) else "", figure(row, way, "host", "value")]
            line.append(equal(row[way].get("target", {})))
        cells.append(
            [*line, *(figure(row, "standalone", "target", *keys) for keys in (("ram", "stack"), ("ram", "stack_bound"), ("instructions",)))]
        )
        cells[-1] += flash(row)
    for way in ("in TensorFlow Lite Micro", "standalone", "rows pushed"):
        head += [f"RAM {way}", "of the anchor", "accuracy", "equal to the host"]
    head += ["stack", "predicted", "instructions", "flash", "of the anchor"]
    notes = ["", f"Anchor: {ANCHOR['source']}; unet: the int8 model in the interpreter of the wheel, in this run.", ""]
    return "\n".join(["# RAM within a budget", "", *table(head, cells), *notes])


if __name__ == "__main__":
    main(
        "ram",
        __doc__,
        list(BUDGETS),
        run,
        markdown,
        sim=(200, "samples on the simulated board"),
        tflm=(200, "samples in the TensorFlow Lite Micro interpreter"),
        weights=(8, "bits of a weight, 8 or 4"),
    )
