"""Goes through a network layer by layer, as it is and with what its layers are replaced by, each from the inputs those before it give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dqa.graph import Graph, Op
from dqa.graph.execute import run_op
from dqa.operators.registry import float_operator
from dqa.operators.weighted import few_bits, weighted_operator
from dqa.quantization.weights.moments import Moments, MomentSum
from dqa.support.arrays import Float32, Float64

BATCH = 16
MOST_INPUTS = 1024
MOST_ROWS = 16384
"""What positions of all samples together give; more tell nothing new."""


@dataclass(frozen=True, eq=False)
class Replaced:
    """Real weights, in the order they had, and bias (O,) with which a layer computes."""

    weights: Float64
    bias: Float64


Layer = Callable[[Op, Float32, Float32], Replaced | None]
"""(operator, its input in the replaced network, the same in the float network) -> what the layer computes with; None: what it had."""


def replace_layers(
    graph: Graph,
    given: Mapping[int, Float32],
    layer: Layer,
    store: Callable[[int, Float32], Float32] = lambda _tensor, values: values,
    keep: Collection[int] = (),
) -> dict[int, tuple[Float32, Float32]]:
    """Calls `layer` for each operator with weights, in order. Gives the values of the activations `keep`, replaced and as they are.

    given: samples of the graph's inputs, float32 (N, *shape), by tensor number.
    store: what is left of the values of an activation, by tensor number, once they have been stored.
    """
    real = dict(given)
    kept = {tensor: store(tensor, values) for tensor, values in given.items()}
    last = {tensor: i for i, op in enumerate(graph.ops) for tensor in op.inputs}
    for i, op in enumerate(graph.ops):
        constants: dict[int, Float32] = {}
        if float_operator(op.kind).weighted and (done := layer(op, kept[op.inputs[0]], real[op.inputs[0]])) is not None:
            for tensor, values in zip(op.inputs[1:3], (done.weights, done.bias), strict=True):
                constants[tensor] = values.reshape(graph.tensors[tensor].shape).astype(np.float32)
        output = op.outputs[0]
        real[output] = _run(graph, op, real, {})
        kept[output] = store(output, _run(graph, op, kept, constants))
        for tensor in {*op.inputs}:
            if last[tensor] == i and tensor in real and tensor not in keep:
                del real[tensor], kept[tensor]
    return {tensor: (kept[tensor], real[tensor]) for tensor in keep}


Quantizer = Callable[[Op, Float64, Float64, Moments], Replaced]
"""(operator, weights (O, K), bias (O,), moments of its inputs) -> weights (O, K) and bias of the quantized layer."""


def quantize_layers(
    graph: Graph,
    given: Mapping[int, Float32],
    quantize: Quantizer,
    store: Callable[[int, Float32], Float32] = lambda _tensor, values: values,
) -> None:
    """Calls `quantize` for each operator whose weights may have 4 bits, in order; given, store: as in `replace_layers`."""

    def layer(op: Op, kept: Float32, real: Float32) -> Replaced | None:
        if not few_bits(op.kind):
            return None
        weights, bias = parameters(graph, op)
        return quantize(op, weights.reshape(len(weights), -1), bias, moments_of(op, weights, kept, real))

    replace_layers(graph, given, layer, store)


def parameters(graph: Graph, op: Op) -> tuple[Float64, Float64]:
    """The weights of a layer as they are, and its bias (O,)."""
    weights, bias = (np.asarray(graph.tensors[t].data, np.float64) for t in op.inputs[1:3])
    return weights, bias.ravel()


def batches(samples: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, samples, BATCH))


def mean_sums(graph: Graph, op: Op, weights: Float64, x: Float32) -> Float64:
    """The sums of a layer without its bias, for each sample the mean over the positions: (N, O)."""
    shapes = [graph.tensors[tensor].shape for tensor in op.inputs[1:3]]
    constants = {op.inputs[1]: weights.reshape(shapes[0]).astype(np.float32), op.inputs[2]: np.zeros(shapes[1], np.float32)}
    plain = Op(op.kind, op.name, op.inputs, op.outputs, {**op.attrs, "activation": "NONE"})
    parts = [run_op(graph, plain, {op.inputs[0]: x[part]} | constants) for part in batches(len(x))]
    outputs = int(np.prod(shapes[1]))
    return np.concatenate([part.reshape(len(part), -1, outputs).mean(axis=1, dtype=np.float64) for part in parts])


def _run(graph: Graph, op: Op, values: Mapping[int, Float32], constants: Mapping[int, Float32]) -> Float32:
    data = [t for t in op.inputs if not graph.tensors[t].is_constant]
    samples = len(values[data[0]])
    return np.concatenate([run_op(graph, op, {t: values[t][part] for t in data} | dict(constants)) for part in batches(samples)])


def moments_of(op: Op, weights: Float64, kept: Float32, real: Float32, inputs: slice = slice(None)) -> Moments:
    """Of the inputs that each output of a layer weighs, or of some of them."""
    room, shape = weighted_operator(op.kind), np.empty(weights.shape, np.float32)
    total = MomentSum(len(range(weights[0].size)[inputs]), max(float(np.abs(kept).max()), float(np.abs(real).max())))
    for part in batches(len(kept)):
        pair = [room.patches(op, values[part], shape) for values in (kept, real)]
        every = max(len(pair[0]) * len(kept) // (BATCH * MOST_ROWS), 1)
        total.add(*(rows[::every, inputs] for rows in pair))
    return total.moments()


def blocks(inputs: int) -> Iterator[slice]:
    """Inputs whose moments are looked at together: all, of a dense layer with very many as many as memory and time allow."""
    return (slice(start, min(start + MOST_INPUTS, inputs)) for start in range(0, inputs, MOST_INPUTS))
