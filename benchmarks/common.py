"""What the benchmarks share: settings of a model, evaluations as plain data, tables, and a main function that writes as it goes."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from models import MODELS, ROOT

import dqa

ANCHOR = json.loads((Path(__file__).parent / "anchor.json").read_text(encoding="utf-8"))
BOARD = "sim:mps2_an386"
Row = dict[str, Any]


def convert(name: str, work: Path, out: Path, model: Path | None = None, **settings: Any) -> Row:
    """Converts a model (from `model`, by default its Keras file) with its input's scale and its metric; the report."""
    entry = MODELS[name]
    config = dqa.ConvertConfig(input_scale=entry.input_scale, input_zero_point=entry.input_zero_point, metric=entry.metric, **settings)
    return dqa.convert(model or entry.path, entry.data(work / "data")[0], out, config).report


def evaluate(name: str, work: Path, out: Path, target: str = "host", limit: int | None = None) -> Row:
    """An evaluation on the test set without its per-sample answers, or why it was refused."""
    start = time.monotonic()
    try:
        result = dqa.evaluate(out, MODELS[name].data(work / "data")[1], target, limit).to_json()
    except dqa.DqaError as error:
        return {"refused": error.message}
    result.pop("answers", None)
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table; whole numbers get separators, fractions four digits."""
    return [f"| {' | '.join(map(text, cells))} |" for cells in (head, ["---"] * len(head), *rows)]


def text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def equal(result: Row) -> str:
    """How many samples gave the host's bytes, or why there are none."""
    return f"{result['agreement']['equal']} of {result['agreement']['of']}" if "agreement" in result else str(result.get("refused", ""))


def figure(row: Row, *keys: str) -> Any:
    """A figure inside of dictionaries; what was refused says so, what is absent is empty."""
    value: Any = row
    for key in keys:
        if "refused" in value:
            return value["refused"]
        value = value.get(key, {})
    return None if value == {} else value


def main(
    name: str,
    about: str | None,
    models: Sequence[str],
    run: Callable[[str, Path, argparse.Namespace], Row],
    markdown: Callable[[list[Row]], str],
    **numbers: tuple[int, str],
) -> None:
    """Runs a benchmark for each model and writes NAME.json and NAME.md after each.

    run: model, directory to work in, options -> what was found. numbers: further options, each a whole number: its default and help.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(models))
    for option, (default, explained) in numbers.items():
        parser.add_argument(f"--{option}", type=int, default=default, help=f"{explained} [{default}]")
    parser.add_argument("--keep", action="store_true", help="keep the rows of NAME.json, run what it lacks")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    written = arguments.out / f"{name}.json"
    kept = {row["model"]: row for row in json.loads(written.read_text(encoding="utf-8"))} if arguments.keep and written.exists() else {}
    rows: list[Row] = []
    for model in arguments.models.split(","):
        rows.append(kept.get(model) or run(model, arguments.out, arguments))
        print(json.dumps(rows[-1]), flush=True)
        written.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (arguments.out / f"{name}.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))
