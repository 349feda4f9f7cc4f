"""EMBEDDING: a row of a table for each token, in the float network a GATHER from constants (dqa.frontend.passes.tokens)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

import numpy as np

from dqa.errors import DataError
from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.float_base import FloatOperator, FloatWriter, Lowering, Parts, Shape
from dqa.operators.gather import Gather
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.operators.reshape import Reshape
from dqa.support.arrays import Float32, Int8

MAX_TOKENS = 256
"""Tokens are the values of one byte."""
_ROWS = Struct("<HbB")


@dataclass(frozen=True, eq=False)
class Embedding(Operator):
    """table int8 (rows, C): token value v -> row v - first, the nearest one for values outside of the table."""

    table: Int8
    first: int

    parameter_bytes = 8

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        rows, first, reserved = _ROWS.unpack_from(parameters.data, 4)
        parameters.reserved(reserved)
        require(1 <= rows <= MAX_TOKENS, f"{rows} tokens")
        return cls(name, inputs, output, parameters.int8((rows, target.channels), "table"), first)

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.table, "table") + _ROWS.pack(len(self.table), self.first, 0)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].height == 1 and inputs[0].values == output.height * output.width, "not one token for each pixel")
        check_array(self.table, np.int8, (len(self.table), output.channels), "table")
        inside = int(self.table.min()) >= output.low and int(self.table.max()) <= output.high
        require(1 <= len(self.table) <= MAX_TOKENS and inside, "the table leaves the output's range")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return 0, 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        rows = np.clip(inputs[0].astype(np.int64).reshape(output.shape[:2]) - self.first, 0, len(self.table) - 1)
        return np.asarray(self.table[rows])

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        values, tokens = grower.edges[source].values, grower.between(1, 12)
        line, few = grower.edge((1, 1, values), like=source), grower.edge((1, 1, tokens), like=source)
        first = np.zeros(1, np.uint16)
        grower.ops.append(Reshape("line", (source,), line))
        grower.ops.append(Gather("few", (line,), few, first, first, grower.rng.integers(0, values, tokens).astype(np.uint16)))
        out = grower.edge((tokens, 1, grower.between(1, 3)))
        shape = (grower.between(1, 40), grower.shape(out)[2])
        table = grower.rng.integers(grower.edges[out].low, grower.edges[out].high + 1, shape).astype(np.int8)
        grower.ops.append(cls("embedding", (few,), out, table, grower.between(-128, 100)))
        return out


class FloatEmbedding(FloatOperator):
    """Attributes: table, float32 (tokens, C). The input's numbers are cut to whole ones, as CAST does."""

    lowers = computes = True

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return (1, inputs[0].shape[-1], op.attrs["table"].shape[1])

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        table: Float32 = op.attrs["table"]
        return table[np.clip(inputs[0].astype(np.int64), 0, len(table) - 1)]

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [np.zeros_like(inputs[0])]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        tensors = writer.tensors(op)
        tokens = writer.shape(tensors[0])
        whole = writer.exactly(tokens, "int32")
        writer.builtin("CAST", inputs, [whole])
        found = writer.made((1, tokens[-1], op.attrs["table"].shape[1]))
        writer.builtin("GATHER", [writer.constant(op.attrs["table"]), whole], [found], "GatherOptions")
        shape = writer.shape(tensors[-1])
        writer.builtin("RESHAPE", [found, writer.integers(shape)], [output], "ReshapeOptions", newShape=shape)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return f"more than {MAX_TOKENS} tokens" if len(op.attrs["table"]) > MAX_TOKENS else ""

    def lower(self, given: Lowering) -> Embedding:
        source, target = given.sources[0], given.target
        if np.any(source.scales != 1) or np.any(source.zero_points != source.zero_points[0]):
            raise DataError(
                f"layer '{given.op.name}' takes tokens, but x is not of whole numbers below {MAX_TOKENS}",
                hint="give x as uint8, with --input-scale 1 and --input-zero-point 0",
            )
        table: Float32 = given.op.attrs["table"]
        zero = int(source.zero_points[0])
        first = max(zero, -128)
        kept = table[first - zero : 128 - zero]
        codes = np.clip(np.rint(kept / target.scales + target.zero_points), target.low, target.high)
        return Embedding(given.op.name, given.inputs, given.output, codes.astype(np.int8), first)


PROGRAM = Embedding
FLOATS = (FloatEmbedding("EMBEDDING"),)
