"""What a conversion says of channels that were taken out because they cannot matter (dqa.frontend.dead_channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dqa.calibration import float_outputs
from dqa.calibration.segments import Runner
from dqa.conversion.request import MOST_APART, Request
from dqa.frontend.dead_channels import EPSILON, LARGEST
from dqa.graph import Graph
from dqa.support.arrays import Float32

BATCH = 32


def dead_section(request: Request) -> dict[str, Any] | None:
    """For the report: what went, and what that changes in the float answers to calibration samples; None where nothing went."""
    dead = request.dead
    if dead is None:
        return None
    section: dict[str, Any] = {
        "layers": [
            {"name": r.name, "channels": r.channels, "kept": r.kept, "constant": r.constant, "change": r.change} for r in dead.removed
        ],
        "epsilon": EPSILON,
        "input_bound": LARGEST,
        "weights": {"before": dead.weights[0], "after": dead.weights[1]},
        "macs": {"before": dead.macs[0], "after": dead.macs[1]},
    }
    if request.dataset is not None:
        x = request.mapping.to_float(request.some(MOST_APART).x)
        expected = [float_outputs(request.model, x, output=i) for i in range(len(request.model.graph.outputs))]
        section["largest_difference"] = _difference(request.model.graph, x, expected)
        section["largest_difference_without"] = _difference(dead.whole, x, expected)
    return section


def dead_note(section: dict[str, Any]) -> str:
    """A line for the user."""
    weights, macs = section["weights"], section["macs"]
    gone = sum(layer["channels"] - layer["kept"] for layer in section["layers"])
    changed = f"; float answers differ by at most {section['largest_difference']:.1e}" if "largest_difference" in section else ""
    return (
        f"{gone:,} channels were taken out, since they cannot matter whatever comes in: "
        f"weights {weights['before']:,} -> {weights['after']:,}, multiply-accumulates {macs['before']:,} -> {macs['after']:,}{changed}"
    )


def _difference(graph: Graph, x: Float32, expected: list[Float32]) -> float:
    """The largest of the outputs of a graph from what is expected."""
    runner, largest = Runner(graph, batch=BATCH), 0.0
    for start in range(0, len(x), BATCH):
        state = runner.resume(runner.start(x[start : start + BATCH]), 0)
        for tensor, answers in zip(graph.outputs, expected, strict=True):
            largest = max(largest, float(np.abs(state[tensor] - answers[start : start + BATCH]).max()))
    return largest
