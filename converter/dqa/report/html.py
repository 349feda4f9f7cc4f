"""report.html: the report to look at, in one file without scripts or anything from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dqa.report.cards import cards_of, number
from dqa.report.plots_front import front_plot
from dqa.report.plots_measured import errors_plot, plans_plot
from dqa.report.plots_memory import kinds_of, memory_plot
from dqa.support import templates

LAYOUTS = {
    "internal": "inputs and outputs in the arena",
    "external": "inputs and outputs outside of it, as in TensorFlow Lite Micro",
    "pushed": "the input's rows pushed one by one",
}
"""The layouts of a program, in words."""


def render_html(report: Mapping[str, Any]) -> str:
    """The content of report.json as a page, well-formed as XML too. Sections that a report lacks are left out.

    Raises ToolError if the template is missing.
    """
    environment = templates.environment(html=True)
    environment.filters["number"] = number
    clean = _clean(report)
    program = clean.get("program", {}).get("sha256")
    plan = clean.get("plan")
    profiles = [found for found in clean.get("profiles", []) if found.get("program_sha256") == program]
    return environment.get_template("report.html.j2").render(
        report=clean,
        plan=plan,
        cards=cards_of(clean),
        measured=_measured_plots(clean.get("measured")),
        decisions={edge["name"]: edge for edge in plan["edges"]} if plan else {},
        pictures=_pictures(plan) if plan else None,
        layouts=LAYOUTS,
        builds=[build for build in clean.get("builds", []) if build.get("program_sha256") == program],
        profiles=profiles,
        costs=[(found, {row["name"]: row["cost"] for row in found["operators"]}) for found in profiles],
        evaluations=[_whole(found) for found in clean.get("evaluations", []) if found.get("program_sha256") == program],
    )


def _whole(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return {"agreement": {}, "ram": {}, "flash": {}, **evaluation}


def _measured_plots(measured: Mapping[str, Any] | None) -> dict[str, Any]:
    """RAM against measured answers, where plans were weighed; sizes of errors by output. Reports of earlier versions have neither."""
    if measured is None:
        return {"errors": []}
    outputs = [output for output in measured["outputs"] if output["int8"].get("errors") and output["dqa"].get("errors")]
    return {
        "plans": plans_plot(measured) if len(measured.get("plans", [])) > 1 else None,
        "errors": [errors_plot(output, place) for place, output in enumerate(outputs)],
    }


def _pictures(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The memory map of each layout, the planned one first, with its legend; the front if there is one."""
    order = sorted(plan["memory"], key=lambda name: name != plan["layout"])
    maps = [
        {
            "layout": name,
            "arena": plan["arena"][name],
            "plot": memory_plot(plan["memory"][name], plan["phases"], plan["arena"][name], name=f"memory-{name}"),
            "legend": kinds_of(plan["memory"][name]),
            "buffers": sorted(plan["memory"][name], key=lambda buffer: (buffer["first"], buffer["offset"])),
        }
        for name in order
    ]
    front = front_plot(plan["front"], plan["choice"], plan["budget"]) if plan["front"] else None
    return {"maps": maps, "front": front}


def _clean(value: Any) -> Any:
    """The same with characters replaced that no page may hold: controls and halves of pairs, as names of layers could."""
    if isinstance(value, str):
        return "".join(character if _allowed(ord(character)) else "\ufffd" for character in value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _allowed(code: int) -> bool:
    """Whether XML 1.0 allows a character; the last controls and U+FFFE are left out too."""
    return code in (9, 10, 13) or 0x20 <= code < 0x7F or 0xA0 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
