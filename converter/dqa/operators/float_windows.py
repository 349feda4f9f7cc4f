"""Operators of the float network that slide a window over their input: convolutions and pools.

Their attributes: stride_h, stride_w, pad_top, pad_bottom, pad_left, pad_right (explicit: SAME and VALID are resolved when they are read),
dilation_h, dilation_w of convolutions, kernel_h, kernel_w of pools.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dqa.operators.float_base import Attributes, FloatWriter, Request, Shape
from dqa.operators.network import Op, Tensor, as_map
from dqa.support.arrays import Float32


def nhwc_shape(shape: Shape) -> tuple[int, int, int, int]:
    """A shape of at most four dimensions as NHWC (`as_map`)."""
    if not 1 <= len(shape) <= 4:
        raise ValueError(f"shape {shape} has {len(shape)} dimensions, expected at most 4")
    return shape[0], *as_map(shape[1:])


def nhwc(x: Float32) -> Float32:
    """Values (N, ...) in four dimensions (`as_map`)."""
    return x.reshape(len(x), *as_map(x.shape[1:]))


def padding(same: bool, size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """(before, after) in TFLite's sense: SAME puts the odd one after."""
    if not same:
        return 0, 0
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def read_window(request: Request, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Attributes:
    """Strides and pads of a convolution or pool. Raises ValueError."""
    shape = request.input(0).shape
    if len(shape) != 4:
        raise ValueError(f"the input has {len(shape)} dimensions, expected 4")
    stride_w, stride_h = request.positive(1, 0, "stride_w"), request.positive(2, 0, "stride_h")
    top, bottom = padding(request.same_padding(), shape[1], kernel[0], stride_h, dilation[0])
    left, right = padding(request.same_padding(), shape[2], kernel[1], stride_w, dilation[1])
    return {"stride_h": stride_h, "stride_w": stride_w, "pad_top": top, "pad_bottom": bottom, "pad_left": left, "pad_right": right}


def window_shape(op: Op, height: int, width: int, kernel: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the output. Raises ValueError where no window fits."""
    attrs = op.attrs
    reach_h = (kernel[0] - 1) * attrs.get("dilation_h", 1) + 1
    reach_w = (kernel[1] - 1) * attrs.get("dilation_w", 1) + 1
    rows = (height + attrs["pad_top"] + attrs["pad_bottom"] - reach_h) // attrs["stride_h"] + 1
    columns = (width + attrs["pad_left"] + attrs["pad_right"] - reach_w) // attrs["stride_w"] + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"a window of {reach_h} x {reach_w} does not fit a map of {height} x {width}")
    return rows, columns


def float_windows(op: Op, x: Float32, kernel: tuple[int, int], fill: float) -> Float32:
    """(N, out height, out width, C, kernel_h, kernel_w)"""
    attrs = op.attrs
    dilation_h, dilation_w = attrs.get("dilation_h", 1), attrs.get("dilation_w", 1)
    pads = ((0, 0), (attrs["pad_top"], attrs["pad_bottom"]), (attrs["pad_left"], attrs["pad_right"]), (0, 0))
    padded = np.pad(nhwc(x), pads, constant_values=fill)
    reach = ((kernel[0] - 1) * dilation_h + 1, (kernel[1] - 1) * dilation_w + 1)
    windows = sliding_window_view(padded, reach, axis=(1, 2))
    return windows[:, :: attrs["stride_h"], :: attrs["stride_w"], :, ::dilation_h, ::dilation_w]


def turned_window(attrs: Attributes) -> Attributes:
    """With rows and columns in each other's place."""
    names = {"h": "w", "w": "h", "top": "left", "left": "top", "bottom": "right", "right": "bottom"}
    result = dict(attrs)
    for name, value in attrs.items():
        what, _, side = name.rpartition("_")
        if what in ("stride", "pad", "dilation", "kernel", "out") and side in names:
            result[f"{what}_{names[side]}"] = value
    return result


class PaddedSum:
    """Gradients gathered in a padded map, at the places that a kernel position reads."""

    def __init__(self, op: Op, x: Float32, gradient: Float32) -> None:
        self.attrs = op.attrs
        samples, self.height, self.width, channels = nhwc(x).shape
        self.out_h, self.out_w = nhwc(gradient).shape[1:3]
        pads = self.attrs["pad_top"] + self.attrs["pad_bottom"], self.attrs["pad_left"] + self.attrs["pad_right"]
        self.sum = np.zeros((samples, self.height + pads[0], self.width + pads[1], channels), np.float32)

    def at(self, i: int, j: int) -> tuple[slice, slice, slice]:
        """Of kernel row i, column j, for all outputs."""
        top, left = i * self.attrs.get("dilation_h", 1), j * self.attrs.get("dilation_w", 1)
        stride_h, stride_w = self.attrs["stride_h"], self.attrs["stride_w"]
        rows = slice(top, top + (self.out_h - 1) * stride_h + 1, stride_h)
        return slice(None), rows, slice(left, left + (self.out_w - 1) * stride_w + 1, stride_w)

    def inner(self) -> Float32:
        """Without the padding."""
        top, left = self.attrs["pad_top"], self.attrs["pad_left"]
        return self.sum[:, top : top + self.height, left : left + self.width]

    def padded(self, x: Float32, fill: float) -> Float32:
        a = self.attrs
        return np.pad(nhwc(x), ((0, 0), (a["pad_top"], a["pad_bottom"]), (a["pad_left"], a["pad_right"]), (0, 0)), constant_values=fill)


def padding_word(op: Op, source: Tensor, kernel: tuple[int, int]) -> str | None:
    """TFLite's word for an operator's pads, None if it has none."""
    attrs = op.attrs
    pads = [(attrs["pad_top"], attrs["pad_bottom"]), (attrs["pad_left"], attrs["pad_right"])]
    if pads == [(0, 0), (0, 0)]:
        return "VALID"
    same = []
    for size, length, side in zip(source.hwc[:2], kernel, ("h", "w"), strict=True):
        same.append(padding(True, size, length, attrs[f"stride_{side}"], attrs.get(f"dilation_{side}", 1)))
    return "SAME" if pads == same else None


def write_padded(writer: FloatWriter, op: Op, x: int, kernel: tuple[int, int]) -> tuple[int, str]:
    """The input of a convolution and its padding; pads TFLite has no word for become an operator of their own."""
    source = writer.tensors(op)[0]
    word = padding_word(op, source, kernel)
    if word is not None:
        return x, word
    attrs, (height, width, channels) = op.attrs, source.hwc
    top, bottom, left, right = (attrs[f"pad_{side}"] for side in ("top", "bottom", "left", "right"))
    padded = writer.made((1, height + top + bottom, width + left + right, channels))
    pads = writer.integers([(0, 0), (top, bottom), (left, right), (0, 0)])
    writer.builtin("PAD", [x, pads], [padded], "PadOptions")
    return padded, "VALID"
