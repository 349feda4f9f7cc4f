"""The short tables of a conversion, from the content of report.json: what the model takes, and what its answers are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dqa.support.limits import FIRMWARE_CODE

COMPARED = ("", "float", "int8", "dqa")
"""Columns of `measured`."""


def sizes(report: Mapping[str, Any]) -> list[list[str]]:
    """Rows of a name and a number."""
    ram, pushed = report["ram"], report.get("plan", {}).get("arena", {}).get("pushed")
    alone = "arena" in ram
    rows = [["RAM, input whole, bytes", ram["arena"]]] if alone else [["RAM of the largest DQA group, bytes", ram["arena_external"]]]
    rows += [["RAM, input rows pushed, bytes", pushed]] if pushed is not None else []
    rows += [["flash, model, bytes", report["flash"]["program"]]]
    rows += [["flash, dqa's code, about, bytes", FIRMWARE_CODE]] if alone else []
    rows += [["MACs", report["macs"]], ["weights", report["weights"]]]
    numbers = [[name, f"{size:,}"] for name, size in rows]
    return [*numbers, ["bits per stored activation", f"{report['stored_bits']:.2f}"]]


def measured(report: Mapping[str, Any]) -> tuple[str, list[list[str]]] | None:
    """A title, and rows of COMPARED: float, TensorFlow Lite's int8 and the program; None where nothing could be measured."""
    found = report.get("measured")
    if found is None:
        return None
    rows: list[list[str]] = []
    for output in found["outputs"]:
        head = f"{output['name']}: " if len(found["outputs"]) > 1 else ""
        pair = output["int8"], output["dqa"]
        if output.get("metric") is not None and "metric" in pair[1]:
            rows.append([head + output["metric"], _digits(output["float_value"]), *(_digits(one.get("metric")) for one in pair)])
        if "agreement" in pair[1]:
            rows.append([head + "same answer as float", "", *map(_agreement, pair)])
        rows.append([head + "answers against float, dB", "", *(f"{one['snr']:.1f}" for one in pair)])
        rows.append([head + "largest error", "", *(f"{one['largest']:.3g}" for one in pair)])
    plans = f"; {found['tried']} plans tried" if found["tried"] > 1 else ""
    return f"measured on {found['samples']} {found['source']}{plans}", rows


def agreement(report: Mapping[str, Any]) -> float | None:
    """Share of the samples measured whose answer, the first output's, is the float network's; None where that is not known."""
    found = report.get("measured")
    return None if found is None else found["outputs"][0]["dqa"].get("agreement")


def _agreement(one: Mapping[str, Any]) -> str:
    if one.get("agreement") is None:
        return ""
    low, high = one.get("interval") or (0.0, 1.0)
    return f"{one['agreement']:.1%} ({low:.1%} .. {high:.1%})"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
