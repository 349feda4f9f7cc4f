"""Lengths of the best prefix code under a length limit, by package-merge."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.support.arrays import Int64


def code_lengths(counts: npt.ArrayLike, max_length: int) -> Int64:
    """The codeword lengths, int64 (symbols,), 1..max_length, that take the fewest bits for `counts` > 0 (symbols,) >= 2.

    Package-merge (Larmore and Hirschberg, 1990). Only the order of the packages is kept: of the items that are taken from a level, the
    leaves are the lightest ones, so their number says which lengths grow. Equal counts favour the lower symbol.
    Raises ValueError where 2^max_length codewords are too few for the symbols, or there is no choice to make.
    """
    weights = np.asarray(counts, np.int64)
    symbols = len(weights)
    if symbols < 2 or max_length < 1 or symbols > 1 << max_length:
        raise ValueError(f"no code of at most {max_length} bits for {symbols} symbols")
    order = np.argsort(weights, kind="stable")
    leaves = weights[order]
    packages = np.empty(0, np.int64)
    leaves_before: list[Int64] = []  # of each level: how many of its first k items are leaves
    for _ in range(max_length):
        merged = np.concatenate([leaves, packages])
        place = np.argsort(merged, kind="stable")
        leaves_before.append(np.concatenate([[0], np.cumsum(place < symbols)]))
        merged = merged[place]
        pairs = len(merged) // 2 * 2
        packages = merged[:pairs:2] + merged[1:pairs:2]
    grown = np.zeros(symbols + 1, np.int64)
    taken = 2 * (symbols - 1)
    for before in reversed(leaves_before):
        light = int(before[taken])
        grown[light] += 1
        taken = 2 * (taken - light)
    lengths = np.empty(symbols, np.int64)
    lengths[order] = np.cumsum(grown[::-1])[::-1][1:]  # a leaf grows at every level whose taken leaves it is among
    return lengths
