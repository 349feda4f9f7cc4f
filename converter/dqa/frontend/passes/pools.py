"""An average pool over the whole map is a MEAN; a MEAN over all rows and columns that there are is one over both."""

from __future__ import annotations

from dqa.graph.model import Graph, Op

ROWS_AND_COLUMNS = (1, 2)


def global_pool_to_mean(graph: Graph) -> bool:
    changed = False
    for place, op in enumerate(graph.ops):
        if not all(graph.tensors[index].is_map for index in (*op.inputs, *op.outputs)):
            continue
        if op.kind == "AVERAGE_POOL_2D" and _covers_map(graph, op):
            graph.ops[place] = Op("MEAN", op.name, op.inputs, op.outputs, {"axes": ROWS_AND_COLUMNS, "keep_dims": True})
            changed = True
        elif op.kind == "MEAN" and op.attrs["axes"] != ROWS_AND_COLUMNS and 3 not in op.attrs["axes"]:
            height, width, _ = graph.tensors[op.inputs[0]].hwc
            if all(size == 1 or axis in op.attrs["axes"] for axis, size in ((1, height), (2, width))):
                op.attrs["axes"] = ROWS_AND_COLUMNS
                changed = True
    return changed


def _covers_map(graph: Graph, op: Op) -> bool:
    height, width, channels = graph.tensors[op.inputs[0]].hwc
    attrs = op.attrs
    return (
        attrs["activation"] == "NONE"
        and graph.tensors[op.outputs[0]].hwc == (1, 1, channels)
        and (attrs["kernel_h"], attrs["kernel_w"]) == (height, width)
        and not any(attrs[side] for side in ("pad_top", "pad_bottom", "pad_left", "pad_right"))
    )
