"""MEAN over the whole map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import FloatWriter, Lowering, Parts, Shape
from dqa.operators.float_reduce import FloatReduction
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import POOL_SUM, average, check_requantization, finish
from dqa.operators.sliding_reduce import MEAN, SlidingReduce
from dqa.support.arrays import Float32, Int8, Int64
from dqa.support.limits import MAX_POOLED


@dataclass(frozen=True, eq=False)
class Mean(Operator):
    """Over the whole map; output 1 x 1 x C."""

    requantization: Requantization

    parameter_bytes = REQUANTIZATION_BYTES
    works_on_input = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        return requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        source = inputs[0]
        require(output.shape == (1, 1, source.channels), "the output is not 1 x 1 of the input's channels")
        require(source.height * source.width <= MAX_POOLED, f"a mean over more than {MAX_POOLED} pixels")
        check_requantization(self.requantization, output.channels, POOL_SUM)

    def accumulates(self, source: Edge) -> bool:
        return True

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        total = inputs[0].astype(np.int64).sum(axis=(0, 1), keepdims=True)
        return finish(average(total, source.height * source.width), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge((1, 1, grower.shape(source)[2]))
        grower.ops.append(cls("mean", (source,), out, grower.requantization(out, 32.0 * 2**15)))
        return out


class FloatMean(FloatReduction):
    """MEAN and SUM."""

    lowers = aligned = True

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        if 3 in op.attrs["axes"]:
            return super().bounds(op, inputs, tensors)
        times, x = self._times(nhwc_shape(tensors[0].shape), op), inputs[0]
        return Bounds(x.low * times, x.high * times, x.width * times)

    def tied(self, op: Op, tensors: Sequence[Tensor], index: int) -> Int64 | None:
        return super().tied(op, tensors, index) if 3 not in op.attrs["axes"] else None

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x = nhwc(inputs[0])
        return np.asarray(x.mean(axis=op.attrs["axes"], dtype=np.float32) * np.float32(self._times(x.shape, op)))

    def _times(self, shape: Shape, op: Op) -> int:
        """How many means the result is."""
        return math.prod(shape[axis] for axis in op.attrs["axes"]) if self.kind == "SUM" else 1

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        x, axes = nhwc(inputs[0]), tuple(op.attrs["axes"])
        shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
        count = np.prod([x.shape[axis] for axis in axes])
        return [np.broadcast_to(gradient.reshape(shape) * np.float32(self._times(x.shape, op) / count), x.shape)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source, target = writer.tensors(op)
        before, after = (len(writer.shape(tensor)) for tensor in (source, target))
        axes = writer.integers([axis - (4 - before) for axis in op.attrs["axes"]])
        writer.builtin(self.kind, [inputs[0], axes], [output], "ReducerOptions", keepDims=before == after)

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        height, width, _ = inputs[0].hwc
        if sorted(op.attrs["axes"]) not in ([1, 2], [2, 1]) or height * width > MAX_POOLED:
            return f"{self.kind.lower()} over axes {op.attrs['axes']} of {height} x {width}"
        return ""

    def lower(self, given: Lowering) -> Mean | SlidingReduce:
        (height, width, _), source, target = given.tensors[0].hwc, given.sources[0], given.target
        count = height * width
        step = target.scales / self._times((1, height, width, 1), given.op)
        requantization = arithmetic.average(source.scales, source.zero_points, step, count, target.rounded_by_writer)
        if given.op.attrs.get("continuous"):
            return SlidingReduce(given.op.name, given.inputs, given.output, height, MEAN, requantization)
        return Mean(given.op.name, given.inputs, given.output, requantization)


PROGRAM = Mean
FLOATS = (FloatMean("MEAN"), FloatMean("SUM"))
