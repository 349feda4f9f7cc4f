"""MINIMUM and MAXIMUM of two maps of one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, require
from dqa.operators.binary import FloatBinary
from dqa.operators.broadcast import Broadcasting, check_shapes, grow_operand, grown_shape
from dqa.operators.float_base import Answer, Attributes, Lowering, Request
from dqa.operators.lut import Lut
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class Extremum(Broadcasting):
    """largest: the larger of two values, else the smaller."""

    largest: bool

    parameter_bytes = 4
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        largest, *zeros = parameters.numbers("<4B")
        parameters.reserved(*zeros)
        require(largest <= 1, f"neither the larger (1) nor the smaller (0): {largest}")
        return cls(name, inputs, output, bool(largest))

    def write(self, constants: Constants) -> bytes:
        return pack("<4B", self.largest, 0, 0, 0)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_shapes(inputs, output)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return (np.maximum if self.largest else np.minimum)(*inputs)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        other = grow_operand(grower, source)
        if grower.edges[other].bits != grower.edges[source].bits or grower.edges[other].low != grower.edges[source].low:
            other = _in_range(grower, other, source)
        out = grower.edge(grown_shape(grower, source, other), like=source)
        inputs = (source, other) if grower.rng.random() < 0.5 else (other, source)
        grower.ops.append(cls("extremum", inputs, out, bool(grower.rng.random() < 0.5)))
        return out


def _in_range(grower: Grower, edge: int, like: int) -> int:
    """The values of an edge in the range of another."""
    out = grower.edge(grower.shape(edge), like=like)
    low, high = grower.edges[out].low, grower.edges[out].high
    grower.ops.append(Lut("in range", (edge,), out, np.clip(np.arange(-128, 128), low, high).astype(np.int8)))
    return out


class FloatExtremum(FloatBinary):
    """Attributes: activation, which is always NONE."""

    lowers = moves = True
    computes = False

    def read(self, request: Request) -> Answer:
        return {"activation": "NONE"}, [request.input(0).index, request.input(1).index], None

    def of(self, a: Float32, b: Float32) -> Float32:
        return np.asarray(np.maximum(a, b) if self.kind == "MAXIMUM" else np.minimum(a, b))

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        first = (a > b) if self.kind == "MAXIMUM" else (a < b)
        return gradient * first, gradient * ~first

    def write_options(self, op: Op) -> tuple[str, Attributes]:
        return "MaximumMinimumOptions", {}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        if any(tensor.hwc[2] != output.hwc[2] for tensor in inputs if tensor.is_map):
            return "a map of one channel beside one of more"
        return super().why_not(op, inputs, output)

    def lower(self, given: Lowering) -> Extremum:
        return Extremum(given.op.name, given.inputs, given.output, given.op.kind == "MAXIMUM")


PROGRAM = Extremum
FLOATS = (FloatExtremum("MINIMUM"), FloatExtremum("MAXIMUM"))
