"""Keeps output scales where the integer arithmetic can reach them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dqa.graph import Graph
from dqa.operators.arithmetic import finest_useful
from dqa.operators.registry import float_operator
from dqa.operators.weighted import few_bits
from dqa.quantization.formats import Reason, TensorFormat
from dqa.quantization.shared_scales import Ties
from dqa.quantization.weights.integer import folded_weights
from dqa.quantization.weights.levels import LARGEST_SCALE

_FIXED = frozenset({Reason.INPUT, Reason.TABLE, Reason.BORDER})


SPREAD = 2
"""Largest ratio of the scales of the channels that 4-bit weights read."""
FINE_BITS = 7
LARGEST = 1e30
"""Scales are float32 outside of the program."""
_PASSES = 4


def raise_to_useful(graph: Graph, ties: Ties, formats: Mapping[int, TensorFormat], weight_bits: int = 8) -> dict[int, TensorFormat]:
    """Coarsens output scales finer than a quarter of the accumulator's step, where the requantization's factor would reach its limit.

    Such a scale only occurs for channels that are almost constant; the accumulator's own step is the finer limit there, so nothing is lost.
    With weights of 4 bits scales are brought together first. Tied channels are raised together; where that coarsens the input of an
    operator already seen, it is seen again. What then still is too fine (a format that the border of the model fixes) `fold` lives with.
    """
    result = dict(formats) if weight_bits == 8 else _brought_together(graph, ties, formats)
    for _ in range(_PASSES):
        before = dict(result)
        _raise_outputs(graph, ties, result, weight_bits)
        if all(result[t] is before[t] for t in result):
            break
    return result


def _raise_outputs(graph: Graph, ties: Ties, result: dict[int, TensorFormat], weight_bits: int) -> None:
    """In place: once for each operator with weights, in order."""
    for op in graph.ops:
        if not float_operator(op.kind).weighted:
            continue
        target = result[op.outputs[0]]
        largest = LARGEST_SCALE if weight_bits < 8 and few_bits(op.kind) else 1
        least = finest_useful(folded_weights(graph, op, result, 8, limited=False).scales * largest)
        low = np.flatnonzero(target.scales < least)
        if len(low) == 0 or target.reason in _FIXED:
            continue
        least = np.minimum(least, LARGEST)
        wanted: dict[int, float] = {}
        for variable, scale in zip(ties.channels(op.outputs[0])[low].tolist(), least[low].tolist(), strict=True):
            wanted[variable] = max(scale, wanted.get(variable, 0.0))
        _raise(result, ties, wanted)


def _brought_together(graph: Graph, ties: Ties, formats: Mapping[int, TensorFormat]) -> dict[int, TensorFormat]:
    """Scales are folded into weights: weights that read channels of very different scales are worse to round to few levels.

    An activation of 7 or 8 bits can spare one for them, one of fewer bits cannot, nor a coded map, whose steps say which channels matter.
    """
    result = dict(formats)
    rigid = [t for t, fmt in formats.items() if fmt.bits < FINE_BITS or fmt.coding is not None or fmt.reason in _FIXED]
    untouchable = {int(v) for t in rigid for v in ties.channels(t)}
    for op in graph.ops:
        if few_bits(op.kind):
            least = float(result[op.inputs[0]].scales.max()) / SPREAD
            _raise(result, ties, dict.fromkeys({int(v) for v in ties.channels(op.inputs[0])} - untouchable, least))
    return result


def _raise(formats: dict[int, TensorFormat], ties: Ties, least: dict[int, float]) -> None:
    """In place: no channel of a variable (see `Ties.channels`) has a smaller scale than `least` says."""
    for tensor, fmt in formats.items():
        own = ties.channels(tensor)
        scales = np.array([max(s, least.get(int(v), 0.0)) for s, v in zip(fmt.scales, own, strict=True)])
        if np.any(scales != fmt.scales):
            formats[tensor] = replace(fmt, scales=scales)
