"""DIV, which only the float network has, and what it shares with ADD, SUB and MUL; attributes: activation.

Inputs may be repeated. As in TFLite, the one of fewer dimensions lacks the first of them; the batch it has.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Parts, Request, Shape
from dqa.operators.float_windows import nhwc_shape
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor, as_map
from dqa.support.arrays import Float32


def like(gradient: Float32, x: Float32) -> Float32:
    """The gradient of a broadcast operand: summed where it was repeated."""
    if x.shape == gradient.shape:
        return gradient
    shape = (1,) * (gradient.ndim - x.ndim) + x.shape
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=axes, keepdims=True))


def _aligned(inputs: Sequence[Float32]) -> list[Float32]:
    """Operands (N, ...) of as many dimensions; numbers, per channel too, and constants of all dimensions as they are."""
    rank = max(x.ndim for x in inputs)
    return [x if x.ndim in (0, 1, rank) else x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs]


def _repeats(tensor: Tensor, output: Tensor) -> bool:
    """Whether a program sees an operand where TFLite does, and repeats it to the output."""
    dims = (1,) * (len(output.shape) - len(tensor.shape)) + tensor.shape[1:]
    return as_map(dims) == tensor.hwc and all(size in (1, wanted) for size, wanted in zip(tensor.hwc, output.hwc, strict=True))


class FloatBinary(FloatOperator):
    computes = True

    def read(self, request: Request) -> Answer:
        return {"activation": request.activation(0)}, [request.input(0).index, request.input(1).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return tuple(np.broadcast_shapes(inputs[0].shape, inputs[1].shape))

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return activate(op.attrs["activation"], self.of(*_aligned(inputs)))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        a, b = _aligned(inputs)
        return [like(part, x) for part, x in zip(self.slopes(a, b, gradient), (a, b), strict=True)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        *operands, target = writer.tensors(op)
        sources = [self._aligned(writer, *pair, target) for pair in zip(operands, inputs, strict=True)]
        options, fields = self.write_options(op)
        writer.builtin(op.kind, sources, [output], options, **fields)

    def _aligned(self, writer: FloatWriter, tensor: Tensor, number: int, target: Tensor) -> int:
        """An activation of fewer dimensions than the output, with ones in their place."""
        if tensor.is_constant or len(tensor.shape) == len(target.shape):
            return number
        shape = (1, *(1,) * (len(target.shape) - len(tensor.shape)), *tensor.shape[1:])
        made, dims = writer.made(shape), [writer.batch, *nhwc_shape(shape)[1:]]
        writer.builtin("RESHAPE", [number, writer.integers(dims)], [made], "ReshapeOptions", newShape=dims)
        return made

    def write_options(self, op: Op) -> tuple[str, Attributes]:
        """The class of its options in TFLite's schema, and their fields."""
        return f"{op.kind.capitalize()}Options", {"fusedActivationFunction": op.attrs["activation"]}

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        if any(tensor.is_constant for tensor in inputs):
            return "a constant that is not one number per channel"
        if any(not _repeats(tensor, output) for tensor in inputs):
            shapes = " and ".join(str(tensor.shape) for tensor in inputs)
            return f"shapes {shapes}: an axis has neither one element nor the output's"
        return ""

    @abstractmethod
    def of(self, a: Float32, b: Float32) -> Float32:
        """The function itself."""

    @abstractmethod
    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        """dL/da and dL/db, broadcast as the result is."""


class FloatDiv(FloatBinary):
    def of(self, a: Float32, b: Float32) -> Float32:
        return a / b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient / b, -gradient * a / b**2


FLOATS = (FloatDiv("DIV"),)
