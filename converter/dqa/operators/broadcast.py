"""Program operators of two inputs, of which either may be repeated along the axes where it has one element and the output has more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.operators.base import Grower, Operator, require
from dqa.operators.conv_2d import Conv2D
from dqa.operators.lut import Lut
from dqa.operators.mean import Mean
from dqa.operators.records import Edge, Window
from dqa.operators.resize_nearest_neighbor import ResizeNearestNeighbor


class Broadcasting(Operator):
    input_count = 2
    row_by_row = True

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return (0, 1) if edges[self.inputs[index]].height == 1 else (y, y + 1)


def check_shapes(inputs: Sequence[Edge], output: Edge) -> None:
    """Raises ProgramError where an input is neither of the output's shape nor repeated to it."""
    fit = all(size in (1, wanted) for edge in inputs for size, wanted in zip(edge.shape, output.shape, strict=True))
    require(fit, "an axis of an input has neither one element nor the output's")


def grow_operand(grower: Grower, source: int) -> int:
    """An edge of another's shape, one that is repeated to it (a vector of channels, a map of one channel), or one it is repeated to."""
    height, width, channels = grower.shape(source)
    match grower.between(0, 4):
        case 0 if height * width * channels <= 64:
            rows, columns = (np.zeros(3, np.uint16) if size == 1 else np.arange(size, dtype=np.uint16) for size in (height, width))
            out = grower.edge((len(rows), len(columns), channels), like=source)
            grower.ops.append(ResizeNearestNeighbor("repeated", (source,), out, rows, columns))
            return out
        case 1:
            return Mean.grow(grower, source)
        case 2:
            return Conv2D.grow_as(grower, source, Window(1, 1), grower.weights(1, 1, 1, channels), (height, width))
    return Lut.grow(grower, source)


def grown_shape(grower: Grower, *inputs: int) -> tuple[int, int, int]:
    """The shape to which edges are repeated."""
    height, width, channels = np.broadcast_shapes(*(grower.shape(edge) for edge in inputs))
    return height, width, channels
