"""PRELU: x above 0, x times a slope of its channel below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import ADD_SUM, check_requantization, finish, zero_points
from dqa.support.arrays import Float32, Int8, Int16


@dataclass(frozen=True, eq=False)
class Prelu(Operator):
    """above, below int16 (C,): the weights of values above and below their zero point."""

    above: Int16
    below: Int16
    requantization: Requantization

    parameter_bytes = 8 + REQUANTIZATION_BYTES
    row_by_row = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        channels = (target.channels,)
        weights = parameters.int16(channels, "weights above"), parameters.int16(channels, "weights below")
        return cls(name, inputs, output, *weights, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        weights = offset(constants, self.above, "weights above") + offset(constants, self.below, "weights below")
        return weights + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == output.shape, "the shapes differ")
        check_array(self.above, np.int16, (output.channels,), "weights above")
        check_array(self.below, np.int16, (output.channels,), "weights below")
        check_requantization(self.requantization, output.channels, ADD_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        v = inputs[0].astype(np.int64) - zero_points(source)
        return finish(v * np.where(v > 0, self.above, self.below), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge(grower.shape(source))
        above, below = (grower.rng.integers(-(2**15), 2**15, grower.shape(source)[2]).astype(np.int16) for _ in range(2))
        grower.ops.append(cls("prelu", (source,), out, above, below, grower.requantization(out, 64.0 * 2**15)))
        return out


class FloatPrelu(FloatOperator):
    """Attributes: slopes, of each channel (C,) or, where they differ within a channel, of each value (H, W, C)."""

    lowers = computes = True

    def read(self, request: Request) -> Answer:
        shape, slopes = request.output.shape, request.input(1).data
        if slopes is None:
            raise ValueError("its slopes are not constant")
        all_slopes = np.broadcast_to(slopes, (1, *shape[1:])).astype(np.float32)
        channels = all_slopes.reshape(-1, shape[-1])
        shared = bool((channels == channels[0]).all())
        return {"slopes": channels[0].copy() if shared else all_slopes[0]}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return np.where(inputs[0] > 0, inputs[0], inputs[0] * op.attrs["slopes"])

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [gradient * np.where(inputs[0] > 0, np.float32(1), op.attrs["slopes"])]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        shape, slopes = writer.shape(writer.tensors(op)[-1]), op.attrs["slopes"]
        whole = np.broadcast_to(slopes.reshape(-1, shape[-1]), (int(np.prod(shape[1:-1])), shape[-1])).reshape(1, *shape[1:])
        writer.builtin("PRELU", [inputs[0], writer.constant(whole)], [output])

    def turned(self, attrs: Attributes) -> Attributes:
        slopes = attrs["slopes"]
        return attrs | {"slopes": slopes if slopes.ndim == 1 else slopes.swapaxes(0, 1)}

    def never_negative(self, op: Op) -> bool:
        return bool((op.attrs["slopes"] <= 0).all())

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return "" if op.attrs["slopes"].ndim == 1 else "a slope for each value; PReLU(shared_axes=[1, 2]) has one for each channel"

    def lower(self, given: Lowering) -> Prelu:
        (source,), target = given.sources, given.target
        above, below, requantization = arithmetic.prelu(source.scales, given.op.attrs["slopes"], target.scales, target.rounded_by_writer)
        return Prelu(given.op.name, given.inputs, given.output, above, below, requantization)


PROGRAM = Prelu
FLOATS = (FloatPrelu("PRELU"),)
