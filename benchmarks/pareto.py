"""RAM against accuracy: plans from the smallest feasible budget up, each evaluated on the host with all samples.

    python benchmarks/pareto.py [--models ic,kws,vww] [-o out/benchmarks]

Writes pareto.json, pareto.md and a plot pareto-MODEL.svg for each model. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common import ANCHOR, Row, convert, evaluate, main, table

from dqa.report.plots import Axis, element, label, line, svg

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900.0, 420.0, 70.0, 20.0, 20.0, 50.0
STYLE = ".point{fill:#2563eb}.anchor{stroke:#dc2626;stroke-dasharray:6 4}.float{stroke:#16a34a;stroke-dasharray:6 4}.grid{stroke:#ddd}"
TEXT = "text{font:13px sans-serif}.middle{text-anchor:middle}.end{text-anchor:end}"


def front(name: str, work: Path, _options: argparse.Namespace) -> Row:
    """The plans of the front that `--ram auto` draws, with the accuracy of each; writes the plot."""
    out = work / f"{name}-pareto"
    plan = convert(name, work, out, ram="auto")["plan"]
    float_model = work / f"{name}-float.tflite"
    float_model.write_bytes((out / "float.tflite").read_bytes())
    points = []
    for point in plan["front"]:
        report = convert(name, work, out, float_model, ram=point["arena"])
        result = evaluate(name, work, out)
        points.append({"arena": report["ram"]["arena"], "loss": point["loss"], "phases": point["phases"], "value": result["value"]})
        print(json.dumps({"model": name, **points[-1]}), flush=True)
    found = {"model": name, "metric": result["metric"], "float": result["float_value"], "anchor": ANCHOR[name]["arena"], "points": points}
    (work / f"pareto-{name}.svg").write_text(plot(found), encoding="utf-8")
    return found


def plot(found: Row) -> str:
    """RAM (logarithmic) against the metric, with the anchor's RAM and the float model's value."""
    points = found["points"]
    values = [p["value"] for p in points] + [found["float"]]
    spread = max(max(values) - min(values), 0.01)
    x = Axis(min(p["arena"] for p in points) / 1.1, found["anchor"] * 1.1, LEFT, WIDTH - RIGHT, True)
    y = Axis(min(values) - 0.1 * spread, max(values) + 0.1 * spread, HEIGHT - BOTTOM, TOP)
    parts = [element("style", STYLE + TEXT)]
    for tick in x.ticks():
        parts += [
            line(x.at(tick), TOP, x.at(tick), HEIGHT - BOTTOM, "grid"),
            label(x.at(tick), HEIGHT - BOTTOM + 18, f"{tick:,.0f}", class_="middle"),
        ]
    for tick in y.ticks():
        parts += [line(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick), "grid"), label(LEFT - 8, y.at(tick) + 4, f"{tick:.3f}", class_="end")]
    parts += [line(x.at(found["anchor"]), TOP, x.at(found["anchor"]), HEIGHT - BOTTOM, "anchor")]
    parts += [line(LEFT, y.at(found["float"]), WIDTH - RIGHT, y.at(found["float"]), "float")]
    parts += [element("circle", cx=f"{x.at(p['arena']):.1f}", cy=f"{y.at(p['value']):.1f}", r=5, class_="point") for p in points]
    title = f"{found['model']}: {found['metric']} against bytes of RAM; dashed: float model, int8 anchor's arena"
    parts.append(label((LEFT + WIDTH) / 2, HEIGHT - 10, title, class_="middle"))
    return str(svg(WIDTH, HEIGHT, title, *parts, name=f"pareto-{found['model']}"))


def markdown(rows: list[Row]) -> str:
    lines = ["# RAM against accuracy", ""]
    for row in rows:
        lines += [f"## {row['model']} ({row['metric']}, float {row['float']:.4f}, anchor {row['anchor']:,} B)", ""]
        lines += table(
            ("arena", "phases", "predicted loss", "value"), [[p["arena"], p["phases"], p["loss"], p["value"]] for p in row["points"]]
        )
        lines += ["", f"![{row['model']}](pareto-{row['model']}.svg)", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main("pareto", __doc__, ("ic", "kws", "vww"), front, markdown)
