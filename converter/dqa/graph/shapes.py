"""The shape an operator's output must have."""

from __future__ import annotations

import math

import numpy as np

from dqa.graph.functions import UNARY_KINDS
from dqa.graph.model import Graph, Op

Shape = tuple[int, ...]


def nhwc(shape: Shape) -> tuple[int, int, int, int]:
    """A shape of at most four dimensions as NHWC; the missing ones come after the batch."""
    if not 1 <= len(shape) <= 4:
        raise ValueError(f"shape {shape} has {len(shape)} dimensions, expected at most 4")
    batch, height, width, channels = shape[:1] + (1,) * (4 - len(shape)) + shape[1:]
    return batch, height, width, channels


def output_shape(op: Op, graph: Graph) -> Shape | None:
    """Shape of the output by inputs and attributes; None for kinds not known here.

    Shapes may differ from the tensor's in dimensions of size 1. Raises ValueError if the inputs do not fit the operator.
    """
    tensors = [graph.tensors[index] for index in op.inputs]
    x = tensors[0]
    match op.kind:
        case "CONV_2D":
            batch, height, width, channels = nhwc(x.shape)
            out, kernel_h, kernel_w, group = tensors[1].shape
            if channels % group or out % (channels // group):
                raise ValueError(f"weights of shape {tensors[1].shape} do not fit {channels} input channels")
            return batch, *_windows(op, height, width, kernel_h, kernel_w), out
        case "DEPTHWISE_CONV_2D":
            batch, height, width, channels = nhwc(x.shape)
            _, kernel_h, kernel_w, out = tensors[1].shape
            if out != channels * op.attrs["depth_multiplier"]:
                raise ValueError(f"weights of shape {tensors[1].shape} do not fit {channels} input channels")
            return batch, *_windows(op, height, width, kernel_h, kernel_w), out
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            batch, height, width, channels = nhwc(x.shape)
            return batch, *_windows(op, height, width, op.attrs["kernel_h"], op.attrs["kernel_w"]), channels
        case "FULLY_CONNECTED":
            out, size = tensors[1].shape
            if math.prod(x.shape) % size:
                raise ValueError(f"weights of shape {tensors[1].shape} do not fit the input {x.shape}")
            return math.prod(x.shape) // size, out
        case "ADD" | "SUB" | "MUL" | "DIV":
            return tuple(np.broadcast_shapes(x.shape, tensors[1].shape))
        case "CONCATENATION":
            axis = op.attrs["axis"]
            shapes = [nhwc(tensor.shape) for tensor in tensors]
            if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) != 1:
                raise ValueError(f"inputs of shapes {shapes} do not fit along axis {axis}")
            return *shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]
        case "PAD":
            return tuple(size + before + after for size, (before, after) in zip(nhwc(x.shape), op.attrs["paddings"], strict=True))
        case "RESIZE_NEAREST_NEIGHBOR":
            batch, _, _, channels = nhwc(x.shape)
            return batch, len(op.attrs["rows"]), len(op.attrs["columns"]), channels
        case "MEAN":
            return tuple(1 if axis in op.attrs["axes"] else size for axis, size in enumerate(nhwc(x.shape)))
        case "TILE":
            return tuple(size * count for size, count in zip(x.shape, op.attrs["repeats"], strict=True))
        case "SOFTMAX" | "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" | "DEQUANTIZE":
            return x.shape
        case kind if kind in UNARY_KINDS:
            return x.shape
    return None


def _windows(op: Op, height: int, width: int, kernel_h: int, kernel_w: int) -> tuple[int, int]:
    attrs = op.attrs
    reach_h = (kernel_h - 1) * attrs.get("dilation_h", 1) + 1
    reach_w = (kernel_w - 1) * attrs.get("dilation_w", 1) + 1
    rows = (height + attrs["pad_top"] + attrs["pad_bottom"] - reach_h) // attrs["stride_h"] + 1
    columns = (width + attrs["pad_left"] + attrs["pad_right"] - reach_w) // attrs["stride_w"] + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"a window of {reach_h} x {reach_w} does not fit a map of {height} x {width}")
    return rows, columns
