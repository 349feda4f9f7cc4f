"""REVERSE: the rows of a map from the last to the first; in the float network REVERSE_V2 over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc
from dqa.operators.network import MAP_AXES, TURNED_AXES, Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge, Storage
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class Reverse(Operator):
    """All rows have to be there before the first is written."""

    parameter_bytes = 0
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output)

    def write(self, constants: Constants) -> bytes:
        return b""

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == output.shape, "the shapes differ")

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return 1 if source.storage is Storage.RAW_INT8 else source.height

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return 0, edges[self.inputs[index]].height

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return inputs[0][::-1]

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge(grower.shape(source), like=source)
        grower.ops.append(cls("reverse", (source,), out))
        return out


class FloatReverse(FloatOperator):
    """Attributes: axes, of the NHWC tensor."""

    lowers = moves = True

    def read(self, request: Request) -> Answer:
        rank = len(request.input(0).shape)
        axes = [axis + rank if axis < 0 else axis for axis in request.whole_numbers(1)]
        if not axes or rank > 4 or not all(1 <= axis < rank for axis in axes):
            raise ValueError(f"axes {request.whole_numbers(1)} of {rank} dimensions")
        return {"axes": tuple(sorted(MAP_AXES[rank][axis] for axis in axes))}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return nhwc(inputs[0])[self._places(op)]

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [nhwc(gradient)[self._places(op)]]

    def _places(self, op: Op) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if axis in op.attrs["axes"] else 1) for axis in range(4))

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        rank = len(writer.shape(writer.tensors(op)[0]))
        axes = writer.integers([MAP_AXES[rank].index(axis) for axis in op.attrs["axes"]])
        writer.builtin("REVERSE_V2", [inputs[0], axes], [output], "ReverseV2Options")

    def turned(self, attrs: Attributes) -> Attributes:
        return attrs | {"axes": tuple(sorted(TURNED_AXES[axis] for axis in attrs["axes"]))}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        return "" if op.attrs["axes"] == (1,) else "reversed columns or channels; only rows, which time runs along, are supported"

    def lower(self, given: Lowering) -> Reverse:
        return Reverse(given.op.name, given.inputs, given.output)


PROGRAM = Reverse
FLOATS = (FloatReverse("REVERSE_V2"),)
