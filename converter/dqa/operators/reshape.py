"""RESHAPE, and SQUEEZE, EXPAND_DIMS and DEQUANTIZE, which change no value either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Self

from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import FloatOperator, FloatWriter, Lowering, Parts, Shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class Reshape(Operator):
    parameter_bytes = 0
    row_by_row = True
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output)

    def write(self, constants: Constants) -> bytes:
        return b""

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].values == output.values, "the number of values changes")

    def rows_needed(self, source: Edge, output: Edge) -> int:
        # Output rows begin at every multiple of the divisor in an input row; from the last the span is longest.
        return -(-(output.row_values - gcd(output.row_values, source.row_values)) // source.row_values) + 1

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        source, output = edges[self.inputs[index]], edges[self.output]
        start = y * output.row_values
        return start // source.row_values, (start + output.row_values - 1) // source.row_values + 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return inputs[0].reshape(output.shape)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        values = grower.edges[source].values
        height = int(grower.rng.choice([n for n in range(1, values + 1) if values % n == 0]))
        width = int(grower.rng.choice([n for n in range(1, values // height + 1) if (values // height) % n == 0]))
        out = grower.edge((height, width, values // height // width), like=source)
        grower.ops.append(cls("reshape", (source,), out))
        return out


class FloatSqueeze(FloatOperator):
    """SQUEEZE, EXPAND_DIMS."""

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return inputs[0]

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [gradient]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        shape = writer.shape(writer.tensors(op)[-1])
        writer.builtin("RESHAPE", [inputs[0], writer.integers(shape)], [output], "ReshapeOptions", newShape=shape)


class FloatReshape(FloatSqueeze):
    lowers = moves = free_shape = True

    def lower(self, given: Lowering) -> Reshape:
        return Reshape(given.op.name, given.inputs, given.output)


class FloatDequantize(FloatOperator):
    """Of half-precision weights."""

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape


PROGRAM = Reshape
FLOATS = (FloatReshape("RESHAPE"), FloatSqueeze("SQUEEZE"), FloatSqueeze("EXPAND_DIMS"), FloatDequantize("DEQUANTIZE"))
