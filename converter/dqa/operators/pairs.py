"""Weights of dense layers as `PAIRS` (docs/format.md, section 5): two outputs share a number of 16 bits, 256 * the second's + the first's,
so that processors with the DSP extension multiply both at once.

The sums of the second are the upper 24 bits of a sum of 32: they must fit, and no weight may be -128.
"""

from __future__ import annotations

import numpy as np

from dqa.operators.records import Edge
from dqa.support.arrays import Int8, Int16

OUTPUTS = INPUTS = 4
"""Of a group, which lies together: for inputs 0 and 2 the pair of outputs 0 and 1, that of outputs 2 and 3, the same for inputs 1 and 3."""
MOST = 1 << 23
"""Sums of a second output stay below it."""


def fits_pairs(weights: Int8, source: Edge) -> bool:
    """Whether weights (O, inputs) may be pairs behind an edge."""
    if len(weights) % OUTPUTS or source.row_values % INPUTS or weights.min() == -128:
        return False
    second = np.abs(weights[1::2].astype(np.int64)).sum(axis=1)
    return bool(second.max() * max(-source.low, source.high) < MOST)


def pack_pairs(weights: Int8) -> Int16:
    """Weights (O, inputs) as (O / 4 * inputs / 4, 8)."""
    first, second = weights[0::2].astype(np.int16), weights[1::2].astype(np.int16)
    pairs = (256 * second + first).reshape(len(weights) // OUTPUTS, 2, -1, 2, 2)  # group, pair, inputs / 4, half, odd
    packed: Int16 = pairs.transpose(0, 2, 4, 1, 3).reshape(-1, 8).astype(np.int16)
    return packed


def unpack_pairs(packed: Int16, shape: tuple[int, ...]) -> Int8:
    """The weights of `shape` (O, inputs) that `pack_pairs` packed."""
    outputs, inputs = shape
    pairs = packed.reshape(outputs // OUTPUTS, inputs // INPUTS, 2, 2, 2).transpose(0, 3, 1, 4, 2).reshape(outputs // 2, inputs)
    first = pairs.astype(np.int8)
    second = ((pairs - first.astype(np.int16)) >> 8).astype(np.int8)
    weights: Int8 = np.stack([first, second], axis=1).reshape(shape)
    return weights
