"""Do samples that are set aside tell what test samples will? Every plan of the planner's front, of each network.

    python benchmarks/set_aside.py [--models mlp,har,ic] [--samples 1000] [-o out/benchmarks]

Of each plan, of int8 as TensorFlow Lite has it and of 8 bits everywhere: the error of the answers against their variance (SNR, dB) and
the share of samples with the float network's answer, on calibration samples set aside and on test samples, from the same program. Writes
set_aside.json, set_aside.md with rank correlations (Spearman), and set_aside.svg, each program a point.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, main, table
from models import MODELS
from scipy.stats import spearmanr
from zoo import PIXEL, ZOO, paths

import dqa
from dqa.conversion import decisions, guard, request
from dqa.conversion.trial import Judge, Trial
from dqa.data.dataset import load, subset
from dqa.report.plots import Axis, element, label, line, svg
from dqa.support.progress import SilentProgress

HOME = ("ic", "kws", "ad")


def source(name: str, work: Path) -> tuple[Path, Path, Path, dqa.ConvertConfig]:
    """Model, calibration and test data, and settings."""
    if name in HOME:
        entry = MODELS[name]
        calibration, test = entry.data(work / "data")
        config = dqa.ConvertConfig(input_scale=entry.input_scale, input_zero_point=entry.input_zero_point, metric=entry.metric)
        return entry.path, calibration, test, config
    model, calibration, test = paths(name, work / "zoo")
    return model, calibration, test, dqa.ConvertConfig(input_scale=1 / 255 if ZOO[name].scale == PIXEL else 1.0, metric=ZOO[name].metric)


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    model, calibration, test, config = source(name, work)
    progress = SilentProgress()
    asked = request.read(model, calibration, config, None, progress)
    found, _ = guard.prepared(asked, progress)
    assert found is not None
    data = load(test)
    judge = Judge(found.judge.request, data.pick(subset(len(data), options.samples)))
    eight, int8 = decisions.eight_bits(found.known), decisions.int8(found.known, asked.dtypes)
    points = [
        point("int8", found.int8, judge.try_out(int8, nearest=True)),
        point("8 bits", found.reference, judge.try_out(eight)),
    ]
    plans = decisions.planner(found.known, progress)
    for solution in plans.front:
        plan = decisions.planned(found.known, plans.realize(solution))
        points.append(point("plan", found.judge.try_out(plan), judge.try_out(plan)) | {"loss": solution.loss})
    return {
        "model": name,
        "set_aside": len(found.judge.samples),
        "test": len(judge.samples),
        "metric": judge.heads[0].metric if judge.heads[0] else None,
        "points": points,
    }


def point(kind: str, aside: Trial, test: Trial) -> Row:
    assert aside.built.alone is not None
    row: Row = {"kind": kind, "arena": aside.built.alone.program.internal.arena_size}
    for name, trial in (("aside", aside), ("test", test)):
        first = trial.answers.comparisons[0]
        row[name] = {"snr": first.snr, "sure": first.sure, "agreement": first.agreement, "metric": first.metric}
    return row


def correlation(rows: Sequence[Row], figure: str) -> float | None:
    pairs = [(p["aside"][figure], p["test"][figure]) for row in rows for p in row["points"] if p["aside"][figure] is not None]
    return round(float(spearmanr(*zip(*pairs, strict=True)).statistic), 3) if len(pairs) > 2 else None


def picture(rows: Sequence[Row]) -> str:
    """SNR on the test samples (up) against that on the samples set aside."""
    width, high = 460.0, 40.0
    across, up = Axis(0, high, 40, width - 10), Axis(0, high, width - 40, 10)
    parts = [line(across.start, up.start, across.end, up.end, "even")]
    for tick in across.ticks():
        parts += [label(across.at(tick), up.start + 18, f"{tick:g}", text_anchor="middle")]
        parts += [label(across.start - 6, up.at(tick) + 4, f"{tick:g}", text_anchor="end")]
    for row in rows:
        for one in row["points"]:
            x, y = (min(max(one[where]["snr"], 0.0), high) for where in ("aside", "test"))
            parts.append(element("circle", element("title", f"{row['model']}, {one['kind']}"), cx=across.at(x), cy=up.at(y), r=2.5))
    parts.append(label(width / 2, width - 6, "SNR on samples set aside, dB; up: on test samples", text_anchor="middle"))
    style = element("style", "text{font:11px sans-serif}.even{stroke:#999}circle{fill:#2a6fb3;fill-opacity:.6}")
    return str(svg(width, width, "Samples set aside and test samples", style, *parts, name="set-aside"))


def markdown(rows: list[Row]) -> str:
    cells: list[list[Any]] = []
    for row in rows:
        plans = [p for p in row["points"] if p["kind"] == "plan"]
        apart = [p["aside"]["snr"] - p["test"]["snr"] for p in row["points"]]
        cells.append([row["model"], row["set_aside"], row["test"], len(plans), correlation([row], "snr"), f"{np.mean(apart):.1f}"])
        cells[-1].append(f"{max(apart, key=abs):.1f}")
    head = ["network", "set aside", "test", "plans", "rank correlation of SNR", "mean difference, dB", "largest, dB"]
    total = f"All together: rank correlation {correlation(rows, 'snr')} of SNR, {correlation(rows, 'agreement')} of agreement."
    return "\n".join(["# Samples set aside and test samples", "", *table(head, cells), "", total, ""])


def run_and_draw(name: str, work: Path, options: argparse.Namespace) -> Row:
    row = run(name, work, options)
    drawn.append(row)
    (work / "set_aside.svg").write_text(picture(drawn), encoding="utf-8")
    return row


drawn: list[Row] = []

if __name__ == "__main__":
    main("set_aside", __doc__, [*ZOO, *HOME], run_and_draw, markdown, samples=(1000, "test samples at most"))
