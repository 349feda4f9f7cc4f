"""Quantizes the layers of a network one after the other, each from the inputs that the quantized layers before it give it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.graph import Graph, Op
from dqa.graph.execute import patches, run_op
from dqa.quantization.weight_methods.levels import Floats
from dqa.quantization.weight_methods.moments import Moments, MomentSum

Float32 = npt.NDArray[np.float32]
LAYERS = frozenset({"CONV_2D", "FULLY_CONNECTED"})
BATCH = 16


@dataclass(frozen=True, eq=False)
class Replaced:
    """Real weights, of the shape they had, and bias (O,) with which a layer computes."""

    weights: Floats
    bias: Floats


Quantizer = Callable[[Op, Floats, Floats, Moments], Replaced]
"""(operator, weights (O, K), bias (O,), moments of its inputs) -> weights (O, K) and bias of the quantized layer."""


def walk(
    graph: Graph,
    given: Mapping[int, Float32],
    quantize: Quantizer,
    store: Callable[[int, Float32], Float32] = lambda _tensor, values: values,
) -> None:
    """Calls `quantize` for each CONV_2D and FULLY_CONNECTED, in order.

    given: calibration samples of the graph's inputs, float32 (N, *shape), by tensor number.
    store: what is left of the values of an activation, by tensor number, once they have been stored.
    """
    real = dict(given)
    kept = {tensor: store(tensor, values) for tensor, values in given.items()}
    last = {tensor: i for i, op in enumerate(graph.ops) for tensor in op.inputs}
    for i, op in enumerate(graph.ops):
        constants: dict[int, Float32] = {}
        if op.kind in LAYERS:
            weights, bias = (np.asarray(graph.tensors[t].data, np.float64) for t in op.inputs[1:3])
            done = quantize(op, weights.reshape(len(weights), -1), bias.ravel(), _moments(op, weights, real, kept))
            constants[op.inputs[1]] = done.weights.reshape(weights.shape).astype(np.float32)
            constants[op.inputs[2]] = done.bias.astype(np.float32)
        output = op.outputs[0]
        real[output] = _run(graph, op, real, {})
        kept[output] = store(output, _run(graph, op, kept, constants))
        for tensor in {*op.inputs}:
            if last[tensor] == i and tensor in real:
                del real[tensor], kept[tensor]


def _batches(samples: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, samples, BATCH))


def _moments(op: Op, weights: Floats, real: Mapping[int, Float32], kept: Mapping[int, Float32]) -> Moments:
    x, y = kept[op.inputs[0]], real[op.inputs[0]]
    shape = np.empty(weights.shape, np.float32)
    total = MomentSum(weights[0].size)
    for part in _batches(len(x)):
        total.add(patches(op, x[part], shape), patches(op, y[part], shape))
    return total.moments()


def _run(graph: Graph, op: Op, values: Mapping[int, Float32], constants: Mapping[int, Float32]) -> Float32:
    data = [t for t in op.inputs if not graph.tensors[t].is_constant]
    samples = len(values[data[0]])
    return np.concatenate([run_op(graph, op, {t: values[t][part] for t in data} | dict(constants)) for part in _batches(samples)])
