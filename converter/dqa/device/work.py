"""How long an inference may take at most: far more than it does, but not forever, so that a line that goes dead is told in time."""

from __future__ import annotations

from pathlib import Path

from dqa.program import Program, read

_PER_MAC, _PER_VALUE = 100, 2000
"""Processor cycles at most: about ten times what the slowest of our boards takes (a Cortex-M0, coded maps that several operators read)."""


def most_cycles(program: Program) -> int:
    """Processor cycles that an inference of a program never takes, on none of the boards."""
    values = sum(edge.values for edge in program.edges) + sum(program.edges[i].values for op in program.ops for i in op.inputs)
    macs = sum(op.macs(program.edges[op.inputs[0]], program.edges[op.output]) for op in program.ops)
    return _PER_MAC * macs + _PER_VALUE * values


def most_cycles_of(out: Path) -> int | None:
    """Of the program in OUT; None of a model of which TFLite builtins run a part. Raises ProgramError where it is none."""
    place = out / "model.dqa"
    return most_cycles(read(place.read_bytes())) if place.is_file() else None
