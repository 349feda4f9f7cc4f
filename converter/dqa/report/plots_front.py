"""The Pareto front: RAM against predicted loss, the chosen plan marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dqa.report.plots import Axis, element, join, label, line, svg

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 1080.0, 340.0, 84.0, 18.0, 24.0, 46.0
SPACE = 0.06
"""Of the range of values, left free at each end of an axis."""


def front_plot(front: Sequence[Mapping[str, Any]], choice: Mapping[str, Any], budget: int | None) -> Markup:
    """front, choice, budget: of the report's plan. The loss is on a logarithmic axis if none is 0."""
    points = sorted([*front, choice], key=lambda point: (point["arena"], -point["loss"]))
    rams = [point["arena"] for point in points] + ([budget] if budget is not None else [])
    x = _axis(rams, LEFT, WIDTH - RIGHT)
    y = _axis([point["loss"] for point in points], HEIGHT - BOTTOM, TOP, logarithmic=all(point["loss"] > 0 for point in points))
    return svg(
        WIDTH,
        HEIGHT,
        f"Pareto front: predicted loss against RAM, {len(front)} plans, the chosen one needs {choice['arena']:,} bytes",
        _frame(x, y),
        _limit(x, budget) if budget is not None else "",
        _steps(front, x, y),
        join(_point(point, x, y, "point") for point in front),
        _point(choice, x, y, "point chosen"),
        name="front-plot",
    )


def _axis(values: Sequence[float], start: float, end: float, *, logarithmic: bool = False) -> Axis:
    """An axis with the values and some space around them."""
    low, high = min(values), max(values)
    if logarithmic:
        factor = max((high / low) ** SPACE, 1.1)
        return Axis(low / factor, high * factor, start, end, True)
    space = (high - low) * SPACE or abs(high) * SPACE or 1.0
    return Axis(low - space, high + space, start, end)


def _frame(x: Axis, y: Axis) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [element("rect", x=LEFT, y=TOP, width=right - LEFT, height=bottom - TOP, class_="phase")]
    for value in x.ticks():
        parts += [line(x.at(value), TOP, x.at(value), bottom, "grid"), label(x.at(value), bottom + 16, f"{value:,.0f}", class_="middle")]
    for value in y.ticks():
        parts += [line(LEFT, y.at(value), right, y.at(value), "grid"), label(LEFT - 8, y.at(value) + 4, f"{value:.3g}", class_="end")]
    middle = (TOP + bottom) / 2
    parts.append(label((LEFT + right) / 2, HEIGHT - 8, "RAM of the arena, bytes", class_="middle"))
    parts.append(label(14.0, middle, "predicted loss", class_="middle", transform=f"rotate(-90 14 {middle:.0f})"))
    return join(parts)


def _limit(x: Axis, budget: int) -> Markup:
    at = x.at(budget)
    # On the side where there is room for it.
    left = at > (LEFT + WIDTH) / 2
    text = label(at + (-6 if left else 6), TOP + 14, f"budget {budget:,} B", class_="end" if left else "start")
    return join([line(at, TOP, at, HEIGHT - BOTTOM, "limit"), text])


def _steps(front: Sequence[Mapping[str, Any]], x: Axis, y: Axis) -> Markup:
    """What a budget between two plans gives: the smaller one."""
    if len(front) < 2:
        return Markup("")
    path = [f"M{x.at(front[0]['arena']):.1f} {y.at(front[0]['loss']):.1f}"]
    for point in front[1:]:
        path.append(f"H{x.at(point['arena']):.1f}V{y.at(point['loss']):.1f}")
    return element("path", d="".join(path), class_="steps")


def _point(point: Mapping[str, Any], x: Axis, y: Axis, class_: str) -> Markup:
    chosen = "chosen: " if "chosen" in class_ else ""
    plan = f"{point['arena']:,} B, predicted loss {point['loss']:.3g}"
    about = f"{chosen}{plan}, {point['instructions']:,} instructions, {point['phases']} phases"
    radius = 7 if chosen else 4.5
    return element(
        "g", element("title", about), element("circle", cx=x.at(point["arena"]), cy=y.at(point["loss"]), r=radius, class_=class_)
    )
