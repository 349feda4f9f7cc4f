"""CONSTANT: values that the network holds as one operand of a sum, a product, ... (dqa.frontend.passes.operands)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import FloatOperator, FloatWriter, Lowering, Parts, Shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class Constant(Operator):
    """table int8 (H, W, C): the output. The input says when: row y waits for row y of it, or its last one."""

    table: Int8

    parameter_bytes = 4

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.int8(target.shape, "values"))

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.table, "values")

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_array(self.table, np.int8, output.shape, "values")
        require(output.low <= int(self.table.min()) and int(self.table.max()) <= output.high, "the values leave the output's range")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        row = min(y, edges[self.inputs[index]].height - 1)
        return row, row + 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return self.table

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        height, width, channels = grower.shape(source)
        rows = height if grower.rng.random() < 0.5 else grower.between(1, 4)
        out = grower.edge((rows, width, channels))
        edge = grower.edges[out]
        table = grower.rng.integers(edge.low, edge.high + 1, edge.shape).astype(np.int8)
        grower.ops.append(cls("constant", (source,), out, table))
        return out


class FloatConstant(FloatOperator):
    """Attributes: values, float32 in the output's shape. Its input is the operand beside it."""

    lowers = computes = True

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return tuple(op.attrs["values"].shape)

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return np.repeat(op.attrs["values"], len(inputs[0]), axis=0)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [np.zeros_like(inputs[0])]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        shape = writer.shape(writer.tensors(op)[-1])
        values = np.repeat(op.attrs["values"], writer.batch, axis=0).reshape(shape)
        writer.builtin("RESHAPE", [writer.constant(values), writer.integers(shape)], [output], "ReshapeOptions", newShape=shape)

    def never_negative(self, op: Op) -> bool:
        return bool((op.attrs["values"] >= 0).all())

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        pixels = op.attrs["values"].reshape(-1, tensors[-1].shape[-1]).astype(np.float64)
        return Bounds.between(pixels.min(axis=0), pixels.max(axis=0))

    def lower(self, given: Lowering) -> Constant:
        target, values = given.target, given.op.attrs["values"]
        table = np.clip(np.rint(values / target.scales + target.zero_points), target.low, target.high)
        return Constant(given.op.name, given.inputs, given.output, table.astype(np.int8).reshape(_hwc(values)))


def _hwc(values: Float32) -> tuple[int, int, int]:
    return Tensor(0, "", values.shape).hwc


PROGRAM = Constant
FLOATS = (FloatConstant("CONSTANT"),)
