"""The default of `dqa convert`, the smallest plan whose measured answers hold, on our six networks: whole test sets, int8 beside it.

    python benchmarks/home.py [--models ic,kws] [--sim 20] [-o out/benchmarks]

int8 is the network as TensorFlow Lite quantizes it (8 bits everywhere, its ranges, nearest weights), run by the host engine; its RAM is
that of TensorFlow Lite Micro's interpreter. Seconds are those of `dqa convert`, by step. Writes home.json and home.md. Needs the models
and data of ../shared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common import ANCHOR, BOARD, Row, equal, evaluate, main, table
from models import MODELS
from ram import int8_arena

import dqa
from dqa.conversion import decisions, guard, request
from dqa.conversion.trial import Judge
from dqa.data.dataset import load
from dqa.support.progress import SilentProgress


class Timed:
    """Progress that adds up the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        start = time.monotonic()
        yield lambda _done: None
        self.seconds[title] = round(self.seconds.get(title, 0.0) + time.monotonic() - start, 1)


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    entry = MODELS[name]
    calibration, test = entry.data(work / "data")
    config = dqa.ConvertConfig(input_scale=entry.input_scale, input_zero_point=entry.input_zero_point, metric=entry.metric)
    progress, start = Timed(), time.monotonic()
    result = dqa.convert(entry.path, calibration, work / f"home-{name}", config, progress=progress)
    seconds = {"all": round(time.monotonic() - start, 1), **progress.seconds}
    report = result.report
    row: Row = {"model": name, "seconds": seconds, "measured": report["measured"], "packed_maps": report["packed_maps"]}
    row |= {"ram": report["plan"]["arena"], "guarded": evaluate(name, work, work / f"home-{name}")}
    row["int8"] = {"value": int8(entry.path, calibration, test, config), "arena": ANCHOR[name]["arena"] if name in ANCHOR else None}
    if name == "unet":
        row["int8"]["arena"] = int8_arena(name)
    if options.sim:
        row["sim"] = evaluate(name, work, work / f"home-{name}", BOARD, options.sim)
    return row


def int8(model: Path, calibration: Path, test: Path, config: dqa.ConvertConfig) -> float | None:
    """The metric of int8 on the whole test set."""
    asked = request.read(model, calibration, config, None, SilentProgress())
    found, _ = guard.prepared(asked, SilentProgress())
    assert found is not None
    judge = Judge(found.judge.request, load(test))
    return judge.try_out(decisions.int8(found.known, asked.dtypes), nearest=True).answers.comparisons[0].metric


def markdown(rows: list[Row]) -> str:
    head = ["network", "float", "int8", "guarded", "RAM int8", "RAM guarded", "pushed", "dB set aside", "least", "plans tried"]
    head += ["packed maps", "seconds", "equal on the board", "instructions"]
    cells = []
    for row in rows:
        measured, packed, sim = row["measured"], row["packed_maps"], row.get("sim", {})
        line = [row["model"], row["guarded"]["float_value"], row["int8"]["value"], row["guarded"]["value"], row["int8"]["arena"]]
        line += [
            row["ram"]["internal"],
            row["ram"]["pushed"],
            measured["outputs"][0]["dqa"]["snr"],
            measured["least_snr"],
            measured["tried"],
        ]
        line += [f"{packed['count']}: {packed['bytes']:,} of {packed['plain_bytes']:,} B", row["seconds"]["all"], equal(sim)]
        cells.append([*line, sim.get("instructions")])
    steps = list(dict.fromkeys(step for row in rows for step in row["seconds"]))
    times = table(["step", *(row["model"] for row in rows)], [[step, *(row["seconds"].get(step, "") for row in rows)] for step in steps])
    return "\n".join(["# Our networks by default", "", *table(head, cells), "", "Seconds of `dqa convert` by step:", "", *times, ""])


if __name__ == "__main__":
    main("home", __doc__, list(MODELS), run, markdown, sim=(0, "samples on the simulated board"))
