"""Operators of the float network with weights: x, weights, bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dqa.operators.bounds import Bounds, summed
from dqa.operators.float_base import Answer, Attributes, FloatOperator, Request
from dqa.operators.network import Op, Tensor
from dqa.support.arrays import Array, Bool, Float32, Float64, Int64
from dqa.support.limits import MAX_WINDOW_ROWS


def read_weights(request: Request, dimensions: int, position: int = 1) -> Float32:
    """Raises ValueError where they are no float constant."""
    weights = request.input(position)
    if weights.data is None or weights.data.dtype != np.float32 or weights.data.ndim != dimensions:
        raise ValueError(f"the weights are not a float constant of {dimensions} dimensions")
    return weights.data


def with_bias(request: Request, attributes: Attributes, channels: int, positions: tuple[int, int, int] = (0, 1, 2)) -> Answer:
    """All three of x, weights and bias; a bias of zeros where the file has none. positions: of the three in the file."""
    x, weights, place = positions
    kept = [request.input(x).index, request.input(weights).index]
    if len(request.inputs) <= place or request.inputs[place] is None:
        return attributes, kept, np.zeros(channels, np.float32)
    bias = request.input(place)
    if bias.data is None or bias.data.dtype != np.float32 or bias.data.size != channels:
        raise ValueError(f"the bias is not a float constant of {channels} numbers")
    return attributes, [*kept, bias.index], None


class WeightedOperator(FloatOperator):
    """Its weights are (O, ..., I) unless it says otherwise."""

    weighted = computes = fuses = lowers = True
    few_bits: ClassVar[bool] = False
    """The weights may have 4 bits."""
    affine: ClassVar[bool] = False
    """Those are affine codes (dqa.operators.affine); else they have a code book."""
    mixes: ClassVar[bool] = False
    """Each channel of the output sums over all of the input's; either can be left out."""
    sums_differences: ClassVar[bool] = False
    """The integer form multiplies values less their zero points: the bias need not make up for them."""

    def patches(self, op: Op, x: Float32, weights: Float32) -> Float32:
        """What each output weighs, (N * positions, K), in the order of weights (O, ...) flattened; where weights may have 4 bits."""
        raise TypeError(f"{self.kind} has no weights of few bits")

    def arranged(self, weights: Array, channels: int) -> tuple[Array, Int64]:
        """Weights as (O, ...), and the input channel that each multiplies, an array that broadcasts to it."""
        return weights, np.arange(channels)

    def summed_inputs(self, values: Float64, channels: int) -> Float64:
        """The sum, (I,), of something of the weights' shape over all that multiplies each input channel."""
        return np.asarray(values.reshape(-1, channels).sum(axis=0))

    def summed_outputs(self, values: Float64) -> Float64:
        """The same over all that goes into each output channel, (O,)."""
        return np.asarray(values.reshape(len(values), -1).sum(axis=1))

    def scaled_inputs(self, weights: Float64, scale: Float64) -> Float64:
        """The weights with all that multiplies each input channel scaled, (I,)."""
        return np.asarray(weights * np.tile(scale, weights.shape[-1] // len(scale)))

    def scaled_outputs(self, weights: Float64, scale: Float64) -> Float64:
        """The weights with the output channels scaled, (O,)."""
        return np.asarray(weights * scale.reshape(-1, *(1,) * (weights.ndim - 1)))

    def sums_alike(self, op: Op) -> bool:
        """Whether an input of one value everywhere gives one sum everywhere: no padding."""
        return not any(op.attrs.get(side) for side in ("pad_top", "pad_bottom", "pad_left", "pad_right"))

    def read_bounds(self, op: Op, x: Bounds) -> Bounds:
        """Of what its weights multiply: padding is 0."""
        return x if self.sums_alike(op) else x.with_zero()

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        (weights, bias), x = constants(tensors), self.read_bounds(op, inputs[0])
        real, channels = self.arranged(weights, len(x.low))
        places = np.broadcast_to(channels, real.shape).reshape(len(real), -1)
        return summed(real.reshape(len(real), -1), x.at(places), bias)

    def per_input(self, weights: Float64, channels: int) -> Float64:
        """The sum (O, I), of something of the weights' shape, over all that goes from an input channel to an output channel; of `mixes`."""
        real, _ = self.arranged(weights, channels)
        return np.asarray(real.reshape(len(real), -1, channels).sum(axis=1))

    def picked(self, weights: Array, inputs: Bool, outputs: Bool) -> Array:
        """The weights of some input and output channels, bool (I,) and (O,)."""
        return weights[outputs][..., np.tile(inputs, weights.shape[-1] // len(inputs))]

    def macs(self, tensors: Sequence[Tensor]) -> int:
        """Multiply-accumulates of one inference. tensors: inputs, then the output."""
        return math.prod(tensors[-1].hwc[:2]) * math.prod(tensors[1].shape)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return "weights that are not constant" if inputs[1].data is None else ""


def constants(tensors: Sequence[Tensor]) -> tuple[Float64, Float64]:
    """Weights and bias of an operator with weights. tensors: its inputs, and more."""
    weights, bias = (np.asarray(tensor.data, np.float64) for tensor in tensors[1:3])
    return weights, bias.reshape(-1)


def why_no_window(op: Op, kernel_h: int, kernel_w: int) -> str:
    """Why a convolution's window is too large for the format; empty if it is not."""
    rows = (kernel_h - 1) * op.attrs["dilation_h"] + 1
    columns = (kernel_w - 1) * op.attrs["dilation_w"] + 1
    steps = (op.attrs["dilation_h"], op.attrs["dilation_w"], op.attrs["stride_h"], op.attrs["stride_w"])
    if rows > MAX_WINDOW_ROWS or max(kernel_w, *steps) > 255:
        return f"a window of {rows} rows and {columns} columns"
    if op.attrs["pad_top"] >= max(rows, 1) or op.attrs["pad_left"] >= max(columns, 1):
        return "padding as large as the window"
    return ""
