"""Normalizations over the channels, which Keras writes as a dozen operators, become one.

Which operators they are differs from version to version and with the options; so what lies between a tensor and one that follows from it
alone, pixel by pixel, is tried on numbers: if it is a normalization, they tell its parameters, and others prove them.
"""

from __future__ import annotations

import numpy as np

from dqa.frontend.passes.regions import between, is_whole, replace, sources
from dqa.graph.model import Graph, Op
from dqa.operators.steps import KINDS, TRUTHS, step_value
from dqa.support.arrays import Float64

_REDUCTIONS = frozenset({"MEAN", "SUM"})
_PIXELS = 64
_NEAR = 1e-4
_NO_EPSILON = 1e-10


def normalize(graph: Graph) -> bool:
    """All of them at once, before other passes change what they are made of."""
    changed = False
    while _normalize_one(graph):
        changed = True
    return changed


def _normalize_one(graph: Graph) -> bool:
    found = sources(graph, _is_step)
    for op in reversed(graph.ops):
        for source in reversed(found[op.outputs[0]][1:]):
            region = between(graph, source, op.outputs[0])
            if not any(one.kind in _REDUCTIONS for one in region) or not is_whole(graph, region):
                continue
            if graph.tensors[source].shape != graph.tensors[op.outputs[0]].shape or (parts := _parameters(graph, source, region)) is None:
                continue
            replace(graph, region, Op("NORMALIZATION", op.name, [source], op.outputs, parts | {"activation": "NONE"}))
            return True
    return False


def _is_step(graph: Graph, op: Op) -> bool:
    """Whether it works on each pixel alone."""
    target = graph.tensors[op.outputs[0]]
    moving = [graph.tensors[index] for index in op.inputs if not graph.tensors[index].is_constant]
    if not moving or len(op.outputs) != 1 or any(tensor.shape[:-1] != target.shape[:-1] for tensor in moving):
        return False
    if op.kind in _REDUCTIONS:
        return _axes(graph, op) == [len(target.shape) - 1] and target.shape[-1] == 1
    constants = [data for index in op.inputs if (data := graph.tensors[index].data) is not None]
    channels = max(tensor.shape[-1] for tensor in [*moving, target])
    per_channel = all(data.size == 1 or (data.size == data.shape[-1] == channels) for data in constants)
    return op.kind in KINDS - TRUTHS and per_channel


def _axes(graph: Graph, op: Op) -> list[int]:
    """Of a tensor, from 0; attributes count as if it had four dimensions."""
    rank = len(graph.tensors[op.inputs[0]].shape)
    if "axes" in op.attrs:
        return [axis - (4 - rank) if axis == 3 else -1 for axis in op.attrs["axes"]]
    data = graph.tensors[op.inputs[1]].data if len(op.inputs) > 1 else None
    return [] if data is None else [int(axis) % rank for axis in data.reshape(-1)]


def _run(graph: Graph, source: int, region: list[Op], x: Float64) -> Float64:
    """The region's result for pixels (N, C)."""
    values: dict[int, Float64] = {source: x}
    for op in region:
        inputs = [values[i] if (data := graph.tensors[i].data) is None else data.reshape(-1).astype(np.float64) for i in op.inputs]
        with np.errstate(all="ignore"):
            if op.kind in _REDUCTIONS:
                result = inputs[0].sum(axis=-1, keepdims=True) / (inputs[0].shape[-1] if op.kind == "MEAN" else 1)
            else:
                result = step_value(op.kind, op.attrs, inputs, np.float64)
        values[op.outputs[0]] = np.asarray(result)
    return values[region[-1].outputs[0]]


def _parameters(graph: Graph, source: int, region: list[Op]) -> dict[str, object] | None:
    """The attributes of the normalization that a region computes; None if it computes something else."""
    random, channels = np.random.default_rng(0), graph.tensors[source].shape[-1]
    x = random.normal(0.5, 1, (_PIXELS, channels))
    for centered in (True, False):
        big = 1e4 * x  # of which epsilon is no part
        normal = _normal(big, centered, 0.0)
        y = _run(graph, source, region, big)
        if y.shape != x.shape or not np.isfinite(y).all():
            return None
        spread = normal - normal.mean(axis=0)
        if not (spread.any(axis=0)).all():
            continue
        gamma = (spread * y).sum(axis=0) / (spread * spread).sum(axis=0)
        beta = (y - gamma * normal).mean(axis=0)
        # Where epsilon is a part: (gamma * d / (y - beta))^2 is the mean square and epsilon.
        small = 1e-2 * x
        d = small - small.mean(axis=1, keepdims=True) if centered else small
        with np.errstate(all="ignore"):
            square = (gamma * d / (_run(graph, source, region, small) - beta)) ** 2
        epsilon = float(np.nanmedian(square - (d * d).mean(axis=1, keepdims=True)))
        epsilon = epsilon if epsilon > _NO_EPSILON else 0.0
        tried = [scale * random.normal(0.3, 1, (_PIXELS, channels)) for scale in (1e-2, 0.1, 1, 30)]
        if all(_near(_run(graph, source, region, one), gamma * _normal(one, centered, epsilon) + beta) for one in tried):
            vectors = {"gamma": gamma.astype(np.float32), "beta": np.where(np.abs(beta) < _NO_EPSILON, 0, beta).astype(np.float32)}
            return {"centered": centered, "epsilon": epsilon, **vectors}
    return None


def _normal(x: Float64, centered: bool, epsilon: float) -> Float64:
    d = x - x.mean(axis=1, keepdims=True) if centered else x
    return np.asarray(d / np.sqrt((d * d).mean(axis=1, keepdims=True) + epsilon))


def _near(found: Float64, expected: Float64) -> bool:
    return bool(np.abs(found - expected).max() <= _NEAR * max(np.abs(expected).max(), 1e-9))
