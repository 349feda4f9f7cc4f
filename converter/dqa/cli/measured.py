"""The tables at the end of `dqa convert`: what the model takes; float, int8 and the program on samples that nothing was decided from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dqa.cli.common import table
from dqa.conversion.measured import Measured
from dqa.evaluation.comparison import Comparison


def print_sizes(report: Mapping[str, Any]) -> None:
    """To standard output, from the content of report.json."""
    from dqa.support.limits import FIRMWARE_CODE

    ram, pushed = report["ram"], report.get("plan", {}).get("arena", {}).get("pushed")
    rows = (
        [["RAM, input whole, bytes", ram["arena"]]] if "arena" in ram else [["RAM of the largest DQA group, bytes", ram["arena_external"]]]
    )
    rows += [["RAM, input rows pushed, bytes", pushed]] if pushed is not None else []
    rows += [["flash, model, bytes", report["flash"]["program"]]]
    rows += [["flash, dqa's code, about, bytes", FIRMWARE_CODE]] if "arena" in ram else []
    rows += [["MACs", report["macs"]], ["weights", report["weights"]]]
    table(
        "what it takes",
        ["", ""],
        [[name, f"{size:,}"] for name, size in rows] + [["bits per stored activation", f"{report['stored_bits']:.2f}"]],
    )


def print_measured(measured: Measured) -> None:
    """To standard output."""
    rows: list[list[str]] = []
    several = len(measured.outputs) > 1
    for name, output in measured.outputs.items():
        head, pair = f"{name}: " if several else "", (output.int8, output.dqa)
        if output.dqa.metric is not None and output.metric is not None:
            rows.append([head + output.metric, _digits(output.float_value), *(_digits(found.metric) for found in pair)])
        if output.dqa.agreement is not None:
            rows.append([head + "same answer as float", "", *map(_agreement, pair)])
        rows.append([head + "answers against float, dB", "", *(f"{found.snr:.1f}" for found in pair)])
        rows.append([head + "largest error", "", *(f"{found.largest:.3g}" for found in pair)])
    what = f"{measured.samples} {measured.source.value}"
    plans = f"; {measured.tried} plans tried" if measured.tried > 1 else ""
    table(f"measured on {what}{plans}", ["", "float", "int8", "dqa"], rows)


def _agreement(found: Comparison) -> str:
    low, high = found.interval or (0.0, 1.0)
    return f"{found.agreement:.1%} ({low:.1%} .. {high:.1%})" if found.agreement is not None else ""


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
