"""What the authors' in-band Huffman coding of the shifting errors costs (gicLAB/eDQA: huffman_encode, convert_map_to_code).

A code is built for every channel of every batch from the counts in it. Counted, as they count, are len/8 bytes of payload and of table:
for every symbol that occurs its length (m bits), its codeword and itself (m bits). A channel with one symbol takes one bit per value
and a table of one bit; their decoder then returns symbol 0 whatever it was, which is not reproduced.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(order=True)
class _Node:
    """Compared by count alone: ties fall as they fall in the authors' heap, and with them the lengths in the table."""

    count: int
    symbols: list[int] = field(compare=False)


def code_lengths(symbols: npt.NDArray[np.integer]) -> dict[int, int]:
    """Codeword length of every symbol that occurs in `symbols` (1-D, not empty); 1 for a single one."""
    values, first, counts = np.unique(symbols, return_index=True, return_counts=True)
    heap = [_Node(int(counts[i]), [int(values[i])]) for i in np.argsort(first)]  # Counter keeps the order of first occurrence
    heapq.heapify(heap)
    lengths = dict.fromkeys(values.tolist(), 0)
    while len(heap) > 1:
        left, right = heapq.heappop(heap), heapq.heappop(heap)
        merged = left.symbols + right.symbols
        for symbol in merged:
            lengths[symbol] += 1
        heapq.heappush(heap, _Node(left.count + right.count, merged))
    return lengths if len(lengths) > 1 else dict.fromkeys(lengths, 1)


def inband_bits(symbols: npt.NDArray[np.integer], symbol_bits: int) -> int:
    """Bits of payload and table of one channel's errors, 1-D, each 0 .. 2^symbol_bits - 1."""
    lengths = code_lengths(symbols)
    if len(lengths) == 1:
        return len(symbols) + 1
    counts = np.bincount(symbols, minlength=1 << symbol_bits)
    return sum(int(counts[symbol]) * length + 2 * symbol_bits + length for symbol, length in lengths.items())
