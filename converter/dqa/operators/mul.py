"""MUL: the product of two maps, each with its own scales; squeeze-excite and gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, check_array, require
from dqa.operators.binary import FloatBinary
from dqa.operators.broadcast import Broadcasting, check_shapes, grow_operand, grown_shape
from dqa.operators.float_base import Lowering
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import MUL_SUM, check_requantization, finish
from dqa.support.arrays import Float32, Int8, Int16


@dataclass(frozen=True, eq=False)
class Mul(Broadcasting):
    """zeros_a, zeros_b int16 (C,): the zero points of the two inputs in units of 1/32."""

    zeros_a: Int16
    zeros_b: Int16
    requantization: Requantization

    parameter_bytes = 8 + REQUANTIZATION_BYTES

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        channels = (target.channels,)
        zeros = parameters.int16(channels, "zeros_a"), parameters.int16(channels, "zeros_b")
        return cls(name, inputs, output, *zeros, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        zeros = offset(constants, self.zeros_a, "zero points of a") + offset(constants, self.zeros_b, "zero points of b")
        return zeros + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_shapes(inputs, output)
        for zeros, what in ((self.zeros_a, "zeros_a"), (self.zeros_b, "zeros_b")):
            check_array(zeros, np.int16, (output.channels,), what)
            require(int(np.abs(zeros.astype(np.int32)).max()) <= 128 * arithmetic.MUL_UNITS, f"{what} are past those of int8")
        check_requantization(self.requantization, output.channels, MUL_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        a, b = (x.astype(np.int64) * arithmetic.MUL_UNITS for x in inputs)
        return finish((a - self.zeros_a) * (b - self.zeros_b), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        other = grow_operand(grower, source)
        out = grower.edge(grown_shape(grower, source, other))
        limit = 128 * arithmetic.MUL_UNITS
        a, b = (grower.rng.integers(-limit, limit + 1, grower.shape(out)[2]).astype(np.int16) for _ in range(2))
        inputs = (source, other) if grower.rng.random() < 0.5 else (other, source)
        grower.ops.append(cls("mul", inputs, out, a, b, grower.requantization(out, 4000.0**2)))
        return out


class FloatMul(FloatBinary):
    lowers = fuses = keeps_sign = True

    def of(self, a: Float32, b: Float32) -> Float32:
        return a * b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient * b, gradient * a

    def lower(self, given: Lowering) -> Mul:
        (a, b), target = given.sources, given.target
        zeros_a, zeros_b, requantization = arithmetic.multiply(
            a.scales, a.zero_points, b.scales, b.zero_points, target.scales, target.rounded_by_writer
        )
        return Mul(given.op.name, given.inputs, given.output, zeros_a, zeros_b, requantization)


PROGRAM = Mul
FLOATS = (FloatMul("MUL"),)
