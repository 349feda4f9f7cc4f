"""Integer weights: the activation scales are folded in, then each output channel gets one scale (symmetric int8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoldedWeights:
    """weights: int8 (O, ...). scales: (O,) real units per accumulator step. bias: int32 (O,)."""

    weights: npt.NDArray[np.int8]
    scales: Floats
    bias: npt.NDArray[np.int32]


def fold(weights: Floats, bias: Floats, input_scales: Floats, input_zero_points: Floats, *, bits: int = 8) -> FoldedWeights:
    """Quantizes weights (O, ..., I) that read an input of per-channel scales and zero points (I,).

    With v the input's value, real = scale * (v - zero_point), so the weight of v is w * scale, and -sum(w * scale * zero_point)
    joins the bias, computed with the rounded weights so that a constant input meets no new error.
    """
    outputs = weights.shape[0]
    folded = weights * input_scales
    high = (1 << (bits - 1)) - 1
    top = np.abs(folded).reshape(outputs, -1).max(axis=1)
    # A channel of zero weights only gives its bias; the accumulator's step then just has to hold it.
    scales = np.maximum(top / high, np.maximum(np.abs(bias), 1e-30) / (1 << 24))
    shape = (outputs,) + (1,) * (weights.ndim - 1)
    integers = np.clip(np.rint(folded / scales.reshape(shape)), -high, high)
    offset = (integers * input_zero_points).reshape(outputs, -1).sum(axis=1)
    total = np.clip(np.rint(bias / scales - offset), -(2**30), 2**30)
    return FoldedWeights(integers.astype(np.int8), scales, total.astype(np.int32))
