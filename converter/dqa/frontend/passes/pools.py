"""An average pool over the whole map is a MEAN; a MEAN over all rows and columns that there are is one over both, and the largest of
them is a pool."""

from __future__ import annotations

from dqa.graph.model import Graph, Op

ROWS_AND_COLUMNS = (1, 2)


WHOLE = {"stride_h": 1, "stride_w": 1, "pad_top": 0, "pad_bottom": 0, "pad_left": 0, "pad_right": 0, "activation": "NONE"}


def global_pools(graph: Graph) -> bool:
    changed = False
    for place, op in enumerate(graph.ops):
        if not all(graph.tensors[index].is_map for index in (*op.inputs, *op.outputs)):
            continue
        if op.kind == "AVERAGE_POOL_2D" and _covers_map(graph, op):
            graph.ops[place] = Op("MEAN", op.name, op.inputs, op.outputs, {"axes": ROWS_AND_COLUMNS, "keep_dims": True})
            changed = True
        elif op.kind == "MEAN" and op.attrs["axes"] != ROWS_AND_COLUMNS and _covers_axes(graph, op):
            op.attrs["axes"] = ROWS_AND_COLUMNS
            changed = True
        elif op.kind == "REDUCE_MAX" and _covers_axes(graph, op):
            height, width, _ = graph.tensors[op.inputs[0]].hwc
            graph.ops[place] = Op("MAX_POOL_2D", op.name, op.inputs, op.outputs, WHOLE | {"kernel_h": height, "kernel_w": width})
            changed = True
    return changed


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
