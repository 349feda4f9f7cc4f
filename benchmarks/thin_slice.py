"""Every real model from file to simulated board: accuracy, agreement, RAM, stack, flash and instructions, beside the anchor.

    python benchmarks/thin_slice.py [--models ic,kws] [--bits 4] [-o out/benchmarks]

Writes thin_slice.json and thin_slice.md to the output directory. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from models import MODELS, ROOT

import dqa

ANCHOR = json.loads((Path(__file__).parent / "anchor.json").read_text(encoding="utf-8"))
OTHERS = ("mps2_an500", "mps3_an547", "netduinoplus2")


def run(name: str, bits: int, work: Path, limits: argparse.Namespace) -> dict[str, Any]:
    """One model through all targets."""
    model = MODELS[name]
    calibration, test = model.data(work / "data")
    out = work / f"{name}-{bits}"
    config = dqa.ConvertConfig(bits=bits, input_scale=model.input_scale, input_zero_point=model.input_zero_point, metric=model.metric)
    start = time.monotonic()
    report = dqa.convert(model.path, calibration, out, config).report
    row: dict[str, Any] = {"model": name, "convert_seconds": round(time.monotonic() - start, 1), "arena": report["ram"]["arena"]}
    row["host"] = measure(out, test, "host", None)
    row["tflm-host"] = measure(out, test, "tflm-host", limits.tflm)
    row["mps2_an386"] = measure(out, test, "sim:mps2_an386", limits.sim)
    for board in OTHERS:
        row[board] = measure(out, test, f"sim:{board}", limits.others)
    return row


def measure(out: Path, data: Path, target: str, limit: int | None) -> dict[str, Any]:
    """One evaluation without its per-sample answers, or why it was refused."""
    start = time.monotonic()
    try:
        result = dqa.evaluate(out, data, target, limit).to_json()
    except dqa.DqaError as error:
        return {"refused": error.message}
    result.pop("answers", None)
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The tables of the report."""
    lines = ["# From .h5 to a simulated Cortex-M", "", "## Accuracy and agreement", ""]
    boards = ("tflm-host", "mps2_an386", *OTHERS)
    lines += [f"| model | metric | float | host | samples | stored bits | {' | '.join(boards)} |", "| --- " * (6 + len(boards)) + "|"]
    for row in rows:
        host = row["host"]
        cells = [
            row["model"],
            host["metric"],
            f"{host['float_value']:.4f}",
            f"{host['value']:.4f}",
            host["samples"],
            f"{host['stored_bits']:.2f}",
        ]
        cells += [agreement(row[board]) for board in boards]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "## mps2_an386 (Cortex-M4F), beside TensorFlow Lite Micro + CMSIS-NN int8", ""]
    lines += [
        "| model | RAM of the model | stack | flash code + model | instructions | anchor: arena | anchor: flash | anchor: instructions |",
        "| --- " * 8 + "|",
    ]
    for row in rows:
        sim, anchor = row["mps2_an386"], ANCHOR.get(row["model"])
        if "refused" in sim:
            continue
        cells = [row["model"], f"{sim['ram']['model']:,}", f"{sim['ram']['stack']:,}"]
        cells += [f"{sim['flash']['code']:,} + {sim['flash']['model']:,}", f"{sim['instructions']:,}"]
        cells += (
            [f"{anchor['arena']:,}", f"{anchor['code']:,} + {anchor['model']:,}", f"{anchor['instructions']:,}"] if anchor else ["", "", ""]
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"Anchor: {ANCHOR['source']}.", ""])


def agreement(result: dict[str, Any]) -> str:
    return f"{result['agreement']['equal']} of {result['agreement']['of']}" if "agreement" in result else result.get("refused", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--tflm", type=int, default=1000, help="samples in the TensorFlow Lite Micro interpreter")
    parser.add_argument("--sim", type=int, default=200, help="samples on mps2_an386")
    parser.add_argument("--others", type=int, default=20, help="samples on each other board")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in arguments.models.split(","):
        rows.append(run(name, arguments.bits, arguments.out, arguments))
        print(json.dumps(rows[-1]), flush=True)
        (arguments.out / "thin_slice.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (arguments.out / "thin_slice.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
