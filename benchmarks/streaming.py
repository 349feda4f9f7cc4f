"""What streaming costs: instructions and RAM of the same model with every edge streamed and with every edge stored, on mps2_an386.

    python benchmarks/streaming.py [--models ic,kws] [-o out/benchmarks]

Streamed: the planner with RAM enough for one phase. Stored: every activation as a packed map of 7-bit codes, the nearest to the rings'
codes.
Writes streaming.json and streaming.md. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from models import MODELS, ROOT

import dqa

BOARD = "sim:mps2_an386"
PLENTY = 1 << 22


def measure(name: str, work: Path) -> dict[str, Any]:
    model = MODELS[name]
    calibration, test = model.data(work / "data")
    common = {"input_scale": model.input_scale, "input_zero_point": model.input_zero_point, "metric": model.metric}
    ways = {
        "stored": dqa.ConvertConfig(layout="planes", method="direct", bits=7, extra_bits=0, **common),
        "streamed": dqa.ConvertConfig(ram=PLENTY, **common),
    }
    row: dict[str, Any] = {"model": name}
    for way, config in ways.items():
        out = work / f"{name}-{way}"
        dqa.convert(model.path, calibration, out, config)
        result = dqa.evaluate(out, test, BOARD, 2).to_json()
        row[way] = {key: result[key] for key in ("instructions", "ram", "agreement")}
    row["ratio"] = row["streamed"]["instructions"] / row["stored"]["instructions"]
    return row


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Streamed against stored",
        "",
        "| model | instructions stored | streamed | ratio | RAM stored | streamed |",
        "| --- " * 6 + "|",
    ]
    for row in rows:
        stored, streamed = row["stored"], row["streamed"]
        cells = [row["model"], f"{stored['instructions']:,}", f"{streamed['instructions']:,}", f"{row['ratio']:.3f}"]
        cells += [f"{stored['ram']['model']:,}", f"{streamed['ram']['model']:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in arguments.models.split(","):
        rows.append(measure(name, arguments.out))
        print(json.dumps(rows[-1]), flush=True)
        (arguments.out / "streaming.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (arguments.out / "streaming.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
