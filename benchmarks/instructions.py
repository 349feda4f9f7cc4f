"""Instructions of an inference on every kind of core, beside TensorFlow Lite Micro's with CMSIS-NN; where they go, and cycles, flash, RAM.

    python benchmarks/instructions.py [--models ic,kws:6300] [--weights 4] [--budgets 1] [--sim 20] [-o out/benchmarks]

Plans: those that `dqa convert` takes by default, of a network with a number behind it the fastest within so many bytes of RAM
(`--ram N --optimize speed`), or with --budgets 1 those of the budgets of ram.py. On each board --sim samples run and are compared with the
host's answers. Per layer: by the profiling firmware. Per part of the library and in cycles: one inference followed instruction by
instruction on the Cortex-M4F (traced.py says what the cycles are: an estimate, memory without wait states). Writes instructions.json and
instructions.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from common import ANCHOR, Row, convert, equal, evaluate, main, table
from models import MODELS
from ram import BUDGETS
from traced import traced

from dqa.data import dataset as datasets
from dqa.device.build import build
from dqa.evaluation.subject import model_inputs
from dqa.profiling.run import profile
from dqa.report import load_interface

BOARDS = {"mps2_an386": "Cortex-M4F", "mps2_an500": "Cortex-M7", "mps2_an505": "Cortex-M33", "mps3_an547": "Cortex-M55"}
M4F, M55 = "mps2_an386", "mps3_an547"


Parts = dict[str, tuple[str, ...]]
PARTS: Parts = {
    "convolutions": ("part_conv", "op_conv", "block_", "products", "mve_conv"),
    "depthwise": ("part_depthwise", "op_depthwise"),
    "dense": ("part_dense", "op_fully", "pairs"),
    "coded maps": ("coded", "map_reader", "map_writer", "part_packed"),
    "other operators": ("op_",),
    "schedule": (
        "part_endless",
        "part_whole",
        "step",
        "flow",
        "schedule",
        "edge",
        "operator",
        "view",
        "scratch",
        "taps",
        "memory",
        "layout",
        "map",
        "executor",
    ),
}
"""What the library's object files do, by how their names begin; the first that fits. The rest is "other"."""


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    label, (name, _, budget) = name, name.partition(":")
    out, test = work / f"{label.replace(':', '-')}-instructions", MODELS[name].data(work / "data")[1]
    ram = int(budget) if budget else BUDGETS[name].standalone if options.budgets else None
    report = convert(name, work, out, weight_bits=options.weights, ram=ram, optimize="speed" if budget else "balanced")
    row: Row = {"model": label, "weights": options.weights, "anchor": ANCHOR[name], "arena": report["plan"]["arena"], "boards": {}}
    for board in BOARDS:
        found = evaluate(name, work, out, f"sim:{board}", options.sim)
        keys = ("refused", "instructions", "agreement")
        row["boards"][board] = {key: found[key] for key in keys if key in found} | build(out, board).figures()
        row["boards"][board]["stack_used"] = found.get("ram", {}).get("stack")
    layers = {board: profile(out, f"sim:{board}", test).operators for board in (M4F, M55)}
    row["layers"] = [[m4.name, m4.kind, round(m4.cost), round(m55.cost)] for m4, m55 in zip(*layers.values(), strict=True)]
    sample: bytes = model_inputs(load_interface(out), datasets.load(test).take(1))[1][0].tobytes()
    row["traced"] = asdict(traced(build(out, M4F).elf, M4F, sample))
    return row


def by_part(objects: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Instructions and cycles of each of PARTS."""
    sums = {part: [0, 0] for part in (*PARTS, "other")}
    for name, counts in objects.items():
        part = next((part for part, starts in PARTS.items() if name.startswith(starts)), "other")
        sums[part] = [a + b for a, b in zip(sums[part], counts, strict=True)]
    return {part: (counts[0], counts[1]) for part, counts in sums.items()}


def markdown(rows: list[Row]) -> str:
    lines = ["# Instructions of an inference", "", "    python benchmarks/instructions.py", "", "## Cores", ""]
    head = [
        "network",
        "core",
        "instructions",
        "anchor",
        "of it",
        "equal to the host's",
        "flash: code",
        "model",
        "arena",
        "RAM, static",
        "stack",
    ]
    cells = []
    for row in rows:
        for board, on in row["boards"].items():
            anchor = row["anchor"]["instructions_m55" if board == M55 else "instructions"]
            ours = on.get("instructions")
            line = [row["model"], BOARDS[board], ours, anchor, f"{ours / anchor:.2f}" if ours else None, equal(on)]
            cells.append(
                [*line, on["flash"]["code"], on["flash"]["model"], row["arena"]["internal"], on["ram"]["static"], on.get("stack_used")]
            )
    lines += [*table(head, cells), "", "## Parts of the library, Cortex-M4F: instructions (cycles, estimated)", ""]
    shares = {row["model"]: by_part(row["traced"]["by_object"]) for row in rows}
    cells = [[part, *(f"{counts[part][0]:,} ({counts[part][1]:,})" for counts in shares.values())] for part in (*PARTS, "other")]
    cells.append(["all", *(f"{row['traced']['instructions']:,} ({row['traced']['cycles']:,})" for row in rows)])
    lines += table(["part", *shares], cells)
    for row in rows:
        lines += ["", f"## {row['model']}, layer by layer", "", *table(["layer", "kind", "M4F", "M55"], row["layers"])]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sim = (20, "samples on each simulated board")
    main(
        "instructions",
        __doc__,
        ["ic", "kws", "kws:6300", "vww", "ad"],
        run,
        markdown,
        weights=(8, "bits"),
        budgets=(0, "1: those of ram.py"),
        sim=sim,
    )
