"""Which maps of plain bytes may be written over the rows of which others that were read, and how far before them they then begin.

An operator that writes a row has written those before it, and whoever wrote the rows that it needs has read what those need: so of a map
that operators before it alone read, in the same phase, the rows are known that no one needs any more, whatever the order of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dqa.program import Edge, Operator, Program, Storage, align
from dqa.program.schedule import Reader
from dqa.support.arrays import Int64


def gaps(program: Program, plain: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """By edge, by the edge over whose rows it may be written: bytes by which it must begin before it, a multiple of 4, less than its size.

    plain: the edges that may be plain bytes, and their zero points as such.
    """
    found: dict[int, dict[int, int]] = {}
    for under, zero_point in plain.items():
        for over, gap in _over(program, under, zero_point, plain).items():
            found.setdefault(over, {})[under] = gap
    return found


def _over(program: Program, under: int, zero_point: int, plain: Mapping[int, int]) -> dict[int, int]:
    """The gaps of one edge below."""
    edges: list[Edge] = list(program.edges)
    if edges[under].storage is not Storage.RAW_UINT8:
        edges[under] = replace(edges[under], storage=Storage.RAW_INT8, zero_point=zero_point)
    lower, result = edges[under], {}
    read = {number for number, op in enumerate(program.ops) if under in op.inputs}
    # of each edge made of it: the first row that is needed while its next row is y; the readers of the edge below among its makers
    needed: dict[int, Int64] = {}
    makers: dict[int, set[int]] = {}
    for number, op in enumerate(program.ops):
        made = [_needed(edges, op, i, under, needed) for i, edge in enumerate(op.inputs) if edge == under or edge in needed]
        if not made:
            continue
        needed[op.output] = np.min(made, axis=0)
        makers[op.output] = {number}.union(*(makers.get(edge, set()) for edge in op.inputs))
        upper = edges[op.output]
        ends = np.arange(1, upper.height + 1) * upper.row_values
        gap = align(max(0, int((ends - needed[op.output][:-1] * lower.row_values).max())))
        if op.output in plain and read <= makers[op.output] and gap < upper.values:
            result[op.output] = gap
    return result


def _needed(edges: Sequence[Edge], op: Operator, index: int, under: int, needed: Mapping[int, Int64]) -> Int64:
    """The first row of the edge below that is needed, by an input, for each next row y of an operator, and when there is none."""
    reader = Reader(edges, op, index, 0)
    if op.inputs[index] == under:
        return np.array([*(reader.end if reader.copies else reader.first), edges[under].height])
    return needed[op.inputs[index]][[*reader.end, edges[op.inputs[index]].height]]
