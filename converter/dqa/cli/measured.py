"""The tables at the end of `dqa convert`: what the model takes; float, int8 and the program on samples that nothing was decided from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dqa.cli.common import table


def print_summary(report: Mapping[str, Any]) -> None:
    """To standard output, from the content of report.json."""
    from dqa.report import summary

    table("what it takes", ["", ""], summary.sizes(report))
    if (found := summary.measured(report)) is not None:
        table(found[0], list(summary.COMPARED), found[1])
