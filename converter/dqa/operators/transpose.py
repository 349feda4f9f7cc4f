"""TRANSPOSE: rows, columns and channels in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import MAP_AXES, TURNED_AXES, Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8, Int64

ORDERS = tuple(permutations(range(3)))


@dataclass(frozen=True, eq=False)
class Transpose(Operator):
    """axes: which of the input's height (0), width (1), channels (2) the output's height, width, channels are."""

    axes: tuple[int, int, int]

    parameter_bytes = 4
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        height, width, channels, zero = parameters.numbers("<4B")
        parameters.reserved(zero)
        return cls(name, inputs, output, (height, width, channels))

    def write(self, constants: Constants) -> bytes:
        return pack("<4B", *self.axes, 0)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(self.axes in ORDERS, f"axes {self.axes}")
        require(tuple(inputs[0].shape[axis] for axis in self.axes) == output.shape, "the shapes do not fit the axes")

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return 1 if self.axes[0] == 0 else source.height

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return (y, y + 1) if self.axes[0] == 0 else (0, edges[self.inputs[0]].height)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return inputs[0].transpose(self.axes)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        a, b, c = ORDERS[grower.between(0, 5)]
        shape = grower.shape(source)
        out = grower.edge((shape[a], shape[b], shape[c]), like=source)
        grower.ops.append(cls("transpose", (source,), out, (a, b, c)))
        return out


class FloatTranspose(FloatOperator):
    """Attributes: perm, which axis of the input each of the output is: of NHWC, or, past four dimensions, of those there are."""

    lowers = moves = True

    def read(self, request: Request) -> Answer:
        shape, perm = request.input(0).shape, request.whole_numbers(1)
        rank = len(shape)
        if sorted(axis + rank if axis < 0 else axis for axis in perm) != list(range(rank)):
            raise ValueError(f"order {perm} of {rank} dimensions")
        found = [axis + rank if axis < 0 else axis for axis in perm]
        if rank <= 4:
            places = MAP_AXES[rank]
            found = [next((places[perm[i]] for i, place in enumerate(places) if place == axis), axis) for axis in range(4)]
        return {"perm": tuple(found)}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        shape = inputs[0].shape
        return tuple((shape if len(shape) > 4 else nhwc_shape(shape))[axis] for axis in op.attrs["perm"])

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return np.ascontiguousarray(nhwc(inputs[0]).transpose(op.attrs["perm"]))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [nhwc(gradient).transpose(np.argsort(op.attrs["perm"]))]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source, target = (tensor.hwc for tensor in writer.tensors(op))
        before, after = writer.made((1, *source)), writer.made((1, *target))
        writer.builtin("RESHAPE", [inputs[0], writer.integers([writer.batch, *source])], [before], "ReshapeOptions")
        writer.builtin("TRANSPOSE", [before, writer.integers(op.attrs["perm"])], [after], "TransposeOptions")
        shape = writer.shape(writer.tensors(op)[-1])
        writer.builtin("RESHAPE", [after, writer.integers(shape)], [output], "ReshapeOptions", newShape=shape)

    def turned(self, attrs: Attributes) -> Attributes:
        perm = attrs["perm"]
        return attrs | {"perm": tuple(TURNED_AXES[perm[TURNED_AXES[axis]]] for axis in range(4))}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return "" if op.attrs["perm"][0] == 0 else "samples in another order"

    def channel_sources(self, op: Op, inputs: Sequence[Tensor], index: int, channels: int) -> Int64 | None:
        return np.arange(channels) if op.attrs["perm"][3] == 3 else None

    def lower(self, given: Lowering) -> Transpose:
        _, height, width, channels = given.op.attrs["perm"]
        return Transpose(given.op.name, given.inputs, given.output, (height - 1, width - 1, channels - 1))


PROGRAM = Transpose
FLOATS = (FloatTranspose("TRANSPOSE"),)
