"""TRANSPOSE_CONV: every input pixel adds its products with the kernel to the output pixels under it; weights (O, kernel_h, kernel_w, I).

Along an axis, input pixel i lies under the kernel from output pixel i * stride - pad on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, require
from dqa.operators.convolutions import Convolution
from dqa.operators.float_base import Answer, Attributes, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_weights import WeightedOperator, read_weights, with_bias
from dqa.operators.float_windows import nhwc, nhwc_shape, padding, turned_window
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor
from dqa.operators.records import Edge, Window
from dqa.operators.requantize import PRODUCT, finish, zero_points
from dqa.operators.windows import check_window
from dqa.support.arrays import Float32, Int8
from dqa.support.limits import MAX_WINDOW_ROWS

Places = tuple[slice, slice, slice]
"""Samples, rows and columns of a map."""


def reach(k: int, stride: int, pad: int, size: int, out: int) -> tuple[slice, slice]:
    """The input pixels, of `size` along an axis, whose products with element k of the kernel lie in the output, of `out`; and where."""
    first = max(0, -((k - pad) // stride))
    end = max(first, min(size, (out - 1 - k + pad) // stride + 1))
    begin = first * stride - pad + k
    return slice(first, end), slice(begin, begin + (end - first) * stride, stride)


@dataclass(frozen=True, eq=False)
class TransposeConv(Convolution):
    """The window slides over the output, one step for each input pixel."""

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_window(self.window, output, inputs[0])
        require((self.window.dilation_h, self.window.dilation_w) == (1, 1), "a transposed convolution has no dilation")
        self.check_weights(inputs[0], output, 2 * PRODUCT)

    def zero_row(self, source: Edge) -> bool:
        return not source.pads_with_zeros

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return -(-self.window.kernel_h // self.window.stride_h)

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        at, stride, height = y + self.window.pad_top, self.window.stride_h, edges[self.inputs[index]].height
        return min(height, max(0, -((self.window.kernel_h - 1 - at) // stride))), min(height, at // stride + 1)

    def macs(self, source: Edge, output: Edge) -> int:
        return source.height * source.width * self.weights.size

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        w, x = self.window, inputs[0].astype(np.int64) - zero_points(source)
        sums = np.zeros(output.shape, np.int64)
        for i, j in np.ndindex(w.kernel_h, w.kernel_w):
            rows, to_rows = reach(i, w.stride_h, w.pad_top, source.height, output.height)
            columns, to_columns = reach(j, w.stride_w, w.pad_left, source.width, output.width)
            sums[to_rows, to_columns] += x[rows, columns] @ self.weights[:, i, j].astype(np.int64).T
        return finish(sums, self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        height, width, channels = grower.shape(source)
        kernel, stride = (grower.between(1, 5), grower.between(1, 4)), (grower.between(1, 3), grower.between(1, 3))
        pad = grower.between(0, kernel[0] - 1), grower.between(0, kernel[1] - 1)
        least = [max(1, (size - 1) * s - p + 1) for size, s, p in zip((height, width), stride, pad, strict=True)]
        out = grower.edge((least[0] + grower.between(0, kernel[0]), least[1] + grower.between(0, kernel[1]), grower.between(1, 9)))
        weights = grower.weights(grower.shape(out)[2], *kernel, channels)
        requantization = grower.requantization(out, 6000 * weights[0].size ** 0.5)
        weights, book = grower.coded(weights)
        window = Window(*kernel, *stride, 1, 1, *pad)
        grower.ops.append(cls("transposed", (source,), out, window, weights, requantization, book))
        return out


class FloatTransposeConv(WeightedOperator):
    """Attributes: stride_h, stride_w, pad_top, pad_left, out_h, out_w (rows and columns of the output), activation."""

    few_bits = mixes = sums_differences = True

    def read(self, request: Request) -> Answer:
        weights, x, out = read_weights(request, 4), request.input(2).shape, request.output.shape
        if len(x) != 4 or len(out) != 4 or weights.shape[3] != x[3]:
            raise ValueError(f"weights of shape {weights.shape} do not fit an input of shape {x}")
        stride_w, stride_h = request.positive(1, 0, "stride_w"), request.positive(2, 0, "stride_h")
        pads = [padding(request.same_padding(), out[1 + i], weights.shape[1 + i], (stride_h, stride_w)[i])[0] for i in range(2)]
        attributes: Attributes = {"stride_h": stride_h, "stride_w": stride_w, "pad_top": pads[0], "pad_left": pads[1]}
        attributes |= {"out_h": out[1], "out_w": out[2], "activation": request.activation(3)}
        return with_bias(request, attributes, weights.shape[0], (2, 1, 3))

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return nhwc_shape(inputs[0].shape)[0], op.attrs["out_h"], op.attrs["out_w"], inputs[1].shape[0]

    def places(self, op: Op, x: Float32, weights: Float32) -> Iterator[tuple[int, int, Places, Places]]:
        """Of each element (i, j) of the kernel, the places of its inputs and of its outputs."""
        a, (_, height, width, _) = op.attrs, x.shape
        for i, j in np.ndindex(*weights.shape[1:3]):
            rows = reach(i, a["stride_h"], a["pad_top"], height, a["out_h"])
            columns = reach(j, a["stride_w"], a["pad_left"], width, a["out_w"])
            yield i, j, (slice(None), rows[0], columns[0]), (slice(None), rows[1], columns[1])

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x, weights, bias = nhwc(inputs[0]), inputs[1], inputs[2]
        sums = np.zeros((len(x), op.attrs["out_h"], op.attrs["out_w"], len(weights)), np.float32)
        for i, j, source, target in self.places(op, x, weights):
            sums[target] += x[source] @ weights[:, i, j].T
        return activate(op.attrs["activation"], sums + bias)

    def patches(self, op: Op, x: Float32, weights: Float32) -> Float32:
        x = nhwc(x)
        seen = np.zeros((len(x), op.attrs["out_h"], op.attrs["out_w"], *weights.shape[1:]), np.float32)
        for i, j, source, target in self.places(op, x, weights):
            seen[target[0], target[1], target[2], i, j] = x[source]
        return seen.reshape(-1, weights[0].size)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        x, weights = nhwc(inputs[0]), inputs[1]
        total, gradient = np.zeros_like(x), nhwc(gradient)
        for i, j, source, target in self.places(op, x, weights):
            total[source] += gradient[target] @ weights[:, i, j]
        return [total]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        a, (x, weights, *_) = op.attrs, writer.tensors(op)
        shape = writer.integers([writer.batch, a["out_h"], a["out_w"], weights.shape[0]])
        sides = zip(x.hwc[:2], weights.shape[1:3], ("h", "w"), ("top", "left"), strict=True)
        same = all(
            math.ceil(a[f"out_{side}"] / a[f"stride_{side}"]) == size
            and padding(True, a[f"out_{side}"], kernel, a[f"stride_{side}"])[0] == a[f"pad_{before}"]
            for size, kernel, side, before in sides
        )
        word = "SAME" if same else "VALID"
        window = {"padding": word, "strideH": a["stride_h"], "strideW": a["stride_w"], "fusedActivationFunction": a["activation"]}
        writer.builtin(op.kind, [shape, inputs[1], inputs[0], inputs[2]], [output], "TransposeConvOptions", version=4, **window)

    def turned(self, attrs: Attributes) -> Attributes:
        return turned_window(attrs)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        a, (_, kernel_h, kernel_w, _) = op.attrs, inputs[1].shape
        height, width, _ = inputs[0].hwc
        if kernel_h > MAX_WINDOW_ROWS or max(kernel_w, a["stride_h"], a["stride_w"]) > 255:
            return f"a window of {kernel_h} rows and {kernel_w} columns"
        if a["pad_top"] >= kernel_h or a["pad_left"] >= kernel_w:
            return "padding as large as the window"
        reached = (height - 1) * a["stride_h"] < a["out_h"] + a["pad_top"] and (width - 1) * a["stride_w"] < a["out_w"] + a["pad_left"]
        return super().why_not(op, inputs, output) if reached else "an output smaller than the input reaches"

    def sums_alike(self, op: Op) -> bool:
        return False

    def macs(self, tensors: Sequence[Tensor]) -> int:
        return math.prod(tensors[0].hwc[:2]) * math.prod(tensors[1].shape)

    def lower(self, given: Lowering) -> TransposeConv:
        folded, a = given.folded(), given.op.attrs
        kernel_h, kernel_w = folded.weights.shape[1:3]
        window = Window(kernel_h, kernel_w, a["stride_h"], a["stride_w"], 1, 1, a["pad_top"], a["pad_left"])
        requantization = arithmetic.requantize_sum(folded, given.target)
        return TransposeConv(given.op.name, given.inputs, given.output, window, folded.weights, requantization, folded.book)


PROGRAM = TransposeConv
FLOATS = (FloatTransposeConv("TRANSPOSE_CONV"),)
