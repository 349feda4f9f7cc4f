"""GATHER: each output row, column and channel is one of the input's. Slices, crops and orders of channels are made of it.

In the float network GATHER, SLICE and STRIDED_SLICE with constant places, and SPLIT, SPLIT_V and UNPACK, part by part
(dqa.frontend.passes.parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_windows import nhwc, nhwc_shape
from dqa.operators.network import MAP_AXES, Op, Tensor
from dqa.operators.parameters import Constants, Parameters, offset
from dqa.operators.records import Edge
from dqa.support.arrays import Float32, Int8, Int64, UInt16

AXES = ("rows", "columns", "channels")
TOKENS = "rows of a table of constants"
"""Why a GATHER by tokens is none of this room: it becomes EMBEDDING (dqa.frontend.passes.tokens)."""


@dataclass(frozen=True, eq=False)
class Gather(Operator):
    """rows, columns, channels uint16: the input row / column / channel of each output row / column / channel; rows never decrease."""

    rows: UInt16
    columns: UInt16
    channels: UInt16

    parameter_bytes = 12
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, *(parameters.uint16((size,), what) for size, what in zip(target.shape, AXES, strict=True)))

    def write(self, constants: Constants) -> bytes:
        places = zip((self.rows, self.columns, self.channels), AXES, strict=True)
        return b"".join(offset(constants, place, f"source {what}") for place, what in places)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        places = zip((self.rows, self.columns, self.channels), output.shape, inputs[0].shape, AXES, strict=True)
        for place, count, limit, what in places:
            check_array(place, np.uint16, (count,), what)
            require(int(place.max()) < limit, f"{what} are not the input's")
        require(bool((np.diff(self.rows.astype(np.int32)) >= 0).all()), "the rows decrease")

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        behind = max(0, y + 1 - len(self.rows))  # without end rows go on as they begin
        row = int(self.rows[y - behind]) + behind
        return row, row + 1

    def why_ends(self, inputs: Sequence[Edge], output: Edge) -> str:
        return "" if (np.diff(self.rows.astype(np.int32)) == 1).all() else "it takes rows that do not follow each other"

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        return inputs[0][self.rows][:, self.columns][:, :, self.channels]

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        rows, columns, channels = (
            grower.rng.integers(0, size, grower.between(1, size + 2)).astype(np.uint16) for size in grower.shape(source)
        )
        out = grower.edge((len(rows), len(columns), len(channels)), like=source)
        grower.ops.append(cls("gather", (source,), out, np.sort(rows), columns, channels))
        return out


class FloatPick(FloatOperator):
    """Attributes: rows, columns, channels: int64 arrays, the source of each; or why it is none: it takes samples apart, ..."""

    lowers = moves = True

    def read(self, request: Request) -> Answer:
        try:
            return self.chosen(request), [request.input(0).index], None
        except ValueError as error:
            return {"why": str(error)}, [tensor.index for tensor in request.inputs if tensor is not None], None

    def chosen(self, request: Request) -> Attributes:
        """Raises ValueError for what does not choose rows, columns and channels."""
        raise ValueError("nothing is known of it")

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return None if "why" in op.attrs else (1, *(len(op.attrs[what]) for what in AXES))

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x = nhwc(inputs[0])
        for axis, what in enumerate(AXES, 1):
            x = np.take(x, op.attrs[what], axis)
        return x

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        found = nhwc(gradient)
        for axis, (what, size) in enumerate(zip(AXES, nhwc(inputs[0]).shape[1:], strict=True), 1):
            chosen = np.equal.outer(np.arange(size), op.attrs[what]).astype(np.float32)
            found = np.moveaxis(np.tensordot(found, chosen, (axis, 1)), -1, axis)
        return [found]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source = writer.tensors(op)[0]
        shape, last = [1, *source.hwc], inputs[0]
        as_map = writer.made(shape)
        writer.builtin("RESHAPE", [last, writer.integers([writer.batch, *source.hwc])], [as_map], "ReshapeOptions")
        last = as_map
        for axis, what in enumerate(AXES, 1):
            shape[axis] = len(op.attrs[what])
            made = writer.made(shape)
            writer.builtin("GATHER", [last, writer.integers(op.attrs[what])], [made], "GatherOptions", axis=axis)
            last = made
        final = writer.shape(writer.tensors(op)[-1])
        writer.builtin("RESHAPE", [last, writer.integers(final)], [output], "ReshapeOptions", newShape=final)

    def turned(self, attrs: Attributes) -> Attributes:
        return attrs | {"rows": attrs["columns"], "columns": attrs["rows"]}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        if "why" in op.attrs:
            return str(op.attrs["why"])
        taken = tuple(len(op.attrs[what]) for what in AXES)
        if taken != output.hwc:
            return f"its dimensions move: {taken} becomes {output.hwc}"
        return "rows in another order" if (np.diff(op.attrs["rows"]) < 0).any() else ""

    def channel_sources(self, op: Op, inputs: Sequence[Tensor], index: int, channels: int) -> Int64 | None:
        return np.asarray(op.attrs["channels"], np.int64)

    def lower(self, given: Lowering) -> Gather:
        rows, columns, channels = (np.asarray(given.op.attrs[what], np.uint16) for what in AXES)
        return Gather(given.op.name, given.inputs, given.output, rows, columns, channels)


def places(shape: Shape, axis: int, chosen: Sequence[int]) -> Attributes:
    """The attributes that take `chosen` along one dimension of a shape (batch included) and all of the others. Raises ValueError."""
    found = {what: np.arange(size) for what, size in zip(AXES, nhwc_shape(shape)[1:], strict=True)}
    nhwc_axis = MAP_AXES[len(shape)][axis]
    if nhwc_axis == 0:
        raise ValueError("it takes samples apart")
    taken = np.asarray(chosen, np.int64).reshape(-1)
    size = shape[axis]
    taken = np.where(taken < 0, taken + size, taken)
    if not len(taken) or taken.min() < 0 or taken.max() >= size:
        raise ValueError(f"places {list(chosen)[:8]} of {size}")
    return {**found, AXES[nhwc_axis - 1]: taken}


class FloatSlice(FloatPick):
    """SLICE: begin and size."""

    def chosen(self, request: Request) -> Attributes:
        shape = request.input(0).shape
        begin, size = request.whole_numbers(1), request.whole_numbers(2)
        if not len(begin) == len(size) == len(shape):
            raise ValueError(f"begin {begin} and size {size} of {len(shape)} dimensions")
        return _along(shape, [range(b, b + s if s >= 0 else n) for b, s, n in zip(begin, size, shape, strict=True)])


class FloatStridedSlice(FloatPick):
    """STRIDED_SLICE; options: masks of bits, one for each dimension."""

    def chosen(self, request: Request) -> Attributes:
        shape = request.input(0).shape
        begin, end, stride = (request.whole_numbers(place) for place in (1, 2, 3))
        begins, ends, ellipsis, new_axis, shrink = (request.integer(slot) for slot in range(5))
        if ellipsis or new_axis or not len(begin) == len(end) == len(stride) == len(shape) or 0 in stride:
            raise ValueError("a slice that adds or skips dimensions")
        taken = []
        for axis, size in enumerate(shape):
            bit = 1 << axis
            first = None if begins & bit else begin[axis]
            if shrink & bit:
                taken.append(range(begin[axis] % size, begin[axis] % size + 1))
            else:
                taken.append(range(*slice(first, None if ends & bit else end[axis], stride[axis]).indices(size)))
        return _along(shape, taken)


def _along(shape: Shape, taken: Sequence[range]) -> Attributes:
    if len(shape) > 4 or list(taken[0]) != list(range(shape[0])):
        raise ValueError("it takes samples apart" if len(shape) <= 4 else f"{len(shape)} dimensions")
    found = {what: np.arange(size) for what, size in zip(AXES, nhwc_shape(shape)[1:], strict=True)}
    for axis in range(1, len(shape)):
        if not len(taken[axis]):
            raise ValueError("nothing is left")
        found[AXES[MAP_AXES[len(shape)][axis] - 1]] = np.asarray(taken[axis], np.int64)
    return found


class FloatGather(FloatPick):
    """GATHER."""

    def chosen(self, request: Request) -> Attributes:
        axis, table, chosen = request.integer(0), request.input(0), request.input(1)
        if request.integer(1):
            raise ValueError("it gathers from each sample's own table")
        axis += len(table.shape) if axis < 0 else 0
        if table.is_constant and axis == 0:
            raise ValueError(TOKENS)
        if chosen.data is None or len(chosen.shape) > 1:
            raise ValueError("places that are not constant")
        return places(table.shape, axis, request.whole_numbers(1))


PROGRAM = Gather
FLOATS = (FloatGather("GATHER"), FloatSlice("SLICE"), FloatStridedSlice("STRIDED_SLICE"))
