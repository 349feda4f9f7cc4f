"""Keeps output scales where the integer arithmetic can reach them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dqa.graph import Graph
from dqa.lowering.arithmetic import finest_useful
from dqa.lowering.build import folded_weights
from dqa.quantization.formats import Reason, TensorFormat
from dqa.quantization.ties import Ties
from dqa.quantization.weight_methods.levels import LARGEST_SCALE

_FIXED = frozenset({Reason.INPUT, Reason.TABLE, Reason.BORDER})


def raise_to_useful(graph: Graph, formats: dict[int, TensorFormat], weight_bits: int = 8) -> dict[int, TensorFormat]:
    """Coarsens output scales finer than a quarter of the accumulator's step, where the requantization's factor would reach its limit.

    Such a scale only occurs for channels that are almost constant; the accumulator's own step is the finer limit there, so nothing is lost.
    Tied channels are raised together.
    """
    ties = Ties(graph)
    result = dict(formats)
    for op in graph.ops:
        if op.kind not in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}:
            continue
        target = result[op.outputs[0]]
        largest = 1 if weight_bits == 8 or op.kind == "DEPTHWISE_CONV_2D" else LARGEST_SCALE
        least = finest_useful(folded_weights(graph, op, result, 8).scales * largest)
        low = np.flatnonzero(target.scales < least)
        if len(low) == 0 or target.reason in _FIXED:
            continue
        variables = ties.channels(op.outputs[0])
        needed = {int(variables[c]): float(least[c]) for c in low}
        for tensor, fmt in result.items():
            own = ties.channels(tensor)
            scales = np.array([max(s, needed.get(int(v), 0.0)) for s, v in zip(fmt.scales, own, strict=True)])
            if np.any(scales != fmt.scales):
                result[tensor] = replace(fmt, scales=scales)
    return result
