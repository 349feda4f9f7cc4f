"""ADD, SUB, MUL and DIV by constants per channel (unfolded batch normalization, rescaling).

They become a depthwise 1 x 1 convolution, which then goes into the operator before it, or the one after it, where that is exact.
"""

from __future__ import annotations

import numpy as np

from dqa.graph.edit import UNIT_WINDOW, add_constant, constant, remove, sole_consumer
from dqa.graph.model import Graph, Op
from dqa.operators.registry import float_operator
from dqa.operators.weighted import weighted_operator
from dqa.support.arrays import Float64


def whole_constants(graph: Graph) -> bool:
    """A constant of fewer dimensions than what it is added to gets all of them, so that none of its axes is taken for the batch."""
    changed = False
    for op in graph.ops:
        if op.kind not in ("ADD", "SUB", "MUL", "DIV"):
            continue
        rank = len(graph.tensors[op.outputs[0]].shape)
        for place, tensor in enumerate(graph.tensors[index] for index in op.inputs):
            if tensor.data is not None and 1 < len(tensor.shape) < rank:
                shape = (1,) * (rank - len(tensor.shape)) + tensor.shape
                op.inputs[place] = add_constant(graph, tensor.name, tensor.data.reshape(shape))
                changed = True
    return changed


def affine_to_depthwise(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind not in ("ADD", "SUB", "MUL", "DIV") or (parts := _scale_and_offset(graph, op)) is None:
            continue
        x, scale, offset = parts
        weights = add_constant(graph, f"{op.name}/weights", scale.reshape(1, 1, 1, -1).astype(np.float32))
        bias = add_constant(graph, f"{op.name}/bias", offset.astype(np.float32))
        attributes = {**UNIT_WINDOW, "activation": op.attrs["activation"]}
        graph.ops[place] = Op("DEPTHWISE_CONV_2D", op.name, [x, weights, bias], op.outputs, attributes)
        return True
    return False


def depthwise_into_producer(graph: Graph) -> bool:
    for op in graph.ops:
        if not _is_affine(graph, op) or sole_consumer(graph, op.inputs[0]) is not op:
            continue
        producer = graph.producer(op.inputs[0])
        if producer is None or not float_operator(producer.kind).weighted or producer.attrs["activation"] != "NONE":
            continue
        scale, offset = _parameters(graph, op)
        weights, bias = (constant(graph, index).astype(np.float64) for index in producer.inputs[1:3])
        scaled = weighted_operator(producer.kind).scaled_outputs(weights, scale)
        _set_parameters(graph, producer, scaled, bias * scale + offset)
        producer.attrs["activation"] = op.attrs["activation"]
        producer.outputs = op.outputs
        remove(graph, op)
        return True
    return False


def depthwise_into_consumer(graph: Graph) -> bool:
    for op in graph.ops:
        if not _is_affine(graph, op) or op.attrs["activation"] != "NONE":
            continue
        consumer = sole_consumer(graph, op.outputs[0])
        if consumer is None or not float_operator(consumer.kind).weighted or consumer.inputs[0] != op.outputs[0]:
            continue
        scale, offset = _parameters(graph, op)
        room = weighted_operator(consumer.kind)
        if offset.any() and not room.sums_alike(consumer):
            continue  # padding is zero after the offset, which no bias can say
        weights, bias = (constant(graph, index).astype(np.float64) for index in consumer.inputs[1:3])
        shift = room.summed_outputs(room.scaled_inputs(weights, offset))
        _set_parameters(graph, consumer, room.scaled_inputs(weights, scale), bias + shift)
        consumer.inputs[0] = op.inputs[0]
        remove(graph, op)
        return True
    return False


def _scale_and_offset(graph: Graph, op: Op) -> tuple[int, Float64, Float64] | None:
    """(x, scale, offset) if the operator is x * scale + offset, with numbers per channel, else None."""
    first, second = (graph.tensors[index] for index in op.inputs)
    x, other = (second, first) if first.is_constant else (first, second)
    shape = graph.tensors[op.outputs[0]].shape
    if x.is_constant or other.data is None or other.data.dtype != np.float32 or x.shape != shape or len(shape) > 4:
        return None
    if other.data.size not in (1, shape[-1]) or (other.data.size > 1 and other.shape[-1] != shape[-1]):
        return None
    values = np.broadcast_to(other.data.reshape(-1), shape[-1:]).astype(np.float64)
    ones, zeros = np.ones_like(values), np.zeros_like(values)
    if op.kind == "ADD":
        return x.index, ones, values
    if op.kind == "MUL":
        return x.index, values, zeros
    if op.kind == "SUB":
        return (x.index, ones, -values) if x is first else (x.index, -ones, values)
    if x is first and values.all():
        return x.index, 1 / values, zeros
    return None


def _is_affine(graph: Graph, op: Op) -> bool:
    if op.kind != "DEPTHWISE_CONV_2D" or graph.tensors[op.inputs[1]].shape[:3] != (1, 1, 1):
        return False
    return all(op.attrs[name] == value for name, value in UNIT_WINDOW.items())


def _parameters(graph: Graph, op: Op) -> tuple[Float64, Float64]:
    weights, bias = (constant(graph, index).astype(np.float64) for index in op.inputs[1:3])
    return weights.reshape(-1), bias.reshape(-1)


def _set_parameters(graph: Graph, op: Op, weights: Float64, bias: Float64) -> None:
    # New constants: the old ones may be shared.
    names = [graph.tensors[index].name for index in op.inputs[1:3]]
    op.inputs[1:3] = [add_constant(graph, name, data.astype(np.float32)) for name, data in zip(names, (weights, bias), strict=True)]
