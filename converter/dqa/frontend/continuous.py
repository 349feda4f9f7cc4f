"""A network for rows that never end: what works on the whole window becomes a window that slides (dqa.program.endless)."""

from __future__ import annotations

from dqa.errors import ModelError
from dqa.graph.model import Graph
from dqa.support.limits import MAX_WINDOW_ROWS

REDUCTIONS = {"MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"}


def slide(graph: Graph) -> None:
    """Marks dense layers and reductions, which `lower` to sliding windows, and lets windows of one output row move row by row.

    The float network stays what it was. Raises ModelError for a network that has no window, or a dense layer over too long a one.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(
            f"a continuous model has one input and one output, this one {len(graph.inputs)} and {len(graph.outputs)}",
            hint="convert it without --continuous",
        )
    for op in graph.ops:
        source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
        if op.kind == "FULLY_CONNECTED" and source.is_map:
            rows, columns, _ = source.hwc
            if rows > MAX_WINDOW_ROWS or columns > 255:
                raise ModelError(
                    f"layer '{op.name}' cannot run continuously: a dense layer over {rows} x {columns}; at most {MAX_WINDOW_ROWS} x 255",
                    hint="reduce the rows before it: strides, pooling, GlobalAveragePooling1D",
                )
        if op.kind == "FULLY_CONNECTED" or op.kind in REDUCTIONS:
            op.attrs = op.attrs | {"continuous": True}
        elif "stride_h" in op.attrs and output.is_map and output.hwc[0] == 1:
            op.attrs = op.attrs | {"stride_h": 1}
