"""The memory map over time: a rectangle for each buffer, operators from left to right, arena offsets from bottom to top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from dqa.report.plots import CHARACTER, Axis, element, join, label, line, shorten, svg

KINDS = {
    "input": "input",
    "output": "output",
    "ring": "ring of rows",
    "map": "packed map",
    "plain": "bytes",
    "scratch": "an operator's own rows and state",
    "row": "row to be packed",
}
"""The kinds of buffers and how the legend names them."""

WIDTH, LEFT, TOP, RIGHT, BOTTOM = 1080.0, 66.0, 30.0, 14.0, 460.0
"""The picture's width and the edges of what it plots, px; RIGHT is the margin."""
LONGEST_NAME = 150.0
"""Of an operator below the plot, px."""
SLANT = 0.71
"""Height of a name turned by 45 degrees over its length."""
LINE = 12.0
"""Height of a line of text, px."""
NARROWEST_LABEL = 13.0
"""Columns narrower than this get no name of their own, px."""


def memory_plot(buffers: Sequence[Mapping[str, Any]], phases: Sequence[Mapping[str, Any]], arena: int, *, name: str) -> Markup:
    """buffers, phases: of the report's plan; arena: bytes; name: the id of the picture."""
    operators = [operator for phase in phases for operator in phase["operators"]]
    columns = Axis(0, len(operators), LEFT, WIDTH - RIGHT)
    rows = Axis(0, max(arena, 1), BOTTOM, TOP)
    inside = sorted((buffer for buffer in buffers if buffer["where"] == "arena"), key=lambda buffer: -buffer["size"])
    starts = [0]
    for phase in phases:
        starts.append(starts[-1] + len(phase["operators"]))
    longest = min(max((len(operator) for operator in operators), default=0) * CHARACTER, LONGEST_NAME)
    return svg(
        WIDTH,
        BOTTOM + 28 + longest * SLANT,
        f"Memory map: {len(inside)} buffers in an arena of {arena:,} bytes over {len(operators)} operators in {len(phases)} phases",
        _phases(columns, starts),
        _grid(rows),
        join(_buffer(buffer, columns, rows, starts, inside[place + 1 :]) for place, buffer in enumerate(inside)),
        *_top(rows, arena),
        _names(operators, columns),
        name=name,
    )


def kinds_of(buffers: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The kinds that occur, with their names, in the order of the legend."""
    found = {buffer["kind"] for buffer in buffers if buffer["where"] == "arena"}
    return [(kind, text) for kind, text in KINDS.items() if kind in found]


def _phases(columns: Axis, starts: Sequence[int]) -> Markup:
    """Every other phase shaded, the numbers on top."""
    parts = []
    for number, (start, end) in enumerate(pairwise(starts)):
        left, right = columns.at(start), columns.at(end)
        shade = "phase odd" if number % 2 else "phase"
        parts.append(element("rect", x=left, y=TOP, width=right - left, height=BOTTOM - TOP, class_=shade))
        text = f"phase {number}" if right - left > 8 * CHARACTER else str(number)
        if right - left > len(text) * CHARACTER:
            parts.append(label((left + right) / 2, TOP - 10, text, class_="middle"))
    return join(parts)


def _grid(rows: Axis) -> Markup:
    parts = [label(LEFT - 8, rows.at(value) + 4, f"{value:,.0f}", class_="end") for value in rows.ticks()]
    parts += [line(LEFT, rows.at(value), WIDTH - RIGHT, rows.at(value), "grid") for value in rows.ticks()]
    return join(parts)


def _top(rows: Axis, arena: int) -> list[Markup]:
    y = rows.at(arena)
    middle = (TOP + BOTTOM) / 2
    turned = label(14.0, middle, "arena offset, bytes", class_="middle", transform=f"rotate(-90 14 {middle:.0f})")
    return [line(LEFT, y, WIDTH - RIGHT, y, "limit"), turned]


def _free(buffer: Mapping[str, Any], first: int, last: int, later: Sequence[Mapping[str, Any]], rows: Axis) -> bool:
    """Whether in these phases nothing that is drawn later lies on a buffer's name: those that use its bytes in turns do."""
    middle = rows.at(buffer["offset"] + buffer["size"] / 2)
    return not any(
        other["first"] <= last
        and first <= other["last"]
        and rows.at(other["offset"] + other["size"]) < middle + LINE / 2
        and rows.at(other["offset"]) > middle - LINE / 2
        for other in later
    )


def _buffer(buffer: Mapping[str, Any], columns: Axis, rows: Axis, starts: Sequence[int], later: Sequence[Mapping[str, Any]]) -> Markup:
    """A rectangle that says on hovering what it is, and in itself if there is room and a place is free. later: what is drawn after it."""
    left, right = columns.at(starts[buffer["first"]]) + 1, columns.at(starts[buffer["last"] + 1]) - 1
    top, bottom = rows.at(buffer["offset"] + buffer["size"]), rows.at(buffer["offset"])
    size = f"{buffer['size']:,} B"
    life = f"phase {buffer['first']}" if buffer["first"] == buffer["last"] else f"phases {buffer['first']} to {buffer['last']}"
    shared = ", in turns with others" if buffer["in_turns"] else ""
    about = f"{buffer['name']} ({KINDS[buffer['kind']]}): {size} at {buffer['offset']:,}, {life}{shared}"
    shape = element("rect", x=left, y=top, width=max(right - left, 1.0), height=max(bottom - top, 0.5), class_=f"buffer k-{buffer['kind']}")
    inside = Markup("")
    phases = range(buffer["first"], buffer["last"] + 1)
    for first, last in [(phases[0], phases[-1]), *((phase, phase) for phase in phases)] if bottom - top >= LINE else []:
        start, end = columns.at(starts[first]), columns.at(starts[last + 1])
        text = _inside(buffer["name"], size, end - start - 10) if _free(buffer, first, last, later, rows) else ""
        if text:
            inside = label((start + end) / 2, (top + bottom) / 2 + 4, text, class_=f"middle on-{buffer['kind']}")
            break
    return element("g", element("title", about), shape, inside)


def _inside(name: str, size: str, width: float) -> str:
    """Name and size where both fit, else as much of the name as does."""
    both = f"{name}, {size}"
    return both if len(both) * CHARACTER <= width else shorten(name, width)


def _names(operators: Sequence[str], columns: Axis) -> Markup:
    """The operators' names below their columns, turned; all of them on hovering, fewer of them written where there are many."""
    width = columns.at(1) - columns.at(0)
    every = max(1, -(-int(NARROWEST_LABEL) // max(int(width), 1)))
    y = BOTTOM + 12
    parts = []
    for step in range(0, len(operators), every):
        x = columns.at(step + 0.5)
        # A name must not leave the picture on the left.
        room = min(LONGEST_NAME, (x - 4) / SLANT)
        text = shorten(operators[step], room)
        parts.append(
            element("text", text, element("title", operators[step]), x=x, y=y, class_="end", transform=f"rotate(-45 {x:.1f} {y:.1f})")
        )
    return join(parts)
