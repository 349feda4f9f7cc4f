"""RESIZE_BILINEAR: each output pixel lies between four of the input's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8, UInt16

ONE = 128
"""Shares of two neighbours add up to it."""


@dataclass(frozen=True, eq=False)
class ResizeBilinear(Operator):
    """rows uint16 (H, 2), columns uint16 (W, 2): the first of two neighbours and the second's share, 0..ONE.

    The second of the last row or column is the last itself.
    """

    rows: UInt16
    columns: UInt16

    parameter_bytes = 8
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.uint16((target.height, 2), "rows"), parameters.uint16((target.width, 2), "columns"))

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.rows, "source rows and shares") + offset(constants, self.columns, "source columns and shares")

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        source = inputs[0]
        require(source.channels == output.channels, "a resize keeps the channels")
        rows, columns = (self.rows, output.height, source.height), (self.columns, output.width, source.width)
        for (index, count, limit), what in ((rows, "rows"), (columns, "columns")):
            check_array(index, np.uint16, (count, 2), what)
            first, share = index.T.astype(np.int32)
            require(bool((np.diff(first) >= 0).all()) and int(first.max()) < limit, f"{what} are not ascending numbers of the input's")
            require(int(share.max()) <= ONE, f"a share of {what} is more than {ONE}")

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return 2

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        first = int(self.rows[y, 0])
        return first, min(first + 2, edges[self.inputs[index]].height)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        x = inputs[0].astype(np.int64)
        for axis, (first, share) in enumerate((self.rows.T.astype(np.int64), self.columns.T.astype(np.int64))):
            second = np.minimum(first + 1, x.shape[axis] - 1)
            weight = share.reshape([-1 if place == axis else 1 for place in range(3)])
            x = np.take(x, first, axis) * (ONE - weight) + np.take(x, second, axis) * weight
        return np.asarray((x + ONE * ONE // 2) >> 14, np.int8)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        height, width, channels = grower.shape(source)
        rows, columns = (
            np.stack([np.sort(grower.rng.integers(0, size, count)), grower.rng.integers(0, ONE + 1, count)], 1).astype(np.uint16)
            for size, count in ((size, grower.between(1, 2 * size)) for size in (height, width))
        )
        out = grower.edge((len(rows), len(columns), channels), like=source)
        grower.ops.append(cls("between", (source,), out, rows, columns))
        return out


def neighbours(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Float32:
    """(out, size) the share of each of `size` rows (or columns) in each of `out`, as TFLite's kernel has them."""
    scale = (size - 1) / (out - 1) if align_corners and out > 1 else size / out
    places = np.arange(out)
    position = np.maximum((places + 0.5) * scale - 0.5, 0) if half_pixel_centers else places * scale
    first = np.minimum(np.floor(position).astype(np.int64), size - 1)
    share = np.where(first + 1 < size, position - first, 0)
    found = np.zeros((out, size), np.float32)
    found[places, first] = 1 - share
    np.add.at(found, (places, np.minimum(first + 1, size - 1)), share.astype(np.float32))
    return found


class FloatResizeBilinear(FloatOperator):
    """Attributes: rows (H out, H), columns (W out, W): the share of each input row / column in each of the output."""

    lowers = moves = True

    def read(self, request: Request) -> Answer:
        shape, out = request.input(0).shape, request.output.shape
        if len(shape) != 4 or len(out) != 4 or request.whole_numbers(1) != list(out[1:3]):
            raise ValueError(f"resizes {shape} to {out}")
        # Slots 0 and 1 are sizes of old files.
        corners, centers = request.flag(2), request.flag(3)
        shares = {what: neighbours(shape[axis], out[axis], corners, centers) for axis, what in ((1, "rows"), (2, "columns"))}
        return {**shares, "corners": corners, "centers": centers}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, _, _, channels = nhwc_shape(inputs[0].shape)
        return batch, len(op.attrs["rows"]), len(op.attrs["columns"]), channels

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        found: Float32 = np.einsum("ry,cx,nyxk->nrck", op.attrs["rows"], op.attrs["columns"], nhwc(inputs[0]), optimize=True)
        return found

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [np.einsum("ry,cx,nrck->nyxk", op.attrs["rows"], op.attrs["columns"], nhwc(gradient), optimize=True)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        sizes = writer.integers([len(op.attrs["rows"]), len(op.attrs["columns"])])
        flags = {"alignCorners": op.attrs["corners"], "halfPixelCenters": op.attrs["centers"]}
        writer.builtin("RESIZE_BILINEAR", [inputs[0], sizes], [output], "ResizeBilinearOptions", version=3, **flags)

    def turned(self, attrs: Attributes) -> Attributes:
        return attrs | {"rows": attrs["columns"], "columns": attrs["rows"]}

    def lower(self, given: Lowering) -> ResizeBilinear:
        return ResizeBilinear(given.op.name, given.inputs, given.output, *(_table(given.op.attrs[what]) for what in ("rows", "columns")))


def _table(shares: Float32) -> UInt16:
    """The first neighbour of each, and the share of the one after it."""
    first = np.argmax(shares > 0, axis=1)
    return np.stack([first, np.rint((1 - shares[np.arange(len(first)), first]) * ONE)], 1).astype(np.uint16)


PROGRAM = ResizeBilinear
FLOATS = (FloatResizeBilinear("RESIZE_BILINEAR"),)
