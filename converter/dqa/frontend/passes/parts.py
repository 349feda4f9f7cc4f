"""SPLIT, SPLIT_V and UNPACK are a GATHER for each part that somebody reads, PACK is a CONCATENATION."""

from __future__ import annotations

from dqa.graph.model import Graph, Op
from dqa.operators.gather import places
from dqa.operators.registry import float_operator


def parts(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if float_operator(op.kind).parts and graph.tensors[op.inputs[0]].is_map:
            graph.ops[place : place + 1] = _taken(graph, op)
            return True
        if op.kind == "PACK" and (axis := _joined_axis(graph, op)) is not None:
            graph.ops[place] = Op("CONCATENATION", op.name, op.inputs, op.outputs, {"axis": axis, "activation": "NONE"})
            return True
    return False


def _taken(graph: Graph, op: Op) -> list[Op]:
    shape, axis, found, first = graph.tensors[op.inputs[0]].shape, op.attrs["axis"], [], 0
    for number, (output, size) in enumerate(zip(op.outputs, op.attrs["sizes"], strict=True)):
        chosen = places(shape, axis, range(first, first + size))
        found.append(Op("GATHER", f"{op.name}:{number}" if number else op.name, op.inputs[:1], [output], chosen))
        first += size
    return found


def _joined_axis(graph: Graph, op: Op) -> int | None:
    """The axis (NHWC) along which the maps of a PACK lie one after the other, None where they do not."""
    tensors = [graph.tensors[index] for index in (*op.inputs, *op.outputs)]
    if not all(tensor.is_map for tensor in tensors) or any(tensor.is_constant for tensor in tensors):
        return None
    part, whole, count = tensors[0].hwc, tensors[-1].hwc, len(op.inputs)
    axes = [
        axis for axis in range(3) if part[axis] == 1 and whole[axis] == count and all(part[i] == whole[i] for i in range(3) if i != axis)
    ]
    return axes[0] + 1 if axes else None
