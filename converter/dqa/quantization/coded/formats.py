"""The formats of coded maps that were chosen: their final layouts, with the Huffman tables that all of a program share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dqa.coding.huffman import HuffmanTable
from dqa.coding.tables import cluster
from dqa.program import Storage
from dqa.quantization.coded.maps import Costs, Layout, coding_of
from dqa.quantization.coded.search import CodedRange, StepCandidate
from dqa.quantization.formats import Reason, TensorFormat, value_range

TABLES = 8
"""Huffman tables of a program at most."""
FEW_TABLES = 4
"""The same where weights have 4 bits, for the sake of flash: a table takes 292 bytes."""


@dataclass(frozen=True, eq=False)
class CodedMap:
    """The coded map that a tensor becomes."""

    coded: CodedRange
    candidate: StepCandidate
    layout: Layout


def coded_formats(chosen: Mapping[int, CodedMap], most: int = TABLES) -> dict[int, TensorFormat]:
    """The formats by tensor number, with the tables that all share, at most `most`."""
    counts = []
    for tensor, one in chosen.items():
        seen = one.coded.costs(tensor, one.candidate).counts[: one.layout.extra_bits + 1] / len(one.coded.maps[tensor])
        counts.append((seen * (one.layout.drop_shares() + 0.02)[:, None, None]).reshape(-1, 16))
    tables, numbers = cluster(np.concatenate(counts), most) if counts else ([], np.empty(0, np.int64))
    formats, at = {}, 0
    for (tensor, one), own in zip(chosen.items(), counts, strict=True):
        contexts = numbers[at : at + len(own)].reshape(-1, 16)
        at += len(own)
        formats[tensor] = _format(one, tensor, tuple(tables), contexts.tolist())
    return formats


def _format(one: CodedMap, tensor: int, tables: tuple[HuffmanTable, ...], contexts: Sequence[Sequence[int]]) -> TensorFormat:
    coded, layout = one.coded, one.layout
    scales = one.candidate.steps[coded.free.rows[tensor]]
    shared = [[tables[i] for i in row] for row in contexts]
    costs = Costs(coded.grid, coded.maps[tensor], scales, coded.weights[tensor], shared)
    final = costs.layout(layout.capacity, layout.code_bits)
    assert final is not None
    low, zero = value_range(coded.grid.bits, coded.grid.signed)
    return TensorFormat(
        Storage.CODED,
        final.code_bits,
        final.extra_bits,
        low,
        np.full(len(scales), float(zero)),
        scales,
        Reason.CODED,
        capacity=final.capacity,
        coding=coding_of(final, tables, contexts),
    )
