"""Takes channels out of a network that cannot matter: nobody reads them, or they are constant whatever comes in.

A channel goes where what it can change in the sums that read it, whatever comes in (dqa.graph.intervals, inputs within LARGEST), is nothing
beside the range that these sums have on a few random inputs (`reached`), and so at least: together with the other channels that go at most
EPSILON of it, which float32 does not show. What calibration samples show decides nothing. What is left of such a channel, its constant,
joins the biases of its readers; where a window reaches into padding, 0 counts as one of its values. Channels that an operator ties together
(a depthwise convolution, an addition, a pool) go together or stay; ends of the network, and operators of which nothing is known, keep all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dqa.frontend.limits import MAX_ACTIVATION
from dqa.frontend.model import FloatModel
from dqa.graph.edit import add_constant
from dqa.graph.execute import run_op
from dqa.graph.intervals import before_activation, ends, intervals
from dqa.graph.model import Graph, Op
from dqa.operators.bounds import Bounds, times
from dqa.operators.float_weights import constants
from dqa.operators.registry import float_operator
from dqa.operators.weighted import weighted_operator
from dqa.support.arrays import Bool, Float32, Float64

LARGEST = MAX_ACTIVATION
"""Of an input."""
EPSILON = 2.0**-24
"""Of the range of a sum, what all that is taken out of it together can change."""
PROBES, SIZES = 4, (1.0, 2.0**10, 2.0**20)
"""Random inputs of each of these sizes show how far sums reach; the least counts, lest what saturates is lost beside what does not."""


@dataclass(frozen=True)
class Removed:
    """name: of the operator whose output lost channels. channels, kept: how many it had and has. constant: of those that went, how many
    have one value; the others vary, and nobody reads them. change: the most that those that went can change a sum of a reader, as a share
    of its range; 0 where only operators that lost the same channels read them."""

    name: str
    channels: int
    kept: int
    constant: int
    change: float


@dataclass(frozen=True)
class DeadChannels:
    """removed: by activation, in order. weights, macs: before and after. whole: the graph as it was."""

    removed: tuple[Removed, ...]
    weights: tuple[int, int]
    macs: tuple[int, int]
    whole: Graph


def without_dead_channels(model: FloatModel) -> tuple[FloatModel, DeadChannels | None]:
    """The model with a smaller graph, its .tflite as it was, and what went; the model itself and None where nothing does.

    All of the network must be DQA's to run: TFLite's own operators read tensors as the file has them.
    """
    graph = model.graph
    found = Found(graph, intervals(graph, dict.fromkeys(graph.inputs, (-LARGEST, LARGEST))))
    kept = found.kept()
    if not _all(kept):
        found = Found(graph, found.bounds, reached(graph))
        kept = found.kept()
    if _all(kept):
        return model, None
    smaller = found.without(kept)
    removed = tuple(found.removed(op, kept) for op in graph.ops if not kept[op.outputs[0]].all())
    weights, macs = zip(_sizes(graph), _sizes(smaller), strict=True)
    return replace(model, graph=smaller), DeadChannels(removed, weights, macs, graph)


def reached(graph: Graph) -> dict[int, Float64]:
    """How far the sums (O,) of the operators that mix channels spread at least, by output tensor."""
    random = np.random.default_rng(0)
    probes = [{t: _probe(random, size, graph.tensors[t].shape[1:]) for t in graph.inputs} for size in SIZES]
    spreads = [_spread_on(graph, probe) for probe in probes]
    return {tensor: np.min([spread[tensor] for spread in spreads], axis=0) for tensor in spreads[0]}


def _probe(random: np.random.Generator, size: float, shape: tuple[int, ...]) -> Float32:
    """(PROBES, *shape): noise around another level in each."""
    levels, noise = random.uniform(-1, 1, (PROBES, *(1 for _ in shape))), random.uniform(-1, 1, (PROBES, *shape))
    return np.asarray(size / 2 * (levels + noise), np.float32)


def _spread_on(graph: Graph, x: dict[int, Float32]) -> dict[int, Float64]:
    values, found = dict(x), dict[int, Float64]()
    with np.errstate(over="ignore", invalid="ignore"):
        for op in graph.ops:
            inputs = {t: values[t] for t in op.inputs if t in values}
            values[op.outputs[0]] = run_op(graph, op, inputs)
            if mixes(op):
                sums = run_op(graph, replace(op, attrs={**op.attrs, "activation": "NONE"}), inputs)
                found[op.outputs[0]] = np.ptp(sums.reshape(-1, sums.shape[-1]).astype(np.float64), axis=0)
    return found


def mixes(op: Op) -> bool:
    return float_operator(op.kind).weighted and weighted_operator(op.kind).mixes


class Found:
    """What bounds say of the channels of a graph. reached: see there; None: bounds alone."""

    def __init__(self, graph: Graph, bounds: Mapping[int, Bounds], reached: Mapping[int, Float64] | None = None) -> None:
        self.graph, self.bounds, self.reached = graph, bounds, reached
        self.shares = {op.outputs[0]: self._shares(op) for op in graph.ops if mixes(op)}

    def _shares(self, op: Op) -> Float64:
        """(O, I): what each input channel can change in each sum, as a share of the sum's range; 1 where that is not known."""
        room, tensors = weighted_operator(op.kind), ends(self.graph, op)
        width = room.read_bounds(op, self.bounds[op.inputs[0]]).width
        change = times(room.per_input(np.abs(constants(tensors)[0]), len(width)), width)
        whole = before_activation(self.graph, op, self.bounds).width
        if self.reached is not None:
            whole = np.minimum(whole, self.reached[op.outputs[0]])
        known = np.isfinite(change) & np.isfinite(whole)[:, None] & (whole > 0)[:, None]
        share = np.divide(change, whole[:, None], out=np.ones_like(change), where=known)
        return np.where(change == 0, 0.0, share)

    def kept(self) -> dict[int, Bool]:
        """Which channels of each activation stay, by tensor number: as few as can be."""
        graph = self.graph
        kept = {tensor.index: np.zeros(tensor.hwc[2], np.bool_) for tensor in graph.activations()}
        for tensor in (*graph.inputs, *graph.outputs):
            kept[tensor][:] = True
        before = -1
        while before != (before := sum(int(channels.sum()) for channels in kept.values())):
            for op in reversed(graph.ops):
                self._spread(op, kept)
            for channels in kept.values():
                channels[0] |= not channels.any()  # no tensor goes without any
        return kept

    def _spread(self, op: Op, kept: dict[int, Bool]) -> None:
        """What must stay because of one operator."""
        tensors, output = ends(self.graph, op), kept[op.outputs[0]]
        if mixes(op):
            kept[op.inputs[0]] |= ~_together(self.shares[op.outputs[0]][output])
            return
        data = [(place, t) for place, t in enumerate(op.inputs) if t in kept]
        ties = [(t, float_operator(op.kind).tied(op, tensors, place)) for place, t in data]
        weighted = float_operator(op.kind).weighted
        if not weighted and len(data) < len(op.inputs):
            ties = [(t, None) for t, _ in ties]  # a constant has its channels, too
        for tensor, tied in ties:
            if tied is None:
                kept[tensor][:] = output[:] = True
            else:
                kept[tensor] |= output[tied].any(axis=1)
                output[tied[kept[tensor]]] = True

    def without(self, kept: Mapping[int, Bool]) -> Graph:
        """The graph without the others, their middles in the biases of what reads them."""
        graph = self.graph
        ops = [replace(op, inputs=list(op.inputs)) for op in graph.ops]
        smaller = Graph(dict(graph.tensors), ops, list(graph.inputs), list(graph.outputs), graph.argmax)
        for index, channels in kept.items():
            if not channels.all():
                tensor = graph.tensors[index]
                smaller.tensors[index] = replace(tensor, shape=(*tensor.shape[:-1], int(channels.sum())), kept=np.flatnonzero(channels))
        for op in ops:
            if float_operator(op.kind).weighted and not (kept[op.inputs[0]].all() and kept[op.outputs[0]].all()):
                self._pick(smaller, op, kept[op.inputs[0]], kept[op.outputs[0]])
        used = {t for op in ops for t in (*op.inputs, *op.outputs)}.union(graph.inputs, graph.outputs)
        smaller.tensors = {index: tensor for index, tensor in smaller.tensors.items() if index in used}
        return smaller

    def _pick(self, smaller: Graph, op: Op, inputs: Bool, outputs: Bool) -> None:
        room, tensors = weighted_operator(op.kind), ends(self.graph, op)
        weights, bias = constants(tensors)
        if room.mixes:
            middle = room.read_bounds(op, self.bounds[op.inputs[0]]).middle
            bias = bias + (room.per_input(weights, len(inputs)) * np.where(inputs, 0, middle)).sum(axis=1)
        for place, data in ((1, room.picked(weights, inputs, outputs)), (2, bias[outputs])):
            op.inputs[place] = add_constant(smaller, tensors[place].name, data.astype(np.float32))

    def removed(self, op: Op, kept: Mapping[int, Bool]) -> Removed:
        """Of the output of an operator."""
        output, bounds = op.outputs[0], self.bounds[op.outputs[0]]
        gone = ~kept[output]
        constant = gone & (bounds.width <= EPSILON * np.abs(bounds.middle))
        readers = [reader for reader in self.graph.consumers(output) if mixes(reader)]
        changes = [self.shares[r.outputs[0]][np.ix_(kept[r.outputs[0]], gone)].sum(axis=1).max(initial=0.0) for r in readers]
        return Removed(op.name, len(gone), int(kept[output].sum()), int(constant.sum()), float(max(changes, default=0.0)))


def _together(shares: Float64) -> Bool:
    """The input channels (I,) that together change no sum, of shares (O, I), by more than EPSILON: as many as can be, the least first."""
    gone = np.zeros(shares.shape[1], np.bool_)
    order = np.argsort(shares.max(axis=0, initial=0.0), kind="stable")
    gone[order] = np.cumsum(shares[:, order], axis=1).max(axis=0, initial=0.0) <= EPSILON
    return gone


def _all(kept: Mapping[int, Bool]) -> bool:
    return all(channels.all() for channels in kept.values())


def _sizes(graph: Graph) -> tuple[int, int]:
    """Weights, and multiply-accumulates of one inference."""
    layers = [(op, ends(graph, op)) for op in graph.ops if float_operator(op.kind).weighted]
    return sum(math.prod(tensors[1].shape) for _, tensors in layers), sum(
        weighted_operator(op.kind).macs(tensors) for op, tensors in layers
    )
