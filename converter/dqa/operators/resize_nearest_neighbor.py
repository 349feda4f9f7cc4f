"""RESIZE_NEAREST_NEIGHBOR: each output row and column is one of the input's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.bounds import Bounds
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8, Int64, UInt16


@dataclass(frozen=True, eq=False)
class ResizeNearestNeighbor(Operator):
    """rows, columns uint16: the input row / column of each output row / column."""

    rows: UInt16
    columns: UInt16

    parameter_bytes = 8
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.uint16((target.height,), "rows"), parameters.uint16((target.width,), "columns"))

    def write(self, constants: Constants) -> bytes:
        return offset(constants, self.rows, "source rows") + offset(constants, self.columns, "source columns")

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        source = inputs[0]
        require(source.channels == output.channels, "a resize keeps the channels")
        rows, columns = (self.rows, output.height, source.height), (self.columns, output.width, source.width)
        for (index, count, limit), what in ((rows, "rows"), (columns, "columns")):
            check_array(index, np.uint16, (count,), what)
            ascending = bool((np.diff(index.astype(np.int32)) >= 0).all())
            require(ascending and int(index.max()) < limit, f"{what} are not ascending numbers of the input's")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return int(self.rows[y]), int(self.rows[y]) + 1

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return inputs[0][self.rows][:, self.columns]

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        height, width, channels = grower.shape(source)
        sizes = (height, width)
        rows, columns = (np.sort(grower.rng.integers(0, size, grower.between(1, 2 * size))).astype(np.uint16) for size in sizes)
        out = grower.edge((len(rows), len(columns), channels), like=source)
        grower.ops.append(cls("resize", (source,), out, rows, columns))
        return out


def nearest_sources(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Int64:
    """Source row (or column) of each of `out` output rows, computed in float32 as TFLite does."""
    scale = np.float32(size - 1) / np.float32(out - 1) if align_corners and out > 1 else np.float32(size) / np.float32(out)
    position = (np.arange(out, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0.0)) * scale
    # std::round goes away from zero at a half; positions are never negative.
    source = np.floor(position + np.float32(0.5)) if align_corners else np.floor(position)
    return np.asarray(np.clip(source, 0, size - 1), np.int64)


class FloatResizeNearestNeighbor(FloatOperator):
    """Attributes: rows, columns (source index of each output row / column)."""

    lowers = moves = aligned = True

    def read(self, request: Request) -> Answer:
        shape, out = request.input(0).shape, request.output.shape
        if len(shape) != 4 or len(out) != 4 or request.whole_numbers(1) != list(out[1:3]):
            raise ValueError(f"resizes {shape} to {out}")
        corners, centers = request.flag(0), request.flag(1)
        attributes = {
            "rows": nearest_sources(shape[1], out[1], corners, centers),
            "columns": nearest_sources(shape[2], out[2], corners, centers),
        }
        return attributes, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, _, _, channels = nhwc_shape(inputs[0].shape)
        return batch, len(op.attrs["rows"]), len(op.attrs["columns"]), channels

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return nhwc(inputs[0])[:, op.attrs["rows"]][:, :, op.attrs["columns"]]

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        _, height, width, _ = nhwc(inputs[0]).shape
        rows = np.equal.outer(np.arange(height), op.attrs["rows"]).astype(np.float32)
        columns = np.equal.outer(np.arange(width), op.attrs["columns"]).astype(np.float32)
        return [np.einsum("yr,xc,nrck->nyxk", rows, columns, nhwc(gradient), optimize=True)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        _, width, channels = writer.tensors(op)[0].hwc
        rows, columns = op.attrs["rows"], op.attrs["columns"]
        tall = writer.made((1, len(rows), width, channels))
        writer.builtin("GATHER", [inputs[0], writer.integers(rows)], [tall], "GatherOptions", axis=1)
        writer.builtin("GATHER", [tall, writer.integers(columns)], [output], "GatherOptions", axis=2)

    def turned(self, attrs: Attributes) -> Attributes:
        return {"rows": attrs["columns"], "columns": attrs["rows"]}

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        return inputs[0]

    def lower(self, given: Lowering) -> ResizeNearestNeighbor:
        rows, columns = (np.asarray(given.op.attrs[name], dtype=np.uint16) for name in ("rows", "columns"))
        return ResizeNearestNeighbor(given.op.name, given.inputs, given.output, rows, columns)


PROGRAM = ResizeNearestNeighbor
FLOATS = (FloatResizeNearestNeighbor("RESIZE_NEAREST_NEIGHBOR"),)
