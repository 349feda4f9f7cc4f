"""SPLIT, SPLIT_V, UNPACK and PACK, which only the float network has: they become GATHER and CONCATENATION (dqa.frontend.passes.parts)."""

from __future__ import annotations

from dqa.operators.float_base import Answer, FloatOperator, Request


class FloatParts(FloatOperator):
    """Attributes: axis, of the input's own dimensions; sizes of the parts along it."""

    parts = True


class FloatSplit(FloatParts):
    def read(self, request: Request) -> Answer:
        data, count = request.input(1), request.integer(0)
        (axis,) = request.whole_numbers(0)
        axis += len(data.shape) if axis < 0 else 0
        if not 0 < axis < len(data.shape) or count < 1 or data.shape[axis] % count:
            raise ValueError(f"{count} parts along dimension {axis} of {data.shape}")
        return {"axis": axis, "sizes": [data.shape[axis] // count] * count}, [data.index], None


class FloatSplitSizes(FloatParts):
    def read(self, request: Request) -> Answer:
        data, sizes = request.input(0), request.whole_numbers(1)
        (axis,) = request.whole_numbers(2)
        axis += len(data.shape) if axis < 0 else 0
        if not 0 < axis < len(data.shape):
            raise ValueError(f"parts along dimension {axis} of {data.shape}")
        known = sum(size for size in sizes if size >= 0)
        sizes = [data.shape[axis] - known if size < 0 else size for size in sizes]
        if sum(sizes) != data.shape[axis] or any(size < 1 for size in sizes):
            raise ValueError(f"parts of {sizes} along dimension {axis} of {data.shape}")
        return {"axis": axis, "sizes": sizes}, [data.index], None


class FloatUnpack(FloatParts):
    def read(self, request: Request) -> Answer:
        data, axis = request.input(0), request.integer(1)
        axis += len(data.shape) if axis < 0 else 0
        if not 0 < axis < len(data.shape) or data.shape[axis] != request.integer(0):
            raise ValueError(f"{request.integer(0)} parts along dimension {axis} of {data.shape}")
        return {"axis": axis, "sizes": [1] * data.shape[axis]}, [data.index], None


class FloatPack(FloatOperator):
    """Attributes: axis, of the output's own dimensions."""

    def read(self, request: Request) -> Answer:
        axis, rank = request.integer(1), len(request.output.shape)
        return {"axis": axis + rank if axis < 0 else axis}, [request.input(place).index for place in range(len(request.inputs))], None


FLOATS = (FloatSplit("SPLIT"), FloatSplitSizes("SPLIT_V"), FloatUnpack("UNPACK"), FloatPack("PACK"))
