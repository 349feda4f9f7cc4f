"""TILE, which only the float network has: part of how Keras writes upsampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Request, Shape
from dqa.operators.network import Op, Tensor
from dqa.support.arrays import Float32

MAX_REPEATS = 4096


class FloatTile(FloatOperator):
    """Attributes: repeats, of each dimension."""

    def read(self, request: Request) -> Answer:
        repeats = request.whole_numbers(1)
        if len(repeats) != len(request.input(0).shape) or any(not 1 <= value <= MAX_REPEATS for value in repeats):
            raise ValueError(f"repeats {repeats}")
        return {"repeats": tuple(repeats)}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return tuple(size * count for size, count in zip(inputs[0].shape, op.attrs["repeats"], strict=True))

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return np.tile(inputs[0], op.attrs["repeats"])

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        writer.builtin("TILE", [inputs[0], writer.integers(op.attrs["repeats"])], [output], "TileOptions")


FLOATS = (FloatTile("TILE"),)
