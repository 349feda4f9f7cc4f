"""Affine weights of 4 bits (docs/format.md, section 5): w = least + 8 * code, codes 0..15, a least weight for each output channel.

Codes lie as the kernels of processors with the DSP extension take them: pairs of 16 bits for SMLAD, those of eight inputs in a word.
"""

from __future__ import annotations

import numpy as np

from dqa.operators.records import Edge
from dqa.support.arrays import Int8, Int64, UInt8, UInt16, UInt32

STEP = 8
"""From a weight to the next, so that the steps of sums are about as fine as those of 8-bit weights."""
CODES = 16
MOST = 127 - STEP * (CODES - 1)
"""The largest of least weights: all weights are int8."""
INPUTS = 8
"""Of a group, whose codes lie together."""
OUTPUTS = 4
"""Of a dense layer, whose codes for an input share 16 bits."""
PAIRS = ((0, 2), (1, 3), (4, 6), (5, 7))
"""Inputs of a group that the halves of a word hold."""
TURN = 3
"""Bits by which a word of a convolution is rotated, so that its first codes are those of a step."""
COLUMNS = 3
"""Of a kernel whose words alternate."""


def books_of(least: Int8) -> Int8:
    """All weights of each channel, (O, 16), of least ones (O, 1)."""
    books: Int8 = (least.astype(np.int64) + STEP * np.arange(CODES)).astype(np.int8)
    return books


def codes_of(weights: Int8, least: Int8) -> UInt8:
    """The codes of weights (O, ...). Raises ValueError for weights that have none."""
    flat = weights.reshape(len(weights), -1).astype(np.int64) - least
    if least.max(initial=-128) > MOST or (flat % STEP).any() or flat.min(initial=0) < 0 or flat.max(initial=0) >= STEP * CODES:
        raise ValueError("weights that are no affine codes of their book")
    return (flat // STEP).astype(np.uint8).reshape(weights.shape)


def _weights(codes: Int64, least: Int8) -> Int8:
    """Raises ValueError where they are not int8."""
    if least.max(initial=-128) > MOST:
        raise ValueError(f"a least weight above {MOST}")
    weights: Int8 = (least.astype(np.int64).reshape(-1, *(1,) * (codes.ndim - 1)) + STEP * codes).astype(np.int8)
    return weights


def _groups(codes: UInt8, alternate: bool) -> UInt8:
    """Codes (O, rows, columns, I) of a convolution as (O, groups, 8), zeros behind the last."""
    if alternate:
        rows, columns, inputs = codes.shape[1:]
        return codes.reshape(-1, rows, columns, inputs // INPUTS, INPUTS).transpose(0, 1, 3, 2, 4).reshape(len(codes), -1, INPUTS)
    flat = codes.reshape(len(codes), -1)
    return np.pad(flat, ((0, 0), (0, -flat.shape[1] % INPUTS))).reshape(len(codes), -1, INPUTS)


def pack_words(weights: Int8, least: Int8, alternate: bool) -> UInt32:
    """Weights (O, rows, columns, I) of a convolution as (O, groups); alternate: the words of the columns do."""
    groups = _groups(codes_of(weights, least), alternate).astype(np.uint64)
    words = sum(groups[..., k] << np.uint64(4 * place + 16 * half) for place, pair in enumerate(PAIRS) for half, k in enumerate(pair))
    turned = np.asarray(words) << np.uint64(TURN)
    return np.asarray(turned & np.uint64(0xFFFFFFFF) | turned >> np.uint64(32)).astype(np.uint32)


def unpack_words(words: UInt32, least: Int8, shape: tuple[int, int, int, int], alternate: bool) -> Int8:
    """The weights of `shape` that `pack_words` packed. Raises ValueError for a least weight that is too large."""
    whole = words.astype(np.uint64)
    whole = whole >> np.uint64(TURN) | whole << np.uint64(32 - TURN)
    groups = np.zeros((*words.shape, INPUTS), np.int64)
    for place, pair in enumerate(PAIRS):
        for half, k in enumerate(pair):
            groups[..., k] = whole >> np.uint64(4 * place + 16 * half) & np.uint64(CODES - 1)
    outputs, rows, columns, inputs = shape
    if alternate:
        codes = groups.reshape(outputs, rows, inputs // INPUTS, columns, INPUTS).transpose(0, 1, 3, 2, 4).reshape(shape)
    else:
        codes = groups.reshape(outputs, -1)[:, : rows * columns * inputs].reshape(shape)
    return _weights(codes, least)


def fits_quads(source: Edge) -> bool:
    """Whether a dense layer behind an edge may have affine codes: rows are whole groups, or there is only one."""
    return source.height == 1 or source.row_values % INPUTS == 0


def quads_shape(outputs: int, inputs: int) -> tuple[int, ...]:
    """Of the codes of a dense layer: groups of outputs, groups of inputs, pairs, halves."""
    return -(-outputs // OUTPUTS), -(-inputs // INPUTS), len(PAIRS), 2


def pack_quads(weights: Int8, least: Int8) -> UInt16:
    """Weights (O, inputs) of a dense layer as `quads_shape` says: the codes of four outputs, the fourth's signed, less 8."""
    codes = codes_of(weights, least)
    shape = quads_shape(*codes.shape)
    whole = np.zeros((shape[0] * OUTPUTS, shape[1] * INPUTS), np.uint16)
    whole[: len(codes), : codes.shape[1]] = codes
    whole = whole.reshape(shape[0], OUTPUTS, shape[1], INPUTS)[..., np.array(PAIRS)]
    whole[:, OUTPUTS - 1] ^= CODES // 2
    quads = np.zeros(shape, np.uint16)
    for j in range(OUTPUTS):
        quads |= whole[:, j] << np.uint16(4 * j)
    return quads


def unpack_quads(quads: UInt16, least: Int8, shape: tuple[int, int]) -> Int8:
    """The weights of `shape` (O, inputs) that `pack_quads` packed. Raises ValueError for a least weight that is too large."""
    codes = np.stack([quads.astype(np.int64) >> 4 * j & (CODES - 1) for j in range(OUTPUTS)], axis=1)
    codes[:, OUTPUTS - 1] ^= CODES // 2
    whole = np.zeros((*codes.shape[:3], INPUTS), np.int64)
    whole[..., np.array(PAIRS)] = codes
    return _weights(whole.reshape(codes.shape[0] * OUTPUTS, -1)[: shape[0], : shape[1]], least)
