"""Room for blocks (dqa.operators.base.Operator.block): what makes a program fast on processors with the DSP extension.

RAM must not pay for speed: blocks get room that the arena has anyway while their operator works, and, unless RAM is all that counts, a
little more than the arena would be without any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dqa.planning.layout import all_ends, moments_of, plan, shared
from dqa.program import LayoutName, Operator, Program, align, as_bits, scratch_bytes, transient_bytes
from dqa.support.arrays import Int64
from dqa.support.settings import Optimize

SHARE = 9
"""Balanced: blocks may take one byte more for so many of the arena without them and of what the caller holds."""


def with_blocks(program: Program, budgets: dict[LayoutName, int] | None = None, optimize: Optimize = "balanced") -> Program:
    """The program with the fastest blocks for which there is room in all of its layouts.

    budgets: bytes that the arena of a layout may take; without room for any block in them the program stays as it is.
    """
    edges = program.edges
    choices = [op.blocks(edges[op.inputs[0]], edges[op.output]) for op in program.ops]
    if not any(choices):
        return program
    eager = tuple(replace(op, block=blocks[0]) if blocks else op for op, blocks in zip(program.ops, choices, strict=True))
    room = _room(program, eager, budgets or {}, optimize)
    ops = list(program.ops)
    for number, (op, blocks) in enumerate(zip(program.ops, choices, strict=True)):
        tried, least = [replace(op, block=block) for block in blocks], transient_bytes(edges, op)
        ops[number] = next((one for one in tried if transient_bytes(edges, one) - least <= room[number]), op)
    layouts = {name: plan(edges, ops, program.op_phases, ends) for name, ends in all_ends(program).items()}
    if any(layouts[name].arena_size > size for name, size in (budgets or {}).items()):
        return program
    internal, external, pushed = layouts["internal"], layouts["external"], layouts.get("pushed")
    return replace(program, ops=tuple(ops), internal=internal, external=external, pushed=pushed)


def _room(program: Program, eager: Sequence[Operator], budgets: dict[LayoutName, int], optimize: Optimize) -> Int64:
    """Bytes that a block of each operator may take more than it does without. eager: the operators as if each had one."""
    room = np.full(len(program.ops), np.iinfo(np.int64).max)
    layouts = program.layouts()
    for name, ends in all_ends(program).items():
        alive = moments_of(program.edges, eager, program.op_phases, ends)
        load = np.zeros(max(moments.bit_length() for moments in alive.phases), np.int64)
        buffers = [(program.edges[i].capacity, alive.edges[i]) for i in ends.owned(len(program.edges))]
        buffers += [(scratch_bytes(program.edges, op), moments) for op, moments in zip(program.ops, alive.scratch, strict=True)]
        buffers += [(transient_bytes(program.edges, op), moments) for op, moments in zip(program.ops, alive.transient, strict=True)]
        for size, moments in buffers:
            load += align(size) * as_bits(moments, len(load))
        for size, moments in shared(program.edges, layouts[name], ends, alive):
            load -= size * as_bits(moments, len(load))
        owned = set(ends.owned(len(program.edges)))
        outside = sum(edge.capacity for i, edge in enumerate(program.edges) if i not in owned and not ends.pushed)
        more = {"ram": 0, "balanced": (load.max() + outside) // SHARE, "speed": int(np.iinfo(np.int32).max)}
        most = load.max() + more[optimize]
        if name in budgets:
            most = max(load.max(), min(most, budgets[name]))
        for number, moments in enumerate(alive.transient):
            if moments:
                room[number] = min(room[number], most - load[as_bits(moments, len(load)) > 0].max())
    return room
