"""CONCATENATION along height, width or channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.functions import activate
from dqa.operators.network import MAP_AXES, TURNED_AXES, Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.operators.reshape import Reshape
from dqa.support.arrays import Float32, Int8
from dqa.support.limits import MAX_INPUTS


@dataclass(frozen=True, eq=False)
class Concatenation(Operator):
    """axis 0 = height, 1 = width, 2 = channels."""

    axis: int

    parameter_bytes = 4
    row_by_row = True
    input_count = None
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        axis, *zeros = parameters.numbers("<4B")
        parameters.reserved(*zeros)
        return cls(name, inputs, output, axis)

    def write(self, constants: Constants) -> bytes:
        return pack("<4B", self.axis, 0, 0, 0)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        axis = self.axis
        require(axis in (0, 1, 2), f"axis {axis}; expected 0, 1 or 2")
        shapes, expected = [edge.shape for edge in inputs], output.shape
        rest = [i for i in range(3) if i != axis]
        require(all(shape[i] == expected[i] for shape in shapes for i in rest), "the shapes differ beside the axis")
        require(sum(shape[axis] for shape in shapes) == expected[axis], "the inputs do not fill the output")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        before = sum(edges[i].height for i in self.inputs[:index]) if self.axis == 0 else 0
        return y - before, y - before + 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return np.concatenate(inputs, axis=self.axis)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        axis, inputs = grower.between(0, 2), [source]
        for _ in range(grower.between(0, 2)):
            part = grower.edge(grower.shape(source), like=source)
            grower.ops.append(Reshape("copy", (source,), part))
            inputs.append(part)
        shape = list(grower.shape(source))
        shape[axis] *= len(inputs)
        out = grower.edge((shape[0], shape[1], shape[2]), like=source)
        grower.ops.append(cls("concatenation", tuple(inputs), out, axis))
        return out


class FloatConcatenation(FloatOperator):
    """Attributes: axis (of the NHWC tensor, 1..3), activation."""

    lowers = moves = aligned = True

    def read(self, request: Request) -> Answer:
        rank = len(request.output.shape)
        axis = request.integer(0)
        axis += rank if axis < 0 else 0
        if not 1 <= axis < rank or rank > 4:
            raise ValueError(f"axis {request.integer(0)} of {rank} dimensions")
        kept = [request.input(position).index for position in range(len(request.inputs))]
        return {"axis": MAP_AXES[rank][axis], "activation": request.activation(1)}, kept, None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        axis = op.attrs["axis"]
        shapes = [nhwc_shape(tensor.shape) for tensor in inputs]
        if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) != 1:
            raise ValueError(f"inputs of shapes {shapes} do not fit along axis {axis}")
        return *shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return activate(op.attrs["activation"], np.concatenate([nhwc(x) for x in inputs], axis=op.attrs["axis"]))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        axis = op.attrs["axis"]
        ends = np.cumsum([nhwc(x).shape[axis] for x in inputs])
        return list(np.split(nhwc(gradient), ends[:-1], axis=axis))

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        axis = op.attrs["axis"] - (4 - len(writer.shape(writer.tensors(op)[0])))
        writer.builtin(op.kind, inputs, [output], "ConcatenationOptions", axis=axis, fusedActivationFunction=op.attrs["activation"])

    def turned(self, attrs: Attributes) -> Attributes:
        return attrs | {"axis": TURNED_AXES[attrs["axis"]]}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        many = len(inputs) > MAX_INPUTS or any(tensor.is_constant for tensor in inputs)
        return f"more than {MAX_INPUTS} inputs or a constant one" if many else ""

    def passes_to(self, op: Op, inputs: Sequence[Tensor], index: int) -> int:
        return sum(tensor.hwc[2] for tensor in inputs[:index]) if op.attrs["axis"] == 3 else 0

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        if len(inputs) != len(tensors) - 1:
            return super().bounds(op, inputs, tensors)
        if op.attrs["axis"] == 3:
            return Bounds(*(np.concatenate(parts) for parts in zip(*((x.low, x.high, x.width) for x in inputs), strict=True)))
        return reduce(Bounds.joined, inputs)

    def lower(self, given: Lowering) -> Concatenation:
        return Concatenation(given.op.name, given.inputs, given.output, given.op.attrs["axis"] - 1)


PROGRAM = Concatenation
FLOATS = (FloatConcatenation("CONCATENATION"),)
