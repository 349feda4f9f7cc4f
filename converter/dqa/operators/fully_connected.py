"""FULLY_CONNECTED: every output from all values of the input map, whatever its shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dqa.errors import ProgramError
from dqa.operators import affine, arithmetic
from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.books import check_book, encoding_of, read_book, read_weights, write_book, write_weights
from dqa.operators.conv_2d import Conv2D
from dqa.operators.float_base import Answer, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.float_weights import WeightedOperator, with_bias
from dqa.operators.float_weights import read_weights as read_float_weights
from dqa.operators.functions import activate
from dqa.operators.network import Op, Tensor
from dqa.operators.pairs import INPUTS, OUTPUTS, fits_pairs, pack_pairs, unpack_pairs
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization, WeightEncoding, Window
from dqa.operators.requantize import PRODUCT, check_requantization, finish
from dqa.support.arrays import Array, Float32, Int8, Int64


@dataclass(frozen=True, eq=False)
class FullyConnected(Operator):
    """weights int8 (O, H * W * I) over the whole input map in NHWC order; book as Conv2D's. pairs: stored as pairs of outputs."""

    weights: Int8
    requantization: Requantization
    book: Int8 | None = None
    pairs: bool = False

    parameter_bytes = 4 + REQUANTIZATION_BYTES
    coded_weights = pair_weights = affine_weights = True
    instructions_per_mac = 1.2

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        shape = target.channels, source.values
        if parameters.encoding is WeightEncoding.AFFINE:
            quads = parameters.uint16(affine.quads_shape(*shape), "weights")
            requantization, least = read_book(parameters, shape[0])
            with parameters.valid():
                return cls(name, inputs, output, affine.unpack_quads(quads, least, shape), requantization, least)
        if parameters.encoding is not WeightEncoding.PAIRS:
            return cls(name, inputs, output, *read_weights(parameters, shape))
        if target.channels % OUTPUTS or source.row_values % INPUTS:
            raise ProgramError(f"{parameters.what}: weights in pairs of {shape[0]} outputs and rows of {source.row_values} inputs")
        weights = unpack_pairs(parameters.int16((math.prod(shape) // 16, 8), "weights"), shape)
        return cls(name, inputs, output, weights, parameters.requantization(shape[0]), None, True)

    def write(self, constants: Constants) -> bytes:
        if self.pairs:
            weights = offset(constants, pack_pairs(self.weights), f"weights {self.weights.shape}, pairs of outputs")
            return weights + requantization_bytes(constants, self.requantization)
        if self.book is not None and self.affine:
            quads = offset(
                constants, affine.pack_quads(self.weights, self.book), f"affine weights {self.weights.shape}, codes of four outputs"
            )
            return write_book(constants, quads, self.requantization, self.book)
        return write_weights(constants, self.weights, self.requantization, self.book)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require((output.height, output.width) == (1, 1), "the output is not 1 x 1")
        check_array(self.weights, np.int8, (output.channels, inputs[0].values), "weights")
        check_book(self, self.weights)
        require(not self.pairs or (self.book is None and fits_pairs(self.weights, inputs[0])), "the weights do not fit pairs")
        require(not self.affine or affine.fits_quads(inputs[0]), "affine weights, and rows that are no whole groups")
        check_requantization(self.requantization, output.channels, PRODUCT * inputs[0].values)

    @property
    def in_pairs(self) -> bool:
        return self.pairs

    @property
    def affine(self) -> bool:
        """Whether its weights are affine codes."""
        return encoding_of(self) is WeightEncoding.AFFINE

    def laid_out(self, source: Edge, output: Edge) -> Self:
        if self.book is not None and self.affine and not affine.fits_quads(source):
            return replace(self, book=affine.books_of(self.book))
        return replace(self, pairs=self.book is None and fits_pairs(self.weights, source))

    @property
    def books(self) -> Int8 | None:
        return self.book

    def accumulates(self, source: Edge) -> bool:
        return source.height > 1

    def part(self, source: Edge, output: Edge) -> str:
        if self.affine:
            return "dense_affine"
        return "dense_pairs" if self.pairs else "dense_plain"

    def macs(self, source: Edge, output: Edge) -> int:
        return self.weights.size

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        sums = self.weights.astype(np.int64) @ inputs[0].astype(np.int64).reshape(-1)
        return finish(sums.reshape(1, 1, -1), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        weights = grower.weights(grower.between(1, 9), grower.edges[source].values)
        return cls.grow_as(grower, source, weights)

    @classmethod
    def grow_as(cls, grower: Grower, source: int, weights: Int8) -> int:
        """One with these weights, in pairs where they may be."""
        out = grower.edge((1, 1, weights.shape[0]))
        requantization = grower.requantization(out, 4000 * weights.shape[1] ** 0.5)
        weights, book = grower.coded(weights, affine=True)
        op = cls("dense", (source,), out, weights, requantization, book)
        grower.ops.append(op.laid_out(grower.edges[source], grower.edges[out]))
        return out


class FloatFullyConnected(WeightedOperator):
    """weights (O, inputs); attributes: activation."""

    few_bits = affine = mixes = free_shape = True

    def read(self, request: Request) -> Answer:
        weights = read_float_weights(request, 2)
        if request.integer(1):
            raise ValueError("shuffled weights are not supported")
        return with_bias(request, {"activation": request.activation(0)}, weights.shape[0])

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        out, size = inputs[1].shape
        if math.prod(inputs[0].shape) % size:
            raise ValueError(f"weights of shape {inputs[1].shape} do not fit the input {inputs[0].shape}")
        return math.prod(inputs[0].shape) // size, out

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x, weights, bias = inputs
        return activate(op.attrs["activation"], self.patches(op, x, weights) @ weights.T + bias)

    def patches(self, op: Op, x: Float32, weights: Float32) -> Float32:
        return x.reshape(-1, weights.shape[1])

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        return [gradient.reshape(-1, len(inputs[1])) @ inputs[1]]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        writer.builtin(op.kind, inputs, [output], "FullyConnectedOptions", fusedActivationFunction=op.attrs["activation"])

    def arranged(self, weights: Array, channels: int) -> tuple[Array, Int64]:
        return weights.reshape(weights.shape[0], -1, channels), np.arange(channels)

    def lower(self, given: Lowering) -> FullyConnected | Conv2D:
        folded = given.folded()
        requantization = arithmetic.requantize_sum(folded, given.target)
        weights = folded.weights.reshape(folded.weights.shape[0], -1)
        if given.op.attrs.get("continuous"):  # over the last rows, as many as the window has
            height, width, channels = given.tensors[0].hwc
            kernel = weights.reshape(-1, height, width, channels)
            return Conv2D(given.op.name, given.inputs, given.output, Window(height, width), kernel, requantization, folded.book)
        return FullyConnected(given.op.name, given.inputs, given.output, weights, requantization, folded.book)


PROGRAM = FullyConnected
FLOATS = (FloatFullyConnected("FULLY_CONNECTED"),)
