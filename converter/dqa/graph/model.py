"""Graph: a float32 network in NHWC, in topological order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dqa.data.entries import Entries, Entry
from dqa.operators.network import Op, Tensor
from dqa.support.arrays import Array

__all__ = ["Graph", "Op", "Tensor"]


@dataclass
class Graph:
    """A network: `ops` in an order in which every input is ready. Inputs -1 (absent) do not occur.

    argmax: places of the outputs that are scores where the model's own output is the index of the largest, over the last axis.
    """

    tensors: dict[int, Tensor]
    ops: list[Op]
    inputs: list[int]
    outputs: list[int]
    argmax: tuple[int, ...] = ()

    @property
    def entries(self) -> Entries:
        return Entries(tuple(Entry(self.tensors[index].name, tuple(self.tensors[index].shape[1:])) for index in self.inputs))

    def given(self, x: Array) -> dict[int, Array]:
        """Samples as `Entries` has them, by input tensor."""
        return dict(zip(self.inputs, self.entries.split(x), strict=True))

    def producer(self, tensor: int) -> Op | None:
        """The operator that writes a tensor, None for inputs and constants."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: int) -> list[Op]:
        """The operators that read a tensor, in order."""
        return [op for op in self.ops if tensor in op.inputs]

    def weights(self, op: Op) -> int:
        """How many numbers an operator holds: weights, biases, tables."""
        return sum(data.size for t in op.inputs if (data := self.tensors[t].data) is not None)

    def activations(self) -> Iterator[Tensor]:
        """The non-constant tensors: inputs first, then in the order they are written."""
        for index in self.inputs:
            yield self.tensors[index]
        for op in self.ops:
            for index in op.outputs:
                yield self.tensors[index]

    def activation_names(self) -> dict[int, str]:
        """A unique name for each activation: that of the operator that writes it, "input" for the inputs; numbered where names repeat."""
        names: dict[int, str] = {}
        for tensor in self.activations():
            producer = self.producer(tensor.index)
            base = producer.name if producer is not None else "input"
            name, number = base, 1
            while name in names.values():
                number += 1
                name = f"{base}.{number}"
            names[tensor.index] = name
        return names
