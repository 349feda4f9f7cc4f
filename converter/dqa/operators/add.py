"""ADD: the sum or the difference of two maps, each with its own scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, check_array
from dqa.operators.binary import FloatBinary
from dqa.operators.bounds import Bounds, summed
from dqa.operators.broadcast import Broadcasting, check_shapes, grow_operand, grown_shape
from dqa.operators.float_base import Lowering
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import ADD_SUM, check_requantization, finish
from dqa.support.arrays import Float32, Int8, Int16, Int64


@dataclass(frozen=True, eq=False)
class Add(Broadcasting):
    """weights_a, weights_b int16 (C,): the scales of the two inputs relative to the sum."""

    weights_a: Int16
    weights_b: Int16
    requantization: Requantization

    parameter_bytes = 8 + REQUANTIZATION_BYTES

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        channels = (target.channels,)
        weights = parameters.int16(channels, "weights_a"), parameters.int16(channels, "weights_b")
        return cls(name, inputs, output, *weights, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        weights = offset(constants, self.weights_a, "weights of a") + offset(constants, self.weights_b, "weights of b")
        return weights + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_shapes(inputs, output)
        check_array(self.weights_a, np.int16, (output.channels,), "weights_a")
        check_array(self.weights_b, np.int16, (output.channels,), "weights_b")
        check_requantization(self.requantization, output.channels, ADD_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        a, b = (x.astype(np.int64) for x in inputs)
        return finish(a * self.weights_a + b * self.weights_b, self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        return cls.grow_as(grower, source, grow_operand(grower, source))

    @classmethod
    def grow_as(cls, grower: Grower, source: int, other: int) -> int:
        """The sum of two edges."""
        out = grower.edge(grown_shape(grower, source, other))
        a, b = (grower.rng.integers(-(2**15), 2**15, grower.shape(out)[2]).astype(np.int16) for _ in range(2))
        inputs = (source, other) if grower.rng.random() < 0.5 else (other, source)
        grower.ops.append(cls("add", inputs, out, a, b, grower.requantization(out, 64.0 * 2**15)))
        return out


class FloatAdd(FloatBinary):
    lowers = fuses = keeps_sign = aligned = True

    def of(self, a: Float32, b: Float32) -> Float32:
        return a + b

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        if len({tensor.shape for tensor in tensors}) != 1 or any(tensor.is_constant for tensor in tensors):
            return super().bounds(op, inputs, tensors)
        a, b = inputs[0], inputs[-1]
        pairs = Bounds(*(np.stack(two, axis=1) for two in ((a.low, b.low), (a.high, b.high), (a.width, b.width))))
        return summed(np.ones((len(a.low), 2)), pairs, np.zeros(len(a.low)))

    def tied(self, op: Op, tensors: Sequence[Tensor], index: int) -> Int64 | None:
        alike = len({tensor.shape for tensor in tensors}) == 1 and not any(tensor.is_constant for tensor in tensors)
        return super().tied(op, tensors, index) if alike else None

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient, gradient

    def lower(self, given: Lowering) -> Add:
        return _lowered(given, 1)


class FloatSub(FloatBinary):
    lowers = fuses = True

    def of(self, a: Float32, b: Float32) -> Float32:
        return a - b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient, -gradient

    def lower(self, given: Lowering) -> Add:
        return _lowered(given, -1)


def _lowered(given: Lowering, sign: int) -> Add:
    """a + sign * b."""
    (a, b), target = given.sources, given.target
    weights_a, weights_b, requantization = arithmetic.add(
        a.scales, a.zero_points, sign * b.scales, b.zero_points, target.scales, target.rounded_by_writer
    )
    return Add(given.op.name, given.inputs, given.output, weights_a, weights_b, requantization)


PROGRAM = Add
FLOATS = (FloatAdd("ADD"), FloatSub("SUB"))
