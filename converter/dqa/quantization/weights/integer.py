"""Integer weights: the activation scales are folded in, then each output channel gets one scale (symmetric int8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dqa.graph import Graph, Op
from dqa.operators.arithmetic import coarsest
from dqa.operators.weighted import weighted_operator
from dqa.program import BOOK
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.affine import nearest_affine
from dqa.quantization.weights.levels import LayerWeights, Levels, nearest
from dqa.quantization.weights.uniform import uniform
from dqa.support.arrays import Float64, Int8, Int32

HIGH = 127
"""Largest weight of 8 bits; the range is symmetric."""
OUT_OF_RANGE = 512
"""Steps from the output's zero that no byte reaches."""


@dataclass(frozen=True, eq=False)
class FoldedWeights:
    """weights: int8 (O, ...). scales: (O,) real units per accumulator step. bias: int32 (O,).

    book: int8 (16,), the values that weights of 4 bits have, or (O, 1), the least of affine ones; None: any.
    """

    weights: Int8
    scales: Float64
    bias: Int32
    book: Int8 | None = None


def folded_weights(
    graph: Graph,
    op: Op,
    formats: Mapping[int, TensorFormat],
    weight_bits: int,
    chosen: LayerWeights | None = None,
    *,
    limited: bool = True,
) -> FoldedWeights:
    """The integer weights of an operator with weights, arranged as its room says.

    weight_bits: 8, or 4; kinds whose weights are few always have 8. chosen: None: the nearest levels.
    limited: accumulators as fine as the requantization to the output's scales asks for (see `fold`).
    """
    room, source = weighted_operator(op.kind), formats[op.inputs[0]]
    weights, bias = (graph.tensors[index].data for index in op.inputs[1:3])
    assert weights is not None and bias is not None
    real, channels = room.arranged(weights.astype(np.float64), len(source.scales))
    scales, zeros = source.scales[channels], source.zero_points[channels]
    if room.sums_differences:
        zeros = np.zeros_like(zeros)
    target = formats[op.outputs[0]].scales
    most = coarsest(target) if limited else None
    if chosen is not None:
        return fold(real, chosen.bias, scales, zeros, bits=chosen.bits, levels=chosen.levels, output_scales=target, most=most)
    bits = weight_bits if room.few_bits else 8
    plain = bias.astype(np.float64).ravel()
    return fold(real, plain, scales, zeros, bits=bits, affine=room.affine, output_scales=target, most=most)


def _least_scales(bias: Float64) -> Float64:
    """A channel of zero weights only gives its bias; the accumulator's step then just has to hold it."""
    return np.asarray(np.maximum(np.abs(bias), 1e-30) / (1 << 24))


def fold(
    weights: Float64,
    bias: Float64,
    input_scales: Float64,
    input_zero_points: Float64,
    *,
    bits: int = 8,
    affine: bool = False,
    levels: Levels | None = None,
    output_scales: Float64 | None = None,
    most: Float64 | None = None,
) -> FoldedWeights:
    """Quantizes weights (O, ..., I) that read an input of per-channel scales and zero points (I,), to 8 bits or to levels of 4.

    affine: without levels, those of 4 bits are the nearest affine ones, else equidistant ones around 0.

    levels: of the weights times the scales, (O, K); None: the nearest.
    output_scales: (O,), of what the sums become: a bias that alone leaves the output's range need not be exact, and takes no precision
    from the weights. most: (O,), the largest scales of accumulators; where weights would need larger ones they are clipped, so that the
    bias, and with it what a constant input gives, stays right.

    With v the input's value, real = scale * (v - zero_point), so the weight of v is w * scale, and -sum(w * scale * zero_point)
    joins the bias, computed with the rounded weights so that a constant input meets no new error.
    """
    outputs = weights.shape[0]
    folded = weights * input_scales
    top = np.abs(folded).reshape(outputs, -1).max(axis=1)
    if output_scales is not None:
        away = np.maximum(np.abs(-128 - input_zero_points), np.abs(127 - input_zero_points))
        room = 2 * (np.abs(folded) * away).reshape(outputs, -1).sum(axis=1) + OUT_OF_RANGE * output_scales
        bias = np.clip(bias, -room, room)
    least = _least_scales(bias)
    shape = (outputs,) + (1,) * (weights.ndim - 1)
    flat, book = folded.reshape(outputs, -1), None
    if levels is None and bits == 4:
        levels = nearest_affine(flat) if affine else uniform(flat)
    if levels is not None:
        scales = np.maximum(levels.scales, least)
        scales = scales if most is None else np.minimum(scales, most)
        moved = scales != levels.scales
        integers = levels.weights.astype(np.float64)
        books = levels.book[moved] if levels.book.ndim == 2 else levels.book
        integers[moved] = nearest(flat[moved] / scales[moved, None], books.astype(np.float64))
        integers = integers.reshape(weights.shape)
        if bits == 4:
            book = levels.book[:, :1] if levels.book.ndim == 2 else np.pad(levels.book, (0, BOOK - len(levels.book)), "edge")
    else:
        scales = np.maximum(top / HIGH, least)
        scales = scales if most is None else np.minimum(scales, most)
        integers = np.clip(np.rint(folded / scales.reshape(shape)), -HIGH, HIGH)
    offset = (integers * input_zero_points).reshape(outputs, -1).sum(axis=1)
    total = np.clip(np.rint(bias / scales - offset), -(2**30), 2**30)
    return FoldedWeights(integers.astype(np.int8), scales, total.astype(np.int32), book)
