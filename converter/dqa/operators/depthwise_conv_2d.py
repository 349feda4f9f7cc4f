"""DEPTHWISE_CONV_2D: a convolution of each channel alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, check_array, require
from dqa.operators.float_base import Answer, Attributes, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_weights import WeightedOperator, read_weights, why_no_window, with_bias
from dqa.operators.float_windows import PaddedSum, float_windows, nhwc, nhwc_shape, read_window, turned_window, window_shape, write_padded
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import (
    REQUANTIZATION_BYTES,
    WINDOW_BYTES,
    Constants,
    Parameters,
    offset,
    requantization_bytes,
    window_bytes,
)
from dqa.operators.records import Edge, Requantization, Window
from dqa.operators.requantize import PRODUCT, check_requantization, finish, folds_zero_point, zero_points
from dqa.operators.windows import Windowed, check_padded_window, window_of, windows
from dqa.support.arrays import Array, Bool, Float32, Float64, Int8, Int64


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(Windowed):
    """weights int8 (kernel_h, kernel_w, O), O = I * multiplier."""

    weights: Int8
    requantization: Requantization

    parameter_bytes = WINDOW_BYTES + 4 + REQUANTIZATION_BYTES
    instructions_per_mac = 5.0

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        window = parameters.window()
        weights = parameters.int8((window.kernel_h, window.kernel_w, target.channels), "weights")
        return cls(name, inputs, output, window, weights, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        weights = offset(constants, self.weights, f"weights {self.weights.shape}")
        return window_bytes(self.window) + weights + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        window = self.window
        check_padded_window(window, inputs[0], output)
        require(output.channels % inputs[0].channels == 0, "the output's channels are no multiple of the input's")
        check_array(self.weights, np.int8, (window.kernel_h, window.kernel_w, output.channels), "weights")
        check_requantization(self.requantization, output.channels, PRODUCT * window.kernel_h * window.kernel_w)

    def blocks(self, source: Edge, output: Edge) -> tuple[int, ...]:
        """Output columns of a stretch; the shorter it is, the more columns are gathered twice."""
        w, channels = self.window, self.weights.shape[2]
        plain = (w.kernel_h, w.kernel_w, w.dilation_h, w.dilation_w) == (3, 3, 1, 1) and w.stride_w <= 2
        if not plain or channels != source.channels or channels < 4 or not folds_zero_point(self.requantization, output):
            return ()
        return tuple(range(min(output.width, 255), 0, -1))

    def block_bytes(self, source: Edge, output: Edge) -> int:
        """Of four channels the columns under the kernel and its own three, two words each."""
        return ((self.block - 1) * self.window.stride_w + 6) * 32 if self.block else 0

    def part(self, source: Edge, output: Edge) -> str:
        positive = "_positive" if (output.low, output.high) == (0, 127) else ""
        return f"depthwise_{self.window.stride_w}{positive}" if self.block else "depthwise_plain"

    @property
    def padded(self) -> Window | None:
        return self.window

    def macs(self, source: Edge, output: Edge) -> int:
        return output.values * self.window.kernel_h * self.window.kernel_w

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        seen = windows(self.window, inputs[0], source, output, zero_points(source))
        repeated = np.repeat(seen, output.channels // source.channels, axis=4)
        return finish(np.einsum("yxhwo,hwo->yxo", repeated, self.weights.astype(np.int64)), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        window, height, width = grower.window(source, True)
        weights = grower.weights(window.kernel_h, window.kernel_w, grower.shape(source)[2] * grower.between(1, 3))
        return cls.grow_as(grower, source, window, weights, (height, width))

    @classmethod
    def grow_as(cls, grower: Grower, source: int, window: Window, weights: Int8, size: tuple[int, int]) -> int:
        """One with these weights; `size` of the output in rows and columns."""
        out = grower.edge((*size, weights.shape[2]))
        requantization = grower.requantization(out, 4000 * weights[..., 0].size ** 0.5)
        op = cls("depthwise", (source,), out, window, weights, requantization)
        blocks = (0, *op.blocks(grower.edges[source], grower.edges[out])[:3])
        grower.ops.append(replace(op, block=blocks[len(grower.ops) % len(blocks)]))
        return out


class FloatDepthwiseConv2D(WeightedOperator):
    """weights (1, kernel_h, kernel_w, I * multiplier); attributes: those of CONV_2D and depth_multiplier."""

    def read(self, request: Request) -> Answer:
        weights = read_weights(request, 4)
        channels = request.input(0).shape[-1]
        if weights.shape[0] != 1 or weights.shape[3] % channels:
            raise ValueError(f"weights of shape {weights.shape} do not fit {channels} input channels")
        dilation = request.positive(6, 1, "dilation_h"), request.positive(5, 1, "dilation_w")
        attributes = read_window(request, (weights.shape[1], weights.shape[2]), dilation)
        attributes |= {"dilation_h": dilation[0], "dilation_w": dilation[1], "activation": request.activation(4)}
        attributes["depth_multiplier"] = weights.shape[3] // channels
        return with_bias(request, attributes, weights.shape[3])

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, height, width, channels = nhwc_shape(inputs[0].shape)
        _, kernel_h, kernel_w, out = inputs[1].shape
        if out != channels * op.attrs["depth_multiplier"]:
            raise ValueError(f"weights of shape {inputs[1].shape} do not fit {channels} input channels")
        return batch, *window_shape(op, height, width, (kernel_h, kernel_w)), out

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x, weights, bias = inputs
        _, kernel_h, kernel_w, out = weights.shape
        seen = float_windows(op, x, (kernel_h, kernel_w), 0.0)
        split = weights[0].reshape(kernel_h, kernel_w, seen.shape[3], -1)
        result = np.einsum("nyxchw,hwcm->nyxcm", seen, split, optimize=True)
        return activate(op.attrs["activation"], result.reshape(*result.shape[:3], out) + bias)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        x, weights = inputs[:2]
        found, channels = PaddedSum(op, x, gradient), nhwc(x).shape[3]
        for i, j in np.ndindex(*weights.shape[1:3]):
            scaled = nhwc(gradient) * weights[0, i, j]
            found.sum[found.at(i, j)] += scaled.reshape(*scaled.shape[:3], channels, -1).sum(axis=4)
        return [found.inner()]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source, weights, a = *writer.tensors(op)[:2], op.attrs
        vector, last = len(writer.shape(source)) != 4, output
        if vector:  # the kernel is for maps
            before, output = (writer.made((1, *tensor.hwc)) for tensor in (source, writer.tensors(op)[-1]))
            writer.builtin("RESHAPE", [inputs[0], writer.integers([writer.batch, *source.hwc])], [before], "ReshapeOptions")
            inputs = [before, *inputs[1:]]
        x, padding = write_padded(writer, op, inputs[0], (weights.shape[1], weights.shape[2]))
        dilation = {"dilationHFactor": a.get("dilation_h", 1), "dilationWFactor": a.get("dilation_w", 1)}
        strides = {"strideH": a["stride_h"], "strideW": a["stride_w"], "depthMultiplier": weights.shape[3] // source.hwc[2]}
        fused = {"padding": padding, "fusedActivationFunction": a["activation"]}
        options = "DepthwiseConv2DOptions"
        writer.builtin(op.kind, [x, *inputs[1:]], [output], options, version=2, **strides, **fused, **dilation)
        if vector:
            shape = writer.shape(writer.tensors(op)[-1])
            writer.builtin("RESHAPE", [output, writer.integers(shape)], [last], "ReshapeOptions", newShape=shape)

    def turned(self, attrs: Attributes) -> Attributes:
        return turned_window(attrs)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return super().why_not(op, inputs, output) or why_no_window(op, *inputs[1].shape[1:3])

    def arranged(self, weights: Array, channels: int) -> tuple[Array, Int64]:
        real = np.moveaxis(weights[0], 2, 0)[..., None]  # (O, kernel_h, kernel_w, 1)
        return real, np.repeat(np.arange(channels), len(real) // channels).reshape(-1, 1, 1, 1)

    def summed_inputs(self, values: Float64, channels: int) -> Float64:
        return np.asarray(values.reshape(-1, channels, values.shape[-1] // channels).sum(axis=(0, 2)))

    def summed_outputs(self, values: Float64) -> Float64:
        return np.asarray(values.sum(axis=(0, 1, 2)))

    def scaled_inputs(self, weights: Float64, scale: Float64) -> Float64:
        return np.asarray(weights * np.repeat(scale, weights.shape[3] // len(scale)))

    def scaled_outputs(self, weights: Float64, scale: Float64) -> Float64:
        return np.asarray(weights * scale)

    def tied(self, op: Op, tensors: Sequence[Tensor], index: int) -> Int64 | None:
        return np.arange(tensors[-1].hwc[2]).reshape(tensors[0].hwc[2], -1) if index == 0 else None

    def picked(self, weights: Array, inputs: Bool, outputs: Bool) -> Array:
        return weights[..., outputs]

    def lower(self, given: Lowering) -> DepthwiseConv2D:
        folded = given.folded()
        window = window_of(given.op.attrs, *folded.weights.shape[1:3])
        weights = np.ascontiguousarray(np.moveaxis(folded.weights[..., 0], 0, 2))
        requantization = arithmetic.requantize_sum(folded, given.target)
        return DepthwiseConv2D(given.op.name, given.inputs, given.output, window, weights, requantization)


PROGRAM = DepthwiseConv2D
FLOATS = (FloatDepthwiseConv2D("DEPTHWISE_CONV_2D"),)
