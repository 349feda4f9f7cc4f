"""PAD: zeros around a map, between its channels too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import MAP_AXES, Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.operators.requantize import zero_points
from dqa.support.arrays import Float32, Int8

MAX_PAD = 4096


@dataclass(frozen=True, eq=False)
class Pad(Operator):
    """Rows above the input, columns left of it, channels before it."""

    top: int
    left: int
    before: int

    parameter_bytes = 8
    row_by_row = True
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        top, left, before, zero = parameters.numbers("<4H")
        parameters.reserved(zero)
        return cls(name, inputs, output, top, left, before)

    def write(self, constants: Constants) -> bytes:
        return pack("<4H", self.top, self.left, self.before, 0)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        offsets = zip((self.top, self.left, self.before), inputs[0].shape, output.shape, strict=True)
        require(all(at >= 0 and at + size <= room for at, size, room in offsets), "the input does not fit in the output")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return y - self.top, y - self.top + 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        y = np.empty(output.shape, np.int8)
        y[:] = zero_points(output)
        height, width, channels = inputs[0].shape
        y[self.top : self.top + height, self.left : self.left + width, self.before : self.before + channels] = inputs[0]
        return y

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        at = [grower.between(0, 2) for _ in range(3)]
        height, width, channels = (size + before + grower.between(0, 2) for size, before in zip(grower.shape(source), at, strict=True))
        out = grower.edge((height, width, channels), like=source)
        grower.ops.append(cls("pad", (source,), out, *at))
        return out


class FloatPad(FloatOperator):
    """Attributes: paddings, ((before, after),) * 4 in NHWC."""

    lowers = moves = True

    def read(self, request: Request) -> Answer:
        rank = len(request.input(0).shape)
        numbers = request.whole_numbers(1)
        if len(numbers) != 2 * rank or rank > 4 or any(not 0 <= value <= MAX_PAD for value in numbers) or numbers[0] or numbers[1]:
            raise ValueError(f"paddings {numbers} for {rank} dimensions")
        pairs = [(numbers[2 * i], numbers[2 * i + 1]) for i in range(rank)]
        paddings = [(0, 0)] * 4
        for axis, pair in zip(MAP_AXES[rank], pairs, strict=True):
            paddings[axis] = pair
        return {"paddings": tuple(paddings)}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        sizes = zip(nhwc_shape(inputs[0].shape), op.attrs["paddings"], strict=True)
        return tuple(size + before + after for size, (before, after) in sizes)

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return np.pad(nhwc(inputs[0]), op.attrs["paddings"])

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        places = zip(op.attrs["paddings"], nhwc(inputs[0]).shape, strict=True)
        return [nhwc(gradient)[tuple(slice(before, before + size) for (before, _after), size in places)]]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        pads = op.attrs["paddings"][-len(writer.shape(writer.tensors(op)[0])) :]
        writer.builtin("PAD", [inputs[0], writer.integers([(0, 0), *pads[1:]])], [output], "PadOptions")

    def turned(self, attrs: Attributes) -> Attributes:
        batch, rows, columns, channels = attrs["paddings"]
        return attrs | {"paddings": (batch, columns, rows, channels)}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        paddings = op.attrs["paddings"]
        return f"paddings {paddings}" if paddings[0] != (0, 0) or any(p < 0 for pair in paddings for p in pair) else ""

    def passes_to(self, op: Op, inputs: Sequence[Tensor], index: int) -> int:
        return int(op.attrs["paddings"][3][0])

    def lower(self, given: Lowering) -> Pad:
        pads = given.op.attrs["paddings"]
        return Pad(given.op.name, given.inputs, given.output, pads[1][0], pads[2][0], pads[3][0])


PROGRAM = Pad
FLOATS = (FloatPad("PAD"),)
