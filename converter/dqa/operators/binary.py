"""SUB, MUL and DIV, which only the float network has, and what they share with ADD; attributes: activation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Parts, Request, Shape
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor
from dqa.support.arrays import Float32


def like(gradient: Float32, x: Float32) -> Float32:
    """The gradient of a broadcast operand: summed where it was repeated."""
    if x.shape == gradient.shape:
        return gradient
    shape = (1,) * (gradient.ndim - x.ndim) + x.shape
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=axes, keepdims=True))


class FloatBinary(FloatOperator):
    computes = True

    def read(self, request: Request) -> Answer:
        return {"activation": request.activation(0)}, [request.input(0).index, request.input(1).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return tuple(np.broadcast_shapes(inputs[0].shape, inputs[1].shape))

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return activate(op.attrs["activation"], self.of(*inputs))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [like(part, x) for part, x in zip(self.slopes(inputs[0], inputs[1], gradient), inputs, strict=True)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        writer.builtin(op.kind, inputs, [output], f"{op.kind.capitalize()}Options", fusedActivationFunction=op.attrs["activation"])

    @abstractmethod
    def of(self, a: Float32, b: Float32) -> Float32:
        """The function itself."""

    @abstractmethod
    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        """dL/da and dL/db, broadcast as the result is."""


class FloatSub(FloatBinary):
    def of(self, a: Float32, b: Float32) -> Float32:
        return a - b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient, -gradient


class FloatMul(FloatBinary):
    def of(self, a: Float32, b: Float32) -> Float32:
        return a * b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient * b, gradient * a


class FloatDiv(FloatBinary):
    def of(self, a: Float32, b: Float32) -> Float32:
        return a / b

    def slopes(self, a: Float32, b: Float32, gradient: Float32) -> tuple[Float32, Float32]:
        return gradient / b, -gradient * a / b**2


FLOATS = (FloatSub("SUB"), FloatMul("MUL"), FloatDiv("DIV"))
