"""Writes operators of a float Graph as a float32 .tflite for LiteRT, which runs them an order of magnitude faster than numpy.

Unlike the file the graph was read from, any run of operators can be written, of any batch, with what passes and weight quantization
have changed since.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.graph import Graph, Op, Tensor
from dqa.operators.network import as_map
from dqa.operators.registry import float_operator
from dqa.tflite.float_writer import FUSED, FloatTflite
from dqa.tflite.writer import TfliteBuilder


def write_float(graph: Graph, ops: Sequence[Op], inputs: Sequence[int], outputs: Sequence[int], batch: int) -> bytes:
    """A .tflite of `ops`, in order, from the tensors `inputs` to `outputs`, each with `batch` samples.

    Raises ModelError for an operator that cannot be written.
    """
    writer = _Writer(graph, batch)
    ends = [writer.tensor(index) for index in inputs]
    for op in ops:
        writer.add(op)
    return writer.model.finish(ends, [writer.tensor(index) for index in outputs], "dqa float")


class _Writer(FloatTflite):
    def __init__(self, graph: Graph, batch: int) -> None:
        super().__init__(TfliteBuilder(), batch)
        self.graph = graph
        self._numbers: dict[int, int] = {}

    def tensor(self, index: int) -> int:
        """The file's number of a tensor of the graph."""
        if index not in self._numbers:
            tensor = self.graph.tensors[index]
            if tensor.data is not None:
                shape = tensor.shape if len(tensor.shape) != 3 else (tensor.shape[0], *as_map(tensor.shape[1:]))
                self._numbers[index] = self.constant(tensor.data.astype(np.float32).reshape(shape))
            else:
                self._numbers[index] = self.made(tensor.shape)
        return self._numbers[index]

    def made(self, shape: Sequence[int], dtype: str = "float32") -> int:
        """A new activation; shape includes the graph's batch of 1."""
        return self.exactly(self._in_file(shape), dtype)

    def shape(self, tensor: Tensor) -> list[int]:
        """Of an activation in the file, batch first: a series is a map."""
        return self._in_file(tensor.shape)

    def _in_file(self, shape: Sequence[int]) -> list[int]:
        return [self.batch, *(as_map(shape[1:]) if len(shape) == 3 else shape[1:])]

    def tensors(self, op: Op) -> list[Tensor]:
        """The graph's tensors of an operator: inputs, then outputs."""
        return [self.graph.tensors[index] for index in (*op.inputs, *op.outputs)]

    def inside(self, op: Op, tensor: int) -> None:
        """Calibration does not run what is written here."""

    def add(self, op: Op) -> None:
        inputs, output = [self.tensor(index) for index in op.inputs], self.tensor(op.outputs[0])
        activation, room = op.attrs.get("activation", "NONE"), float_operator(op.kind)
        if activation in FUSED:
            room.write(self, op, inputs, output)
        else:
            before = self.made(self.graph.tensors[op.outputs[0]].shape)
            room.write(self, op, inputs, before)
            self.model.builtin(activation, [before], [output])
