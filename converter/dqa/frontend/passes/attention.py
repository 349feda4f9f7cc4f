"""What attention multiplies the products of its queries and keys with is part of those products."""

from __future__ import annotations

from dqa.graph.edit import remove, sole_consumer
from dqa.graph.model import Graph


def scaled_products(graph: Graph) -> bool:
    changed = False
    for op in list(graph.ops):
        if op.kind != "BATCH_MATMUL" or (scale := sole_consumer(graph, op.outputs[0])) is None or scale.kind != "MUL":
            continue
        numbers = [data for index in scale.inputs if (data := graph.tensors[index].data) is not None]
        if scale.attrs["activation"] != "NONE" or len(numbers) != 1 or numbers[0].size != 1 or not numbers[0].flat[0] > 0:
            continue
        op.attrs["scale"] *= float(numbers[0].flat[0])
        op.outputs = scale.outputs
        remove(graph, scale)
        changed = True
    return changed
