"""LUT: any function of one value, by a table; in the float network, every function of dqa.operators.functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.functions import CLAMPS, UNARY, unary
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Float64, Floating, Int8

STEP = 1e-5
"""Of x, for slopes."""


@dataclass(frozen=True, eq=False)
class Lut(Operator):
    """table int8 (256,): value -> table[value + 128]."""

    table: Int8

    parameter_bytes = 4
    row_by_row = True
    by_table = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.int8((256,), "table"))

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.table, "table")

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == output.shape, "the shapes differ")
        check_array(self.table, np.int8, (256,), "table")
        inside = int(self.table.min()) >= output.low and int(self.table.max()) <= output.high
        require(inside, "the table leaves the output's range")

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return self.table[inputs[0].astype(np.int64) + 128]

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge(grower.shape(source))
        table = grower.rng.integers(grower.edges[out].low, grower.edges[out].high + 1, 256).astype(np.int8)
        grower.ops.append(cls("lut", (source,), out, table))
        return out


def table_of(given: Lowering, function: Callable[[Float64], Floating]) -> Lut:
    """The LUT of a function; where it is not defined, 0."""
    source, target = given.sources[0], given.target
    real = (np.arange(-128, 128) - source.zero_points[0]) * source.scales[0]
    result = function(real) / target.scales[0]
    result = np.where(np.isnan(result), 0.0, result) + target.zero_points[0]
    table = np.clip(np.rint(result), target.low, target.high).astype(np.int8)
    return Lut(given.op.name, given.inputs, given.output, table)


class FloatFunction(FloatOperator):
    """A function of one real number; attributes: its option, if it has one."""

    lowers = by_table = computes = aligned = True

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.function = UNARY[kind]
        self.positive, self.fixed_output = self.function.positive, self.function.fixed_output

    def read(self, request: Request) -> Answer:
        option, attributes = self.function.option, {}
        if option is not None:
            value = request.flag(0) if option.type is bool else request.number(0)
            if not math.isfinite(value):
                raise ValueError(f"{option.name} is {value}")
            attributes[option.name] = value
        return attributes, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return unary(op.kind, op.attrs, inputs[0])

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """By central difference where the function is smooth."""
        x = inputs[0]
        if op.kind in CLAMPS:
            low, high = CLAMPS[op.kind]
            return [gradient * ((x > low) & (x < high)).astype(np.float32)]
        wide = x.astype(np.float64)
        difference = unary(op.kind, op.attrs, wide + STEP) - unary(op.kind, op.attrs, wide - STEP)
        return [gradient * np.asarray(difference / (2 * STEP), np.float32)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        option = self.function.option
        if option is None:
            writer.builtin(op.kind, inputs, [output])
        else:
            writer.builtin(op.kind, inputs, [output], option.table, **{option.name: op.attrs[option.name]})

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        if self.function.steepest is None:
            return super().bounds(op, inputs, tensors)
        if op.kind in CLAMPS:
            return inputs[0].activated(op.kind)
        return inputs[0].through(op.kind, op.attrs, max(self.function.steepest, abs(op.attrs.get("alpha", 0.0))))

    def lower(self, given: Lowering) -> Lut:
        return table_of(given, lambda x: unary(given.op.kind, given.op.attrs, x))


class FloatSwish(FloatFunction):
    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        gate = writer.made(writer.tensors(op)[-1].shape)
        writer.builtin("LOGISTIC", inputs, [gate])
        writer.builtin("MUL", [inputs[0], gate], [output], "MulOptions")


PROGRAM = Lut
FLOATS = tuple(FloatSwish(kind) if kind == "SWISH" else FloatFunction(kind) for kind in UNARY)
