"""CONV_2D: a convolution over all channels; weights (O, kernel_h, kernel_w, I)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dqa.operators import affine as affine_codes
from dqa.operators import arithmetic
from dqa.operators.base import Grower
from dqa.operators.books import encoding_of, read_book, write_book
from dqa.operators.convolutions import Convolution, Shape4
from dqa.operators.float_base import Answer, Attributes, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_weights import WeightedOperator, read_weights, why_no_window, with_bias
from dqa.operators.float_windows import PaddedSum, float_windows, nhwc, nhwc_shape, read_window, turned_window, window_shape, write_padded
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset, window_bytes
from dqa.operators.records import Edge, Requantization, WeightEncoding, Window
from dqa.operators.requantize import PRODUCT, finish, folds_zero_point, zero_points
from dqa.operators.windows import check_padded_window, window_of, windows
from dqa.support.arrays import Float32, Int8

BLOCKS = (3, 4, 5)
"""Output pixels that may be computed at once."""
SHARING, SHARED_COLUMNS = 4, 6
"""Output pixels that share the columns under a kernel of 3, and those columns."""


def shares_columns(window: Window, channels: int, block: int, affine: bool) -> bool:
    """Whether the pixels of a block share the columns under the kernel, whose channels are whole words."""
    moves_by_one = (window.kernel_w, window.stride_w, window.dilation_w) == (affine_codes.COLUMNS, 1, 1)
    return block == SHARING and moves_by_one and channels % (affine_codes.INPUTS if affine else 4) == 0


@dataclass(frozen=True, eq=False)
class Conv2D(Convolution):
    affine_weights = True

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_padded_window(self.window, inputs[0], output)
        self.check_weights(inputs[0], output, PRODUCT)

    @property
    def padded(self) -> Window | None:
        return self.window

    def blocks(self, source: Edge, output: Edge) -> tuple[int, ...]:
        """n pixels take 5 + 2 n instructions for four products each, affine weights 9 + 4 n (12 + 4 n of 5) for eight, those that share
        columns less; the last block of a row overlaps the one before it."""
        looked_up = self.book is not None and not self.affine
        if looked_up or not folds_zero_point(self.requantization, output) or self.weights[0, 0].size < 4:
            return ()
        fitting = [n for n in BLOCKS if n <= output.width]
        turns = 3 if self.affine else 0
        cost = {n: 9 + 4 * n + (turns if n == max(BLOCKS) else 0) if self.affine else 5 + 2 * n for n in fitting}
        return tuple(sorted(fitting, key=lambda n: (not self._shares(n), -(-output.width // n) * cost[n], n)))

    @property
    def affine(self) -> bool:
        """Whether its weights are affine codes."""
        return encoding_of(self) is WeightEncoding.AFFINE

    def _shares(self, block: int) -> bool:
        return shares_columns(self.window, self.weights.shape[3], block, self.affine)

    @classmethod
    def read_weights(cls, parameters: Parameters, window: Window, shape: Shape4) -> tuple[Int8, Requantization, Int8 | None]:
        if parameters.encoding is not WeightEncoding.AFFINE:
            return super().read_weights(parameters, window, shape)
        words = parameters.uint32((shape[0], -(-math.prod(shape[1:]) // affine_codes.INPUTS)), "weights")
        requantization, least = read_book(parameters, shape[0])
        alternate = shares_columns(window, shape[3], parameters.block, True)
        with parameters.valid():
            return affine_codes.unpack_words(words, least, shape, alternate), requantization, least

    def write(self, constants: Constants) -> bytes:
        if self.book is None or not self.affine:
            return super().write(constants)
        words = affine_codes.pack_words(self.weights, self.book, self._shares(self.block))
        weights = offset(constants, words, f"affine weights {self.weights.shape}, eight codes of 4 bits each")
        return window_bytes(self.window) + write_book(constants, weights, self.requantization, self.book)

    def block_bytes(self, source: Edge, output: Edge) -> int:
        """What lies under the kernel in 16 bits, and a window in bytes where its columns are no whole words."""
        rows, columns, channels = self.weights.shape[1:]
        if self._shares(self.block):
            return int(2 * SHARED_COLUMNS * rows * channels)
        word = affine_codes.INPUTS if self.affine else 4
        values = -(-rows * columns * channels // word) * word
        return int(2 * self.block * values + (values if channels % 4 and rows * columns > 1 else 0)) if self.block else 0

    def part(self, source: Edge, output: Edge) -> str:
        if self._shares(self.block):
            return "conv_affine_shared" if self.affine else "conv_shared"
        if not self.block:
            return "conv_plain"
        return f"conv_affine_{self.block}" if self.affine else f"conv_{self.block}"

    def macs(self, source: Edge, output: Edge) -> int:
        return output.values * math.prod(self.weights.shape[1:])

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        seen = windows(self.window, inputs[0], source, output, zero_points(source))
        return finish(np.einsum("yxhwi,ohwi->yxo", seen, self.weights.astype(np.int64)), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        window, height, width = grower.window(source, True)
        weights = grower.weights(grower.between(1, 9), window.kernel_h, window.kernel_w, grower.shape(source)[2])
        return cls.grow_as(grower, source, window, weights, (height, width))

    @classmethod
    def grow_as(cls, grower: Grower, source: int, window: Window, weights: Int8, size: tuple[int, int]) -> int:
        """One with these weights; `size` of the output in rows and columns."""
        out = grower.edge((*size, weights.shape[0]))
        requantization = grower.requantization(out, 4000 * weights[0].size ** 0.5)
        weights, book = grower.coded(weights, affine=True)
        op = cls("conv", (source,), out, window, weights, requantization, book)
        blocks = (0, *op.blocks(grower.edges[source], grower.edges[out]))
        grower.ops.append(replace(op, block=blocks[len(grower.ops) % len(blocks)]))
        return out


class FloatConv2D(WeightedOperator):
    """weights (O, kernel_h, kernel_w, I / groups); attributes: those of a window, dilation_h, dilation_w, activation."""

    few_bits = affine = mixes = True

    def read(self, request: Request) -> Answer:
        weights = read_weights(request, 4)
        dilation = request.positive(5, 1, "dilation_h"), request.positive(4, 1, "dilation_w")
        attributes = read_window(request, (weights.shape[1], weights.shape[2]), dilation)
        attributes |= {"dilation_h": dilation[0], "dilation_w": dilation[1], "activation": request.activation(3)}
        return with_bias(request, attributes, weights.shape[0])

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, height, width, channels = nhwc_shape(inputs[0].shape)
        out, kernel_h, kernel_w, group = inputs[1].shape
        if channels % group or out % (channels // group):
            raise ValueError(f"weights of shape {inputs[1].shape} do not fit {channels} input channels")
        return batch, *window_shape(op, height, width, (kernel_h, kernel_w)), out

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x, weights, bias = inputs
        out = self.patches(op, x, weights) @ weights.reshape(len(weights), -1).T + bias
        return activate(op.attrs["activation"], out)

    def patches(self, op: Op, x: Float32, weights: Float32) -> Float32:
        seen = float_windows(op, x, (weights.shape[1], weights.shape[2]), 0.0)
        return seen.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weights[0].size)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        x, weights = inputs[:2]
        found = PaddedSum(op, x, gradient)
        for i, j in np.ndindex(*weights.shape[1:3]):
            found.sum[found.at(i, j)] += nhwc(gradient) @ weights[:, i, j]
        return [found.inner()]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        kernel, a = writer.tensors(op)[1].shape[1:3], op.attrs
        x, padding = write_padded(writer, op, inputs[0], (kernel[0], kernel[1]))
        dilation = {"dilationHFactor": a.get("dilation_h", 1), "dilationWFactor": a.get("dilation_w", 1)}
        strides = {"strideH": a["stride_h"], "strideW": a["stride_w"]}
        fused = {"padding": padding, "fusedActivationFunction": a["activation"]}
        writer.builtin("CONV_2D", [x, *inputs[1:]], [output], "Conv2DOptions", **strides, **fused, **dilation)

    def turned(self, attrs: Attributes) -> Attributes:
        return turned_window(attrs)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        weights, channels = inputs[1].data, inputs[0].hwc[2]
        if weights is None:
            return super().why_not(op, inputs, output)
        if weights.shape[3] != channels:
            return f"{channels // weights.shape[3]} groups"
        return why_no_window(op, *weights.shape[1:3])

    def lower(self, given: Lowering) -> Conv2D:
        folded = given.folded()
        window = window_of(given.op.attrs, *folded.weights.shape[1:3])
        requantization = arithmetic.requantize_sum(folded, given.target)
        return Conv2D(given.op.name, given.inputs, given.output, window, folded.weights, requantization, folded.book)


PROGRAM = Conv2D
FLOATS = (FloatConv2D("CONV_2D"),)
