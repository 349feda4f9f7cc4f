"""REDUCE: the largest or smallest value of each channel over the whole map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import FloatWriter, Lowering, Parts
from dqa.operators.float_reduce import FloatReduction
from dqa.operators.float_windows import nhwc
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import POOL_SUM, average, check_requantization, finish
from dqa.operators.sliding_reduce import LARGEST, SMALLEST, SlidingReduce
from dqa.support.arrays import Float32, Int8

WHOLE = (1, 2)


@dataclass(frozen=True, eq=False)
class Reduce(Operator):
    """largest 1, or 0: the smallest; output 1 x 1 x C, requantized as the mean of one pixel."""

    largest: int
    requantization: Requantization

    parameter_bytes = 4 + REQUANTIZATION_BYTES
    works_on_input = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        largest = parameters.offset()  # a number here
        return cls(name, inputs, output, largest, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        return pack("<I", self.largest) + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(self.largest in (0, 1), f"largest is {self.largest}")
        require(output.shape == (1, 1, inputs[0].channels), "the output is not 1 x 1 of the input's channels")
        check_requantization(self.requantization, output.channels, POOL_SUM)

    def accumulates(self, source: Edge) -> bool:
        return True

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        found = inputs[0].max(axis=(0, 1), keepdims=True) if self.largest else inputs[0].min(axis=(0, 1), keepdims=True)
        return finish(average(found.astype(np.int64), 1), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge((1, 1, grower.shape(source)[2]))
        grower.ops.append(cls("reduce", (source,), out, grower.between(0, 1), grower.requantization(out, 32.0 * 2**15)))
        return out


class FloatReduce(FloatReduction):
    """REDUCE_MAX, REDUCE_MIN; over rows or columns alone they become pools (dqa.frontend.passes.pools)."""

    lowers = True

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x = nhwc(inputs[0])
        return np.asarray(x.max(axis=op.attrs["axes"]) if self.kind == "REDUCE_MAX" else x.min(axis=op.attrs["axes"]))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """Equal values share the gradient."""
        x, axes = nhwc(inputs[0]), op.attrs["axes"]
        shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
        won = x == out.reshape(shape)
        return [np.asarray(gradient.reshape(shape) * won / won.sum(axis=axes, keepdims=True), np.float32)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source, target = writer.tensors(op)
        before, after = (len(writer.shape(tensor)) for tensor in (source, target))
        axes = writer.integers([axis - (4 - before) for axis in op.attrs["axes"]])
        writer.builtin(self.kind, [inputs[0], axes], [output], "ReducerOptions", keepDims=before == after)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return "" if tuple(sorted(op.attrs["axes"])) == WHOLE else f"over axes {op.attrs['axes']}"

    def lower(self, given: Lowering) -> Reduce | SlidingReduce:
        source, target = given.sources[0], given.target
        requantization = arithmetic.average(source.scales, source.zero_points, target.scales, 1, target.rounded_by_writer)
        if given.op.attrs.get("continuous"):
            what, rows = LARGEST if self.kind == "REDUCE_MAX" else SMALLEST, given.tensors[0].hwc[0]
            return SlidingReduce(given.op.name, given.inputs, given.output, rows, what, requantization)
        return Reduce(given.op.name, given.inputs, given.output, int(self.kind == "REDUCE_MAX"), requantization)


PROGRAM = Reduce
FLOATS = (FloatReduce("REDUCE_MAX"), FloatReduce("REDUCE_MIN"))
