"""ADD: the sum of two maps of one shape, each with its own scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.binary import FloatBinary
from dqa.operators.float_base import Lowering
from dqa.operators.lut import Lut
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import ADD_SUM, check_requantization, finish
from dqa.support.arrays import Float32, Int8, Int16


@dataclass(frozen=True, eq=False)
class Add(Operator):
    """weights_a, weights_b int16 (C,): the scales of the two inputs relative to the sum."""

    weights_a: Int16
    weights_b: Int16
    requantization: Requantization

    parameter_bytes = 8 + REQUANTIZATION_BYTES
    input_count = 2
    works_on_input = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        channels = (target.channels,)
        weights = parameters.int16(channels, "weights_a"), parameters.int16(channels, "weights_b")
        return cls(name, inputs, output, *weights, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        weights = offset(constants, self.weights_a, "weights of a") + offset(constants, self.weights_b, "weights of b")
        return weights + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == inputs[1].shape == output.shape, "the shapes differ")
        check_array(self.weights_a, np.int16, (output.channels,), "weights_a")
        check_array(self.weights_b, np.int16, (output.channels,), "weights_b")
        check_requantization(self.requantization, output.channels, ADD_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        a, b = (x.astype(np.int64) for x in inputs)
        return finish(a * self.weights_a + b * self.weights_b, self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        return cls.grow_as(grower, source, Lut.grow(grower, source))

    @classmethod
    def grow_as(cls, grower: Grower, source: int, other: int) -> int:
        """The sum of two edges of one shape."""
        out = grower.edge(grower.shape(source))
        a, b = (grower.rng.integers(-(2**15), 2**15, grower.shape(source)[2]).astype(np.int16) for _ in range(2))
        inputs = (source, other) if grower.rng.random() < 0.5 else (other, source)
        grower.ops.append(cls("add", inputs, out, a, b, grower.requantization(out, 64.0 * 2**15)))
        return out


class FloatAdd(FloatBinary):
    lowers = fuses = keeps_sign = True

    def of(self, a: Float32, b: Float32) -> Float32:
        return a + b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient, gradient

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        shapes = {tensor.hwc for tensor in (*inputs, output)}
        return "a broadcast or constant addend" if len(shapes) != 1 or any(tensor.is_constant for tensor in inputs) else ""

    def lower(self, given: Lowering) -> Add:
        a, b, target = given.sources[0], given.sources[-1], given.target
        weights_a, weights_b, requantization = arithmetic.add(
            a.scales, a.zero_points, b.scales, b.zero_points, target.scales, target.rounded_by_writer
        )
        inputs = given.inputs if len(given.inputs) == 2 else given.inputs * 2
        return Add(given.op.name, inputs, given.output, weights_a, weights_b, requantization)


PROGRAM = Add
FLOATS = (FloatAdd("ADD"),)
