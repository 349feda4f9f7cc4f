"""Products of matrices: what attention multiplies them with is part of them, and matrices without heads are those of one."""

from __future__ import annotations

from dqa.graph.edit import add_activation, remove, sole_consumer
from dqa.graph.model import Graph, Op


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


def one_head(graph: Graph) -> None:
    """A BATCH_MATMUL of series, whose steps are rows of a matrix, works on maps of one row; the passes have had their turn."""
    ops: list[Op] = []
    for op in graph.ops:
        ends = [graph.tensors[index] for index in (*op.inputs, *op.outputs)]
        if op.kind != "BATCH_MATMUL" or any(end.is_constant or len(end.shape) not in (2, 3) or not end.is_map for end in ends):
            ops.append(op)
            continue
        *inputs, product = (add_activation(graph, end.name, (1, *(1,) * (3 - len(end.shape)), *end.shape)) for end in ends)
        ops += [Op("RESHAPE", f"{op.name}/head", [old], [new]) for old, new in zip(op.inputs, inputs, strict=True)]
        ops += [Op(op.kind, op.name, inputs, [product], op.attrs), Op("RESHAPE", f"{op.name}/steps", [product], op.outputs)]
    graph.ops = ops
