"""SPLIT, SPLIT_V and UNPACK are a GATHER for each part that somebody reads, PACK is a CONCATENATION."""

from __future__ import annotations

from math import prod

from dqa.graph.edit import add_activation
from dqa.graph.model import Graph, Op
from dqa.operators.gather import AXES, places
from dqa.operators.network import MAP_AXES
from dqa.operators.registry import float_operator


def parts(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind == "GATHER" and (shape := _left_out(graph, op)) is not None:
            whole = add_activation(graph, f"{op.name}/part", shape)
            graph.ops.insert(place + 1, Op("RESHAPE", f"{op.name}/dimensions", [whole], op.outputs))
            op.outputs = [whole]
            return True
        if float_operator(op.kind).parts and graph.tensors[op.inputs[0]].is_map:
            graph.ops[place : place + 1] = _taken(graph, op)
            return True
        if op.kind == "PACK" and (axis := _joined_axis(graph, op)) is not None:
            graph.ops[place] = Op("CONCATENATION", op.name, op.inputs, op.outputs, {"axis": axis, "activation": "NONE"})
            return True
        if op.kind == "PACK" and (stacked := _stacked(graph, op)) is not None:
            graph.ops[place : place + 1] = stacked
            return True
    return False


def _left_out(graph: Graph, op: Op) -> tuple[int, ...] | None:
    """The shape of what is taken, if one of its dimensions is left out so that others are elsewhere."""
    output = graph.tensors[op.outputs[0]]
    if "why" in op.attrs or not graph.tensors[op.inputs[0]].is_map or not output.is_map:
        return None
    taken = tuple(len(op.attrs[what]) for what in AXES)
    return (1, *taken) if taken != output.hwc and prod(taken) == prod(output.hwc) else None


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


def _stacked(graph: Graph, op: Op) -> list[Op] | None:
    """A RESHAPE for each part of a PACK whose new axis is elsewhere than a map has it, then a CONCATENATION; None for what is no map."""
    output, axis = graph.tensors[op.outputs[0]], op.attrs["axis"]
    parts = [graph.tensors[index] for index in op.inputs]
    if not output.is_map or not axis or any(part.is_constant or not part.is_map for part in parts):
        return None
    shape = (*output.shape[:axis], 1, *output.shape[axis + 1 :])
    slices = [add_activation(graph, f"{op.name}/{number}", shape) for number in range(len(parts))]
    found = [Op("RESHAPE", graph.tensors[new].name, [old], [new]) for old, new in zip(op.inputs, slices, strict=True)]
    attributes = {"axis": MAP_AXES[len(shape)][axis], "activation": "NONE"}
    return [*found, Op("CONCATENATION", op.name, slices, op.outputs, attributes)]
