"""Convolutions in disguise: per-row dense layers, grouped convolutions, and dilation by SPACE_TO_BATCH_ND."""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import add_constant, constant, sole_consumer
from dqa.graph.model import Graph, Op

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
    """SPACE_TO_BATCH_ND, convolution of stride 1 without padding, BATCH_TO_SPACE_ND -> one dilated convolution."""
    for spread in graph.ops:
        conv = sole_consumer(graph, spread.outputs[0]) if spread.kind == "SPACE_TO_BATCH_ND" else None
        gather = sole_consumer(graph, conv.outputs[0]) if conv is not None and conv.kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else None
        if conv is None or gather is None or gather.kind != "BATCH_TO_SPACE_ND" or len(spread.inputs) != 3 or len(gather.inputs) != 3:
            continue
        block, pads = _numbers(graph, spread.inputs[1], 2), _numbers(graph, spread.inputs[2], 4)
        if block is None or pads is None or _numbers(graph, gather.inputs[1], 2) != block or _numbers(graph, gather.inputs[2], 4) is None:
            continue
        if any(value != _POINTWISE[name] for name, value in conv.attrs.items() if name in _POINTWISE):
            continue
        if not graph.tensors[spread.inputs[0]].is_map or not graph.tensors[gather.outputs[0]].is_map:
            continue
        _, kernel_h, kernel_w, _ = graph.tensors[conv.inputs[1]].shape
        height, width, _ = graph.tensors[spread.inputs[0]].hwc
        out_height, out_width, _ = graph.tensors[gather.outputs[0]].hwc
        # What the blocks padded beyond the output is cropped again; the padding that counts follows from the shapes.
        bottom = out_height - 1 + (kernel_h - 1) * block[0] + 1 - height - pads[0]
        right = out_width - 1 + (kernel_w - 1) * block[1] + 1 - width - pads[2]
        if not 0 <= bottom <= pads[1] or not 0 <= right <= pads[3] or _numbers(graph, gather.inputs[2], 4)[::2] != [0, 0]:  # type: ignore[index]
            continue
        sides = {"pad_top": pads[0], "pad_bottom": bottom, "pad_left": pads[2], "pad_right": right}
        attributes = {**conv.attrs, **sides, "dilation_h": block[0], "dilation_w": block[1]}
        place = graph.ops.index(gather)
        graph.ops[place] = Op(conv.kind, conv.name, [spread.inputs[0], *conv.inputs[1:]], gather.outputs, attributes)
        return True
    return False


def _numbers(graph: Graph, index: int, count: int) -> list[int] | None:
    data = graph.tensors[index].data
    return [int(value) for value in data.reshape(-1)] if data is not None and data.size == count else None
