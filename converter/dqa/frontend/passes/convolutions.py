"""Convolutions in disguise: per-row dense layers, grouped convolutions, and dilation by SPACE_TO_BATCH_ND."""

from __future__ import annotations

import numpy as np

from dqa.frontend.passes.reshapes import RESHAPES
from dqa.graph.edit import add_constant, constant
from dqa.graph.model import Graph, Op
from dqa.operators.registry import float_operator

_MAX_WEIGHTS = 1 << 24
_POINTWISE = {
    **{"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1},
    **{"pad_top": 0, "pad_bottom": 0, "pad_left": 0, "pad_right": 0},
}


def dense_to_conv(graph: Graph) -> bool:
    """A FULLY_CONNECTED that works on the last dimension of a map of more than one pixel is a 1 x 1 convolution."""
    for op in graph.ops:
        if op.kind != "FULLY_CONNECTED":
            continue
        before, after = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
        if not before.is_map or not after.is_map:
            continue
        weights = constant(graph, op.inputs[1])
        if before.hwc[:2] != after.hwc[:2] or before.hwc[2] != weights.shape[1] or before.hwc[:2] == (1, 1):
            continue
        op.kind = "CONV_2D"
        op.inputs[1] = add_constant(graph, graph.tensors[op.inputs[1]].name, weights.reshape(weights.shape[0], 1, 1, weights.shape[1]))
        op.attrs |= _POINTWISE
        return True
    return False


def grouped_conv(graph: Graph) -> bool:
    """Weights of a grouped convolution are widened to all input channels, with zeros."""
    for op in graph.ops:
        if op.kind != "CONV_2D":
            continue
        channels = graph.tensors[op.inputs[0]].shape[-1]
        weights = constant(graph, op.inputs[1])
        out, height, width, group = weights.shape
        if group == channels:
            continue
        if weights.size // group * channels > _MAX_WEIGHTS:
            op.kind = "GROUPED_CONV_2D"  # a kind nobody knows: reported as unsupported
            return True
        wide = np.zeros((out, height, width, channels), np.float32)
        for number in range(channels // group):
            rows = slice(number * out * group // channels, (number + 1) * out * group // channels)
            wide[rows, :, :, number * group : (number + 1) * group] = weights[rows]
        op.inputs[1] = add_constant(graph, graph.tensors[op.inputs[1]].name, wide)
        return True
    return False


def dilated_conv(graph: Graph) -> bool:
    """SPACE_TO_BATCH_ND, convolution of stride 1 without padding, BATCH_TO_SPACE_ND -> one dilated convolution.

    Of series, too, where a RESHAPE puts a row in front of the convolution and another takes it away. Several convolutions may read what
    one SPACE_TO_BATCH_ND gives (the two of a gate): each is dilated by itself.
    """
    for place, gather in enumerate(graph.ops):
        conv = _writer(graph, gather.inputs[0]) if gather.kind == "BATCH_TO_SPACE_ND" else None
        spread = _writer(graph, conv.inputs[0]) if conv is not None and conv.kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else None
        if conv is None or spread is None or spread.kind != "SPACE_TO_BATCH_ND":
            continue
        if (sides := _dilation(graph, spread, conv, gather)) is None:
            continue
        attributes, weights = {**conv.attrs, **sides}, conv.inputs[1]
        if len(graph.tensors[spread.inputs[0]].shape) == 3:  # time runs along the rows
            attributes = float_operator(conv.kind).turned(attributes)
            along = np.ascontiguousarray(constant(graph, weights).swapaxes(1, 2))
            weights = add_constant(graph, graph.tensors[weights].name, along)
        graph.ops[place] = Op(conv.kind, conv.name, [spread.inputs[0], weights, *conv.inputs[2:]], gather.outputs, attributes)
        return True
    return False


def _dilation(graph: Graph, spread: Op, conv: Op, gather: Op) -> dict[str, int] | None:
    """Padding and dilation of a convolution between two of blocks; None where it is not a dilated one."""
    before, after = graph.tensors[spread.inputs[0]].shape, graph.tensors[gather.outputs[0]].shape
    axes = len(before) - 2
    if (
        len(spread.inputs) != 3
        or len(gather.inputs) != 3
        or axes not in (1, 2)
        or len(after) != len(before)
        or (before[0], after[0]) != (1, 1)
    ):
        return None
    block, again = _numbers(graph, spread.inputs[1], axes), _numbers(graph, gather.inputs[1], axes)
    pads, crops = _numbers(graph, spread.inputs[2], 2 * axes), _numbers(graph, gather.inputs[2], 2 * axes)
    if block is None or pads is None or crops is None or again != block:
        return None
    if any(value != _POINTWISE[name] for name, value in conv.attrs.items() if name in _POINTWISE):
        return None
    if axes == 1:  # a map of one row
        block, pads, crops, before, after = [1, *block], [0, 0, *pads], [0, 0, *crops], (1, *before), (1, *after)
    _, kernel_h, kernel_w, _ = graph.tensors[conv.inputs[1]].shape
    # What the blocks padded beyond the output is cropped again; the padding that counts follows from the shapes.
    bottom = after[1] - 1 + (kernel_h - 1) * block[0] + 1 - before[1] - pads[0]
    right = after[2] - 1 + (kernel_w - 1) * block[1] + 1 - before[2] - pads[2]
    if not 0 <= bottom <= pads[1] or not 0 <= right <= pads[3] or crops[::2] != [0, 0]:
        return None
    sides = {"pad_top": pads[0], "pad_bottom": bottom, "pad_left": pads[2], "pad_right": right}
    return {**sides, "dilation_h": block[0], "dilation_w": block[1]}


def _writer(graph: Graph, tensor: int) -> Op | None:
    """The operator that makes a tensor, or what a reshape makes it of."""
    op = graph.producer(tensor)
    return graph.producer(op.inputs[0]) if op is not None and op.kind in RESHAPES else op


def _numbers(graph: Graph, index: int, count: int) -> list[int] | None:
    data = graph.tensors[index].data
    return [int(value) for value in data.reshape(-1)] if data is not None and data.size == count else None
