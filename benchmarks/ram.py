"""RAM of every real model under a budget, beside TensorFlow Lite Micro + CMSIS-NN int8, with the accuracy it costs.

    python benchmarks/ram.py [--models ic,kws] [--sim 200] [-o out/benchmarks]

For each model: the plan for the standalone runtime within a budget (input included), the same plan inside TensorFlow Lite Micro's
interpreter,
and the plan with pushed rows within a smaller budget. RAM of a simulated board is measured, not computed. Writes ram.json and ram.md.
Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import interpreter
from models import MODELS, ROOT, SHARED

import dqa

ANCHOR = json.loads((Path(__file__).parent / "anchor.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Budgets:
    """Bytes of RAM: what the interpreter's arena must meet; what the planner gets for the standalone plan and for pushed rows."""

    tflm: int
    standalone: int
    pushed: int


BUDGETS = {
    "ic": Budgets(22_000, 18_900, 12_000),
    "kws": Budgets(9_000, 6_900, 6_300),
    "vww": Budgets(52_000, 46_900, 18_000),
    "ad": Budgets(2_400, 800, 800),
}
UNET_SHARES = (0.5, 0.45, 0.35)
BOARD = "sim:mps2_an386"


def anchor(name: str) -> int:
    """Arena bytes of the int8 model: the anchor's, or for the U-Net what the interpreter on this host takes."""
    if name in ANCHOR:
        return int(ANCHOR[name]["arena"])
    return interpreter.arena(interpreter.with_resize((SHARED / "models" / "unet_camvid_int8.tflite").read_bytes()))


def run(name: str, work: Path, limits: argparse.Namespace) -> dict[str, Any]:
    reference = anchor(name)
    budgets = BUDGETS.get(name) or Budgets(*(int(reference * share) for share in UNET_SHARES))
    row: dict[str, Any] = {"model": name, "anchor": reference, "budgets": vars(budgets)}
    row["standalone"] = plan(name, work, budgets.standalone, False, limits)
    row["pushed"] = plan(name, work, budgets.pushed, True, limits)
    out = work / f"{name}-standalone"
    row["tflm"] = evaluate(out, MODELS[name].data(work / "data")[1], "tflm-host", limits.tflm)
    return row


def plan(name: str, work: Path, budget: int, pushed: bool, limits: argparse.Namespace) -> dict[str, Any]:
    """Converts within a budget, evaluates on the host (all samples) and on the board (a few)."""
    model = MODELS[name]
    calibration, test = model.data(work / "data")
    out = work / f"{name}-{'pushed' if pushed else 'standalone'}"
    config = dqa.ConvertConfig(
        input_scale=model.input_scale, input_zero_point=model.input_zero_point, metric=model.metric, ram=budget, push_rows=pushed
    )
    try:
        report = dqa.convert(model.path, calibration, out, config).report
    except dqa.DqaError as error:
        return {"refused": f"{error.message} ({error.hint})"}
    host = evaluate(out, test, "host", None)
    return {"planned": report["ram"], "host": host, BOARD: evaluate(out, test, BOARD, limits.sim)}


def evaluate(out: Path, data: Path, target: str, limit: int | None) -> dict[str, Any]:
    try:
        result = dqa.evaluate(out, data, target, limit).to_json()
    except dqa.DqaError as error:
        return {"refused": error.message}
    result.pop("answers", None)
    return result


def markdown(rows: list[dict[str, Any]]) -> str:
    head = (
        "model",
        "float",
        "anchor arena",
        "tflm, measured",
        "standalone RAM",
        "accuracy",
        "pushed rows RAM",
        "accuracy",
        "stack",
        "instructions",
    )
    lines = ["# RAM within a budget", "", f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        whole, pushed = row["standalone"], row["pushed"]
        cells = [
            row["model"],
            figure(whole, "host", "float_value"),
            f"{row['anchor']:,}",
            f"{row['tflm'].get('ram', {}).get('arena', 0):,}",
        ]
        for part in (whole, pushed):
            cells += [part.get("refused", "") or f"{part[BOARD]['ram']['model']:,}", figure(part, "host", "value")]
        cells += ["", ""] if "refused" in whole else [f"{whole[BOARD]['ram']['stack']:,}", f"{whole[BOARD]['instructions']:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"Anchor: {ANCHOR['source']}; U-Net: the int8 model in the interpreter of the wheel, in this run.", ""])


def figure(part: dict[str, Any], *keys: str) -> str:
    value: Any = part
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return f"{value:.4f}" if isinstance(value, float) else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="ic,kws,vww,ad,unet")
    parser.add_argument("--sim", type=int, default=200, help="samples on the simulated board")
    parser.add_argument("--tflm", type=int, default=200, help="samples in the TensorFlow Lite Micro interpreter")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in arguments.models.split(","):
        rows.append(run(name, arguments.out, arguments))
        print(json.dumps(rows[-1]), flush=True)
        (arguments.out / "ram.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (arguments.out / "ram.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
