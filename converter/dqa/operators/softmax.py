"""SOFTMAX over the channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8, UInt16


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """table uint16 (256,): exp(-difference * scale * beta), first entry the largest."""

    table: UInt16

    parameter_bytes = 4
    row_by_row = True
    by_table = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.uint16((256,), "table"))

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.table, "table")

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == output.shape, "the shapes differ")
        require((output.low, output.bits) == (-128, 8), "the output has not the full range of int8")
        check_array(self.table, np.uint16, (256,), "table")
        require(int(self.table[0]) > 0, "the table begins with 0")

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        x = inputs[0].astype(np.int64)
        e = self.table.astype(np.int64)[x.max(axis=2, keepdims=True) - x]
        total = e.sum(axis=2, keepdims=True)
        share: Int8 = (np.minimum(255, (e * 256 + total // 2) // total) - 128).astype(np.int8)
        return share

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge(grower.shape(source))
        grower.byte_edge(out)
        table = np.round(65535 * np.exp(-np.arange(256) * grower.rng.uniform(0.005, 0.5))).astype(np.uint16)
        grower.ops.append(cls("softmax", (source,), out, table))
        return out


class FloatSoftmax(FloatOperator):
    """Attributes: beta."""

    lowers = by_table = positive = True
    fixed_output = (1 / 256, -128.0)

    def read(self, request: Request) -> Answer:
        beta = request.number(0)
        if not (math.isfinite(beta) and beta > 0):
            raise ValueError(f"beta is {beta}")
        return {"beta": beta}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x = inputs[0] * np.float32(op.attrs["beta"])
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [np.float32(op.attrs["beta"]) * out * (gradient - (gradient * out).sum(axis=-1, keepdims=True))]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        writer.builtin("SOFTMAX", inputs, [output], "SoftmaxOptions", beta=op.attrs["beta"])

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        channels = tensors[-1].shape[-1]
        return Bounds.between(np.zeros(channels), np.ones(channels))

    def lower(self, given: Lowering) -> Softmax:
        step = float(given.sources[0].scales[0]) * float(given.op.attrs.get("beta", 1.0))
        table = np.rint(65535 * np.exp(-step * np.arange(256))).astype(np.uint16)
        return Softmax(given.op.name, given.inputs, given.output, table)


PROGRAM = Softmax
FLOATS = (FloatSoftmax("SOFTMAX"),)
