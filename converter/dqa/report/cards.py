"""The figures at the head of the report: six, so that none stands alone in a row of six, three or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

CARDS = 6


def cards_of(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each a figure and what it is of, the most telling first; of a report whose numbers may come from an earlier version."""
    return list(islice(_cards(report), CARDS))


def _cards(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    plan, ram, flash = report.get("plan"), report["ram"], report["flash"]
    if plan:
        arena = plan["arena"]
        yield f"{number(arena[plan['layout']])} B", "RAM, with inputs and outputs" if plan["layout"] == "internal" else "RAM, as planned"
        if plan["layout"] == "internal" and arena.get("pushed") is not None:
            yield f"{number(arena['pushed'])} B", "RAM, with the input's rows pushed"
    else:
        yield f"{number(ram['arena_external'])} B", "RAM of the largest group of operators"
    yield f"{number(flash['program'])} B", "flash of the model, code beside it"
    measured = report.get("measured")
    if measured:
        yield _answers(measured)
    yield number(report["stored_bits"]), "bits per stored activation"
    yield number(report["macs"]), "multiply-accumulates"
    if "weights" in report:
        yield number(report["weights"]), "weights"
    if "tflite" in flash:
        yield f"{number(flash['tflite'])} B", "model.tflite"
    yield f"{number(ram['input'])} B", "input"
    yield f"{number(ram['output'])} B", "output"


def _answers(measured: Mapping[str, Any]) -> tuple[str, str]:
    """The metric; or else the share of answers that are float's; or else dB."""
    outputs = measured["outputs"]
    shown = next((output for output in outputs if "metric" in output["dqa"]), outputs[0])
    int8, dqa = shown["int8"], shown["dqa"]
    if "metric" in dqa and measured["float_value"] is not None:
        return number(dqa["metric"]), f"{measured['metric']}; float {number(measured['float_value'])}, int8 {number(int8['metric'])}"
    if "agreement" in dqa:
        return f"{100 * dqa['agreement']:.1f} %", f"answers as float; int8 {100 * int8['agreement']:.1f} %"
    return f"{dqa['snr']:.1f} dB", f"answers against float; int8 {int8['snr']:.1f} dB"


def number(value: object) -> str:
    """A number for people: thousands separated, four digits of a fraction; what is no number as it is."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
