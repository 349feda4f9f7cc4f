"""What pools of the float network share; attributes: those of a window, kernel_h, kernel_w, activation."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.errors import ModelError
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Request, Shape
from dqa.operators.float_windows import nhwc_shape, padding_word, read_window, turned_window, window_shape
from dqa.operators.network import Op, Tensor
from dqa.support.limits import MAX_POOLED, MAX_WINDOW_ROWS


def kernel_of(op: Op) -> tuple[int, int]:
    return op.attrs["kernel_h"], op.attrs["kernel_w"]


class FloatPool(FloatOperator):
    lowers = aligned = True

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        return inputs[0]

    def read(self, request: Request) -> Answer:
        kernel = request.positive(4, 0, "filter_height"), request.positive(3, 0, "filter_width")
        attributes = read_window(request, kernel)
        attributes |= {"kernel_h": kernel[0], "kernel_w": kernel[1], "activation": request.activation(5)}
        return attributes, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, height, width, channels = nhwc_shape(inputs[0].shape)
        return batch, *window_shape(op, height, width, kernel_of(op)), channels

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        word, a = padding_word(op, writer.tensors(op)[0], kernel_of(op)), op.attrs
        if word is None:
            raise ModelError(f"layer '{op.name}': a pool with pads that are neither SAME nor VALID", hint="report this model")
        window = {"strideH": a["stride_h"], "strideW": a["stride_w"], "filterHeight": a["kernel_h"], "filterWidth": a["kernel_w"]}
        writer.builtin(op.kind, inputs, [output], "Pool2DOptions", padding=word, fusedActivationFunction=a["activation"], **window)

    def turned(self, attrs: Attributes) -> Attributes:
        return turned_window(attrs)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        kernel_h, kernel_w = kernel_of(op)
        if kernel_h > MAX_WINDOW_ROWS or kernel_w > 255:
            return f"a window of {kernel_h} x {kernel_w}"
        return "a window of more than 32768 elements" if kernel_h * kernel_w > MAX_POOLED else ""
