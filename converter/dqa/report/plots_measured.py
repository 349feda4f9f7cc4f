"""What was measured before a plan was taken: RAM against the error of the answers, and how large errors are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dqa.report.plots import Axis, element, join, label, line, svg

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 520.0, 280.0, 56.0, 18.0, 16.0, 46.0
"""Half a page wide on a desk, all of it on a phone; the margins of what is plotted, px."""
SPACE = 0.08
"""Of the range of values, left free at each end of an axis."""


def plans_plot(measured: Mapping[str, Any]) -> Markup:
    """measured: the report's section, with the plans that were tried."""
    plans = measured["plans"]
    taken = [f"; taken: {plan['arena']:,} bytes, {plan['snr']:.1f} dB" for plan in plans if plan["taken"]]
    x = _axis([plan["arena"] for plan in plans], LEFT, WIDTH - RIGHT)
    y = _axis([*(plan["snr"] for plan in plans), measured["least_snr"]], HEIGHT - BOTTOM, TOP)
    least = y.at(measured["least_snr"])
    return svg(
        WIDTH,
        HEIGHT,
        f"RAM against measured answers: {len(plans)} plans{''.join(taken)}",
        _frame(),
        join(
            join([line(x.at(v), TOP, x.at(v), HEIGHT - BOTTOM, "grid"), label(x.at(v), HEIGHT - BOTTOM + 16, f"{v:,.0f}", class_="middle")])
            for v in x.ticks()[:: 1 + len(x.ticks()) // 6]
        ),
        join(
            join([line(LEFT, y.at(v), WIDTH - RIGHT, y.at(v), "grid"), label(LEFT - 8, y.at(v) + 4, f"{v:.3g}", class_="end")])
            for v in y.ticks()
        ),
        line(LEFT, least, WIDTH - RIGHT, least, "limit"),
        label(WIDTH - RIGHT - 4, least - 5, f"asked for: {measured['least_snr']:.1f} dB", class_="end"),
        join(_point(plan, x, y, chosen=plan["taken"]) for plan in plans),
        *_titles("RAM of the arena, bytes", "answers against float, dB"),
        name="plans-plot",
    )


def errors_plot(output: Mapping[str, Any], number: int) -> Markup:
    """output: of the report's measured outputs, with `errors` of int8 and of the program; number: its place."""
    counts = [output[which]["errors"] for which in ("int8", "dqa")]
    shares = [[100 * count / max(sum(row), 1) for count in row] for row in counts]
    bins = len(shares[0])
    x, y = Axis(0, bins, LEFT, WIDTH - RIGHT), Axis(0, max(map(max, shares)) * 1.1, HEIGHT - BOTTOM, TOP)
    names = ["> 1", *(f"1/{2**k}" for k in range(1, bins - 1)), "less"]
    half = (x.at(1) - x.at(0)) * 0.4
    bars = []
    for which, (about, row) in enumerate(zip(("int8", "dqa"), shares, strict=True)):
        for place, share in enumerate(row):
            left, top = x.at(place + 0.5) + (which - 1) * half, y.at(share)
            bar = element("rect", x=left, y=top, width=half, height=HEIGHT - BOTTOM - top, class_=f"bar b-{about}")
            bars.append(element("g", element("title", f"{about}: {share:.2g} % of the errors"), bar))
    return svg(
        WIDTH,
        HEIGHT,
        f"Sizes of the errors of {output['name']}: share of int8's and of the program's, by size over the spread of the answers",
        _frame(),
        join(
            join([line(LEFT, y.at(v), WIDTH - RIGHT, y.at(v), "grid"), label(LEFT - 8, y.at(v) + 4, f"{v:.3g}", class_="end")])
            for v in y.ticks()
        ),
        join(bars),
        join(label(x.at(i + 0.5), HEIGHT - BOTTOM + 16, name, class_=f"middle small{' spare' * (i % 2)}") for i, name in enumerate(names)),
        *_titles("error over the spread of the answers, at least", "share of errors, %"),
        name=f"errors-plot-{number}",
    )


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    space = (high - low) * SPACE or abs(high) * SPACE or 1.0
    return Axis(low - space, high + space, start, end)


def _frame() -> Markup:
    return element("rect", x=LEFT, y=TOP, width=WIDTH - RIGHT - LEFT, height=HEIGHT - BOTTOM - TOP, class_="phase")


def _titles(below: str, beside: str) -> list[Markup]:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return [
        label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, below, class_="middle"),
        label(13.0, middle, beside, class_="middle", transform=f"rotate(-90 13 {middle:.0f})"),
    ]


def _point(plan: Mapping[str, Any], x: Axis, y: Axis, *, chosen: bool) -> Markup:
    about = f"{'taken: ' if chosen else ''}{plan['arena']:,} B, {plan['snr']:.1f} dB"
    circle = element("circle", cx=x.at(plan["arena"]), cy=y.at(plan["snr"]), r=7 if chosen else 4.5, class_=f"point{' chosen' * chosen}")
    return element("g", element("title", about), circle)
