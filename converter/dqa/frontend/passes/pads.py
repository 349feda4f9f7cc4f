"""A PAD of zeros in rows and columns goes into the convolution after it."""

from __future__ import annotations

from dqa.graph.model import Graph, Op


def pad_into_conv(graph: Graph) -> bool:
    for op in graph.ops:
        if op.kind != "PAD" or op.attrs["paddings"][0] != (0, 0) or op.outputs[0] in graph.outputs or op.attrs["paddings"][3] != (0, 0):
            continue
        readers = graph.consumers(op.outputs[0])
        if readers and all(_fits(graph, reader, op) for reader in readers):
            for reader in readers:
                reader.inputs = [op.inputs[0], *reader.inputs[1:]]
                reader.attrs |= _pads(reader, op)
            return True  # nobody reads the PAD any more: it is pruned
    return False


def _pads(reader: Op, pad: Op) -> dict[str, int]:
    _, (top, bottom), (left, right), _ = pad.attrs["paddings"]
    attrs = reader.attrs
    return {
        "pad_top": attrs["pad_top"] + top,
        "pad_bottom": attrs["pad_bottom"] + bottom,
        "pad_left": attrs["pad_left"] + left,
        "pad_right": attrs["pad_right"] + right,
    }


def _fits(graph: Graph, reader: Op, pad: Op) -> bool:
    """The window of a program may not lie in the padding altogether: pads stay below the dilated kernel."""
    if reader.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return False
    _, kernel_h, kernel_w, _ = graph.tensors[reader.inputs[1]].shape
    pads = _pads(reader, pad)
    reach_h = (kernel_h - 1) * reader.attrs["dilation_h"] + 1
    reach_w = (kernel_w - 1) * reader.attrs["dilation_w"] + 1
    return bool(max(pads["pad_top"], pads["pad_bottom"]) < reach_h and max(pads["pad_left"], pads["pad_right"]) < reach_w)
