"""FloatModel: a float32 network as a .tflite and as a Graph."""

from __future__ import annotations

from dataclasses import dataclass

from dqa.data.entries import Entries
from dqa.frontend.dequantize import Quantized
from dqa.graph.model import Graph, Tensor


@dataclass(frozen=True, eq=False)
class FloatModel:
    """One float32 network.

    tflite  the .tflite, batch 1, as LiteRT runs it
    graph   the same network; its activations are tensors of the .tflite, by number
    source  the path it was read from, as given
    sha256  of the file (of a SavedModel directory: of its files' names and bytes)
    quantized  what a quantized file said of its activations; None: the file is a float network
    notes  what a user should know of how it was read
    """

    tflite: bytes
    graph: Graph
    source: str
    sha256: str
    quantized: Quantized | None = None
    notes: tuple[str, ...] = ()

    @property
    def entries(self) -> Entries:
        return self.graph.entries

    @property
    def output_names(self) -> list[str]:
        return [self.graph.tensors[index].name for index in self.graph.outputs]

    @property
    def input(self) -> Tensor:
        """The first input."""
        return self.graph.tensors[self.graph.inputs[0]]

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.graph.tensors[self.graph.outputs[0]]
