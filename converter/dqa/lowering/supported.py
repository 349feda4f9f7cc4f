"""Which operators of a graph DQA operators can run, and why others cannot."""

from __future__ import annotations

from dqa.graph import Graph, Op
from dqa.graph.functions import UNARY_KINDS

FUSED = frozenset({"NONE", "RELU", "RELU6", "RELU_N1_TO_1"})
MAX_WINDOW_ROWS = 64
MAX_ROW = 1 << 18
MAX_MAP = 1 << 24
MAX_POOL_ELEMENTS = 1 << 15

KINDS = frozenset(
    {
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "ADD",
        "AVERAGE_POOL_2D",
        "MEAN",
        "MAX_POOL_2D",
        "PAD",
        "CONCATENATION",
        "RESIZE_NEAREST_NEIGHBOR",
        "RESHAPE",
        "SOFTMAX",
    }
    | UNARY_KINDS
)


def why_not(graph: Graph, op: Op) -> str:
    """Empty if DQA runs the operator, else the reason it does not."""
    if op.kind not in KINDS:
        return "no DQA operator of this kind"
    activation = op.attrs.get("activation", "NONE")
    if activation not in FUSED:
        return f"fused activation {activation}"
    for index in [*op.inputs[: 1 if op.kind in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} else None], *op.outputs]:
        tensor = graph.tensors[index]
        try:
            height, width, channels = tensor.hwc
        except ValueError as error:
            return str(error)
        if width * channels > MAX_ROW or height * width * channels > MAX_MAP or max(height, width, channels) > 65535:
            return f"tensor '{tensor.name}' of shape {tensor.shape} is too large"
    return _by_kind(graph, op)


def _by_kind(graph: Graph, op: Op) -> str:
    if op.kind in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        return _convolution(graph, op)
    if op.kind in {"AVERAGE_POOL_2D", "MAX_POOL_2D"}:
        if op.attrs["kernel_h"] > MAX_WINDOW_ROWS or op.attrs["kernel_w"] > 255:
            return f"a window of {op.attrs['kernel_h']} x {op.attrs['kernel_w']}"
        if op.attrs["kernel_h"] * op.attrs["kernel_w"] > MAX_POOL_ELEMENTS:
            return "a window of more than 32768 elements"
    if op.kind == "MEAN":
        height, width, _ = graph.tensors[op.inputs[0]].hwc
        if sorted(op.attrs["axes"]) not in ([1, 2], [2, 1]) or height * width > MAX_POOL_ELEMENTS:
            return f"mean over axes {op.attrs['axes']}; only height and width together are supported"
    if op.kind == "FULLY_CONNECTED" and graph.tensors[op.inputs[1]].data is None:
        return "weights that are not constant"
    if op.kind == "ADD":
        shapes = {graph.tensors[t].hwc for t in [*op.inputs, *op.outputs]}
        if len(shapes) != 1 or any(graph.tensors[t].is_constant for t in op.inputs):
            return "a broadcast or constant addend"
    if op.kind == "CONCATENATION" and (len(op.inputs) > 16 or any(graph.tensors[t].is_constant for t in op.inputs)):
        return "more than 16 inputs or a constant one"
    if op.kind == "PAD" and (op.attrs["paddings"][0] != (0, 0) or any(p < 0 for pair in op.attrs["paddings"] for p in pair)):
        return f"paddings {op.attrs['paddings']}"
    return ""


def _convolution(graph: Graph, op: Op) -> str:
    weights = graph.tensors[op.inputs[1]].data
    if weights is None:
        return "weights that are not constant"
    channels = graph.tensors[op.inputs[0]].hwc[2]
    if op.kind == "CONV_2D" and weights.shape[3] != channels:
        return f"{channels // weights.shape[3]} groups"
    kernel_h, kernel_w = weights.shape[1:3]
    rows = (kernel_h - 1) * op.attrs["dilation_h"] + 1
    columns = (kernel_w - 1) * op.attrs["dilation_w"] + 1
    if (
        rows > MAX_WINDOW_ROWS
        or max(kernel_w, op.attrs["dilation_h"], op.attrs["dilation_w"], op.attrs["stride_h"], op.attrs["stride_w"]) > 255
    ):
        return f"a window of {rows} rows and {columns} columns"
    if op.attrs["pad_top"] >= max(rows, 1) or op.attrs["pad_left"] >= max(columns, 1):
        return "padding as large as the window"
    return ""
