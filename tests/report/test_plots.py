"""Pictures of the report, by themselves."""

from __future__ import annotations

import re
from typing import Any

from dqa.report.plots_memory import memory_plot


def buffer(name: str, offset: int, size: int, first: int, last: int) -> dict[str, Any]:
    return {"name": name, "kind": "map", "where": "arena", "offset": offset, "size": size, "first": first, "last": last, "in_turns": False}


def names(*buffers: dict[str, Any]) -> dict[str, float]:
    """The names that the memory map of two phases of two operators writes into buffers, and where from left to right."""
    phases = [{"operators": ["a", "b"]}, {"operators": ["c", "d"]}]
    picture = str(memory_plot(buffers, phases, 1000, name="map"))
    return {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*class="middle on-map"[^>]*>(\w+), [\d,]+ B<', picture)}


def test_a_buffer_has_its_name_in_a_phase_where_nothing_lies_on_it() -> None:
    alone, covered = names(buffer("kept", 0, 900, 0, 1)), names(buffer("kept", 0, 900, 0, 1), buffer("over", 300, 400, 0, 0))
    assert set(covered) == {"kept", "over"}
    assert covered["over"] < alone["kept"] < covered["kept"]
    assert set(names(buffer("kept", 0, 900, 0, 0), buffer("over", 300, 400, 0, 0))) == {"over"}
