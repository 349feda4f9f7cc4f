"""What puts rows, columns or channels together is the operator that does just that.

An average pool over the whole map is a MEAN, and a reduction over all rows and columns that there are is one over both; one over rows or
columns alone is a pool, and a mean over channels a convolution.
"""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import UNIT_WINDOW, add_constant
from dqa.graph.model import Graph, Op

ROWS_AND_COLUMNS = (1, 2)
POOLS = {"MEAN": "AVERAGE_POOL_2D", "REDUCE_MAX": "MAX_POOL_2D"}
REDUCTIONS = {"MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"}
WHOLE = {"stride_h": 1, "stride_w": 1, "pad_top": 0, "pad_bottom": 0, "pad_left": 0, "pad_right": 0, "activation": "NONE"}


def global_pools(graph: Graph) -> bool:
    changed = False
    for place, op in enumerate(graph.ops):
        if not all(graph.tensors[index].is_map for index in (*op.inputs, *op.outputs)):
            continue
        if op.kind == "AVERAGE_POOL_2D" and _covers_map(graph, op):
            graph.ops[place] = Op("MEAN", op.name, op.inputs, op.outputs, {"axes": ROWS_AND_COLUMNS, "keep_dims": True})
            changed = True
        elif op.kind not in REDUCTIONS or op.attrs["axes"] == ROWS_AND_COLUMNS:
            continue
        elif _covers_axes(graph, op):
            op.attrs["axes"] = ROWS_AND_COLUMNS
            changed = True
        elif (found := _along_one(graph, op)) is not None:
            graph.ops[place] = found
            changed = True
    return changed


def _along_one(graph: Graph, op: Op) -> Op | None:
    """The same over rows, columns or channels alone, if the result's dimensions are where that leaves them."""
    height, width, channels = graph.tensors[op.inputs[0]].hwc
    left, axes = graph.tensors[op.outputs[0]].hwc, op.attrs["axes"]
    if op.kind in POOLS and (axes, left) in (((1,), (1, width, channels)), ((2,), (height, 1, channels))):
        kernel = {"kernel_h": height if axes == (1,) else 1, "kernel_w": width if axes == (2,) else 1}
        return Op(POOLS[op.kind], op.name, op.inputs, op.outputs, WHOLE | kernel)
    if op.kind in ("MEAN", "SUM") and (axes, left) == ((3,), (height, width, 1)):
        share = 1 / channels if op.kind == "MEAN" else 1.0
        weights = add_constant(graph, f"{op.name}/weights", np.full((1, 1, 1, channels), share, np.float32))
        bias = add_constant(graph, f"{op.name}/bias", np.zeros(1, np.float32))
        window = {key: value for key, value in UNIT_WINDOW.items() if key != "depth_multiplier"}
        return Op("CONV_2D", op.name, [*op.inputs, weights, bias], op.outputs, window | {"activation": "NONE"})
    return None


def _covers_axes(graph: Graph, op: Op) -> bool:
    """Whether all rows and columns that there are are put together, and no channels."""
    height, width, _ = graph.tensors[op.inputs[0]].hwc
    return 3 not in op.attrs["axes"] and all(size == 1 or axis in op.attrs["axes"] for axis, size in ((1, height), (2, width)))


def _covers_map(graph: Graph, op: Op) -> bool:
    height, width, channels = graph.tensors[op.inputs[0]].hwc
    attrs = op.attrs
    return (
        attrs["activation"] == "NONE"
        and graph.tensors[op.outputs[0]].hwc == (1, 1, channels)
        and (attrs["kernel_h"], attrs["kernel_w"]) == (height, width)
        and not any(attrs[side] for side in ("pad_top", "pad_bottom", "pad_left", "pad_right"))
    )
