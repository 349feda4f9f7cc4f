"""BATCH_MATMUL: products of two maps whose rows are matrices, of width x channels: the heads of attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, require
from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.lut import Lut
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import check_requantization, finish
from dqa.support.arrays import Float32, Int8

MAX_TERMS = (1 << 14) - 1


@dataclass(frozen=True, eq=False)
class BatchMatmul(Operator):
    """transposed: b has a row of its matrix for each column of the output. zero_a, zero_b: the zero points of the inputs."""

    transposed: bool
    zero_a: int
    zero_b: int
    requantization: Requantization

    parameter_bytes = 4 + REQUANTIZATION_BYTES
    row_by_row = True
    input_count = 2

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        transposed, zero_a, zero_b, zero = parameters.numbers("<BbbB")
        parameters.reserved(zero)
        require(transposed <= 1, f"transposed is {transposed}")
        parameters.skip(4)
        return cls(name, inputs, output, bool(transposed), zero_a, zero_b, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        return pack("<BbbB", self.transposed, self.zero_a, self.zero_b, 0) + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        a, b = inputs
        matrix = (output.channels, a.channels) if self.transposed else (a.channels, output.channels)
        require(a.shape[:2] == output.shape[:2] and b.shape == (output.height, *matrix), "the matrices do not fit")
        require(a.channels <= MAX_TERMS, f"sums of more than {MAX_TERMS} products")
        check_requantization(self.requantization, output.channels, a.channels << 16)

    def macs(self, source: Edge, output: Edge) -> int:
        return output.values * source.channels

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        a, b = inputs[0].astype(np.int64) - self.zero_a, inputs[1].astype(np.int64) - self.zero_b
        return finish(a @ (b.swapaxes(1, 2) if self.transposed else b), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        """Of a map and itself transposed, or of that product and the map."""
        height, width, channels = grower.shape(source)
        transposed = bool(grower.rng.random() < 0.5)
        first, shape = source, (height, width, width)
        if not transposed:
            first, shape = cls._append(grower, (source, Lut.grow(grower, source)), (height, width, width), True), (height, width, channels)
        return cls._append(grower, (first, source), shape, transposed)

    @classmethod
    def _append(cls, grower: Grower, inputs: tuple[int, int], shape: tuple[int, int, int], transposed: bool) -> int:
        out = grower.edge(shape)
        zeros = grower.between(-128, 127), grower.between(-128, 127)
        requantization = grower.requantization(out, 8000.0 * grower.shape(inputs[0])[2] ** 0.5)
        grower.ops.append(cls("matmul", inputs, out, transposed, *zeros, requantization))
        return out


class FloatBatchMatmul(FloatOperator):
    """Attributes: adjoint_a, adjoint_b: whether a matrix is transposed; scale, of the product."""

    lowers = by_table = computes = True
    turns = False

    def read(self, request: Request) -> Answer:
        attributes = {"adjoint_a": request.flag(0), "adjoint_b": request.flag(1), "scale": 1.0}
        return attributes, [request.input(0).index, request.input(1).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        a, b = (tensor.shape for tensor in inputs)
        if len(a) != len(b) or len(a) < 3:
            return None
        rows, terms = a[-2:][::-1] if op.attrs["adjoint_a"] else a[-2:]
        others, columns = b[-2:][::-1] if op.attrs["adjoint_b"] else b[-2:]
        if terms != others:
            raise ValueError(f"matrices of shapes {a} and {b}")
        return (*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns)

    def _matrices(self, op: Op, inputs: list[Float32]) -> tuple[Float32, Float32]:
        a, b = inputs
        return a.swapaxes(-1, -2) if op.attrs["adjoint_a"] else a, b.swapaxes(-1, -2) if op.attrs["adjoint_b"] else b

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        a, b = self._matrices(op, inputs)
        return np.asarray(np.float32(op.attrs["scale"]) * (a @ b))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        a, b = self._matrices(op, inputs)
        scaled = np.float32(op.attrs["scale"]) * gradient
        slopes = scaled @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ scaled
        turned = op.attrs["adjoint_a"], op.attrs["adjoint_b"]
        return [np.asarray(x.swapaxes(-1, -2) if turn else x, np.float32) for x, turn in zip(slopes, turned, strict=True)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        scaled = op.attrs["scale"] != 1.0
        product = writer.made(writer.tensors(op)[-1].shape) if scaled else output
        adjoints = {"adjX": op.attrs["adjoint_a"], "adjY": op.attrs["adjoint_b"]}
        writer.builtin("BATCH_MATMUL", inputs, [product], "BatchMatMulOptions", **adjoints)
        if scaled:
            scale = writer.constant(np.asarray(op.attrs["scale"], np.float32))
            writer.builtin("MUL", [product, scale], [output], "MulOptions")

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        if any(tensor.is_constant for tensor in inputs) or op.attrs["adjoint_a"]:
            return "a constant or transposed first matrix"
        if any(len(tensor.shape) != 4 or tensor.shape[1] != output.shape[1] for tensor in inputs):
            return "matrices without heads; MultiHeadAttention of one head has them"
        return "" if inputs[0].hwc[2] <= MAX_TERMS else f"sums of more than {MAX_TERMS} products"

    def lower(self, given: Lowering) -> BatchMatmul:
        (a, b), target = given.sources, given.target
        zero_a, zero_b = (int(np.clip(np.rint(fmt.zero_points[0]), -128, 127)) for fmt in (a, b))
        unit = float(a.scales[0]) * float(b.scales[0]) * given.op.attrs["scale"]
        requantization = arithmetic.sums(unit, target.scales, target.rounded_by_writer)
        return BatchMatmul(given.op.name, given.inputs, given.output, given.op.attrs["adjoint_b"], zero_a, zero_b, requantization)


PROGRAM = BatchMatmul
FLOATS = (FloatBatchMatmul("BATCH_MATMUL"),)
