"""What the authors' in-band Huffman coding of the shifting errors costs (gicLAB/eDQA: huffman_encode, convert_map_to_code).

A code is built for every channel of every batch from the counts in it. Counted, as they count, are len/8 bytes of payload and of table:
for every symbol that occurs its length (m bits), its codeword and itself (m bits). A channel with one symbol takes one bit per value
and a table of one bit; their decoder then returns symbol 0 whatever it was, which is not reproduced.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dqa.support.arrays import Integer


@dataclass(order=True)
class _Node:
    """Compared by count alone: ties fall as they fall in the authors' heap, and with them the lengths in the table."""

    count: int
    symbols: list[int] = field(compare=False)


def code_lengths(counts: Sequence[int], first: Sequence[int]) -> dict[int, int]:
    """Codeword length of every symbol that occurs; 1 for a single one.

    counts, first: of each symbol, how often and where it first occurs.
    """
    values = [symbol for symbol, count in enumerate(counts) if count]
    heap = [_Node(counts[symbol], [symbol]) for symbol in sorted(values, key=lambda symbol: first[symbol])]  # as in their Counter
    heapq.heapify(heap)
    lengths = dict.fromkeys(values, 0)
    while len(heap) > 1:
        left, right = heapq.heappop(heap), heapq.heappop(heap)
        merged = left.symbols + right.symbols
        for symbol in merged:
            lengths[symbol] += 1
        heapq.heappush(heap, _Node(left.count + right.count, merged))
    return lengths if len(lengths) > 1 else dict.fromkeys(lengths, 1)


def inband_bits(symbols: Integer, symbol_bits: int) -> int:
    """Bits of payload and table of one channel's errors, 1-D, each 0 .. 2^symbol_bits - 1."""
    size = 1 << symbol_bits
    counts = np.bincount(symbols, minlength=size).tolist()
    lengths = code_lengths(counts, [int(np.argmax(symbols == symbol)) for symbol in range(size)])
    if len(lengths) == 1:
        return len(symbols) + 1
    return sum(counts[symbol] * length + 2 * symbol_bits + length for symbol, length in lengths.items())
