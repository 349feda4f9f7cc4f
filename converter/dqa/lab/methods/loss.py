"""The loss whose gradient tells how much a tensor matters: cross-entropy of labels, squared error of anything else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dqa.errors import DataError
from dqa.graph import Graph
from dqa.support.arrays import Array, Float32, Int64


def correct(outputs: Float32, y: Array) -> int:
    """How many labels the first output's highest class hits: outputs (N, ..., classes), y whole numbers (N, ...).

    Raises DataError if y holds no such labels.
    """
    if y.dtype.kind not in "iub" or y.shape != outputs.shape[:-1]:
        raise DataError(
            f"labels {y.dtype} of shape {y.shape} do not name classes of outputs {outputs.shape}",
            hint="an accuracy needs one whole number for each sample; choose another ranking",
        )
    return int((outputs.argmax(axis=-1) == y).sum())


def loss_gradient(graph: Graph, values: Mapping[int, Float32], y: Array | None) -> dict[int, Float32]:
    """dLoss/dx of the tensor the loss reads, summed over samples.

    y: whole numbers, one per vector of the output: cross-entropy (after the network's softmax if it ends with one; labels past the last
    class count nothing). Floats of the output's shape: squared error. None: squared error against the input where the output has its
    shape (an autoencoder), else cross-entropy against the network's own answers.
    Raises DataError if y fits neither.
    """
    out = graph.outputs[0]
    outputs = values[out]
    if y is None and not graph.entries.several and outputs.shape == values[graph.inputs[0]].shape:
        return {out: 2 * (outputs - values[graph.inputs[0]])}
    labels = outputs.argmax(axis=-1) if y is None else y
    if labels.dtype.kind in "iub" and labels.shape == outputs.shape[:-1]:
        return _cross_entropy(graph, values, labels.astype(np.int64))
    if labels.shape != outputs.shape:
        raise DataError(f"labels of shape {labels.shape} do not fit outputs of shape {outputs.shape}", hint="choose another ranking")
    return {out: np.asarray(2 * (outputs - labels), np.float32)}


def _cross_entropy(graph: Graph, values: Mapping[int, Float32], labels: Int64) -> dict[int, Float32]:
    out = graph.outputs[0]
    producer = graph.producer(out)
    if producer is not None and producer.kind == "SOFTMAX":
        source, beta, probability = producer.inputs[0], producer.attrs["beta"], values[out]
    else:
        shifted = np.exp(values[out] - values[out].max(axis=-1, keepdims=True))
        source, beta, probability = out, 1.0, shifted / shifted.sum(axis=-1, keepdims=True)
    known = labels < probability.shape[-1]
    target = np.arange(probability.shape[-1]) == np.where(known, labels, 0)[..., None]
    return {source: np.asarray(beta * (probability - target) * known[..., None], np.float32).reshape(values[source].shape)}
