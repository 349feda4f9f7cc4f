"""A few Huffman tables for many distributions: every table is shared by the distributions that it codes best.

Lloyd's algorithm on code lengths: each distribution takes the table with the fewest bits, each table becomes the Huffman code of what took
it (vector quantization with the relative entropy as distortion; Linde, Buzo and Gray 1980).
"""

from __future__ import annotations

import numpy as np

from dqa.coding.huffman import HuffmanTable
from dqa.support.arrays import Float64, Int64

_PRECISION = 1 << 16
_ROUNDS = 12


def table_of(counts: Float64) -> HuffmanTable:
    """The Huffman code of counts (16,), not necessarily whole; a symbol that was never seen counts as the rarest."""
    total = float(counts.sum())
    return HuffmanTable.from_counts(np.rint(counts / total * _PRECISION).astype(np.int64) if total > 0 else np.ones(len(counts), np.int64))


def cluster(counts: Float64, most: int) -> tuple[list[HuffmanTable], Int64]:
    """At most `most` tables and the number of the table of each distribution, int64 (R,).

    counts: float64 (R, 16), how often each symbol occurs; rows of zeros take the first table.
    """
    heavy = counts[counts.sum(axis=1) > 0]
    if not len(heavy):
        return [table_of(counts.sum(axis=0))], np.zeros(len(counts), np.int64)
    # Start with parts of equal weight, ordered by the mean symbol.
    mean = heavy @ np.arange(heavy.shape[1]) / heavy.sum(axis=1)
    order = np.argsort(mean, kind="stable")
    weight = heavy.sum(axis=1)[order].cumsum()
    part = np.minimum((weight - 1e-9) / weight[-1] * most, most - 1).astype(np.int64)
    tables = [table_of(heavy[order[part == k]].sum(axis=0)) for k in range(most) if (part == k).any()]
    for _ in range(_ROUNDS):
        chosen = _nearest(heavy, tables)
        tables = list(dict.fromkeys(table_of(heavy[chosen == k].sum(axis=0)) for k in range(len(tables)) if (chosen == k).any()))
    return tables, _nearest(counts, tables)


def _nearest(counts: Float64, tables: list[HuffmanTable]) -> Int64:
    lengths = np.array([table.lengths for table in tables], np.float64)
    return np.asarray(np.argmin(counts @ lengths.T, axis=1))
