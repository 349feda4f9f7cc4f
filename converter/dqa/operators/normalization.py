"""NORMALIZATION: the channels of each pixel by their root mean square, about their mean or about 0 (LayerNormalization, RMSNormalization,
UnitNormalization); L2_NORMALIZATION of TFLite is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any, Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.float_base import Answer, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.functions import activate
from dqa.operators.lut import Lut
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, offset, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import NORMAL_SUM, check_requantization, finish
from dqa.support.arrays import Float32, Int8, Int16, Int64

MAX_FRACTION = 16
MAX_EPSILON = (1 << 48) - 1


@dataclass(frozen=True, eq=False)
class Normalization(Operator):
    """weights int16 (C,), at most 4096. epsilon: added to what the root is taken of. fraction: bits behind the point before weights."""

    epsilon: int
    centered: bool
    fraction: int
    weights: Int16
    requantization: Requantization

    parameter_bytes = 16 + REQUANTIZATION_BYTES
    row_by_row = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        epsilon, centered, fraction, zeros = parameters.numbers("<QBBH")
        parameters.reserved(zeros)
        require(centered <= 1, f"centered is {centered}")
        parameters.skip(12)
        weights = parameters.int16((target.channels,), "weights")
        return cls(name, inputs, output, epsilon, bool(centered), fraction, weights, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        head = pack("<QBBH", self.epsilon, self.centered, self.fraction, 0)
        return head + offset(constants, self.weights, "weights") + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        require(inputs[0].shape == output.shape, "the shapes differ")
        require(inputs[0].zero_points is None, "the input has a zero point for each channel")
        require(0 <= self.epsilon <= MAX_EPSILON, f"epsilon is past {MAX_EPSILON}")
        most = largest_fraction(output.channels, self.centered)
        require(0 <= self.fraction <= most, f"{self.fraction} bits behind the point, of {output.channels} channels at most {most}")
        check_array(self.weights, np.int16, (output.channels,), "weights")
        require(int(np.abs(self.weights.astype(np.int32)).max()) <= arithmetic.NORMAL_WEIGHT, f"a weight past {arithmetic.NORMAL_WEIGHT}")
        check_requantization(self.requantization, output.channels, NORMAL_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        v = inputs[0].astype(np.int64) - source.zero_point
        squares = (v * v).sum(axis=2, keepdims=True)
        if self.centered:
            total = v.sum(axis=2, keepdims=True)
            v, squares = v * output.channels - total, squares * output.channels - total**2
        return finish(_normal(v, squares + self.epsilon, self.fraction) * self.weights, self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        shape = grower.shape(source)
        while grower.edges[source].zero_points is not None:
            source = Lut.grow(grower, source)
        out = grower.edge(shape)
        centered, channels = bool(grower.rng.random() < 0.5), shape[2]
        fraction = grower.between(0, largest_fraction(channels, centered))
        weights = grower.rng.integers(-arithmetic.NORMAL_WEIGHT, arithmetic.NORMAL_WEIGHT + 1, channels).astype(np.int16)
        epsilon = int(grower.rng.choice([0, 1, int(grower.rng.integers(1 << 20)), MAX_EPSILON]))
        requantization = grower.requantization(out, 2000.0 * 2**fraction)
        grower.ops.append(cls("normalization", (source,), out, epsilon, centered, fraction, weights, requantization))
        return out


def largest_fraction(channels: int, centered: bool) -> int:
    """Bits behind the point with which what is weighted stays within 2^18: it is at most the root of the channels, or 1."""
    return min(MAX_FRACTION, 18 - math.ceil(math.log2(channels) / 2)) if centered else MAX_FRACTION


def _normal(d: Int64, w: Int64, fraction: int) -> Int64:
    """d / sqrt(w) in units of 2^-fraction, as docs/format.md says; w has one element where d has the channels."""
    result = np.empty_like(d)
    for place in np.ndindex(w.shape[:2]):
        root, halvings = max(int(w[place][0]), 1), 0
        while root >= 1 << 32:
            root, halvings = root >> 2, halvings + 1
        while root < 1 << 30:
            root, halvings = root << 2, halvings - 1
        shift = 31 + halvings - fraction
        result[place] = (d[place] * ((1 << 31) // math.isqrt(root)) + (1 << shift >> 1)) >> shift
    return result


class FloatNormalization(FloatOperator):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, or, not centered, gamma * x / sqrt(mean square + epsilon) + beta.

    Attributes: centered, epsilon, gamma and beta float32 (C,), activation.
    """

    lowers = by_table = computes = fuses = True

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        normal, _ = self._parts(op, inputs[0])
        return activate(op.attrs["activation"], np.asarray(normal * op.attrs["gamma"] + op.attrs["beta"], np.float32))

    def _parts(self, op: Op, x: Float32) -> tuple[Float32, Float32]:
        """What is weighted, and what x was multiplied with."""
        d = x - x.mean(axis=-1, keepdims=True) if op.attrs["centered"] else x
        square = np.maximum((d * d).mean(axis=-1, keepdims=True) + np.float32(op.attrs["epsilon"]), np.float32(1e-30))
        return d / np.sqrt(square), 1 / np.sqrt(square)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        normal, inverse = self._parts(op, inputs[0])
        weighted = gradient * op.attrs["gamma"]
        slope = weighted - normal * (weighted * normal).mean(axis=-1, keepdims=True)
        if op.attrs["centered"]:
            slope = slope - weighted.mean(axis=-1, keepdims=True)
        return [inverse * slope]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        shape = writer.tensors(op)[-1].shape
        axis, one, d = writer.integers([len(writer.shape(writer.tensors(op)[-1])) - 1]), (*shape[:-1], 1), inputs[0]

        def made(kind: str, operands: list[int], shape: Shape = shape, options: str = "", to: int | None = None, **fields: Any) -> int:
            result = writer.made(shape) if to is None else to
            writer.builtin(kind, operands, [result], options, **fields)
            return result

        def mean(x: int) -> int:
            return made("MEAN", [x, axis], one, "ReducerOptions", keepDims=True)

        if op.attrs["centered"]:
            d = made("SUB", [d, mean(d)], options="SubOptions")
        epsilon = writer.constant(np.asarray(max(op.attrs["epsilon"], 1e-30), np.float32))
        square = made("ADD", [mean(made("MUL", [d, d], options="MulOptions")), epsilon], one, "AddOptions")
        normal = made("MUL", [d, made("RSQRT", [square], one)], options="MulOptions")
        weighted = made("MUL", [normal, writer.constant(op.attrs["gamma"])], options="MulOptions")
        activation = op.attrs["activation"]
        made("ADD", [weighted, writer.constant(op.attrs["beta"])], options="AddOptions", to=output, fusedActivationFunction=activation)

    def lower(self, given: Lowering) -> Normalization:
        attrs, (source,), target = given.op.attrs, given.sources, given.target
        channels, centered = len(attrs["gamma"]), attrs["centered"]
        fraction = largest_fraction(channels, centered)
        # d / sqrt(w) is the deviation in its own units: n of a value's steps where it is centered, else sqrt(n) of the root mean square.
        epsilon = attrs["epsilon"] / float(source.scales[0]) ** 2 * (channels**2 if centered else channels)
        gamma = attrs["gamma"] * (1.0 if centered else math.sqrt(channels))
        weights, requantization = arithmetic.normalization(
            gamma.astype(np.float64), attrs["beta"].astype(np.float64), fraction, target.scales, target.rounded_by_writer
        )
        bounded = int(min(round(epsilon), MAX_EPSILON))
        return Normalization(given.op.name, given.inputs, given.output, bounded, centered, fraction, weights, requantization)


class FloatL2Normalization(FloatNormalization):
    def read(self, request: Request) -> Answer:
        channels = request.output.shape[-1]
        gamma = np.full(channels, channels**-0.5, np.float32)
        attributes = {"centered": False, "epsilon": 0.0, "gamma": gamma, "beta": np.zeros(channels, np.float32)}
        return attributes | {"activation": request.activation(0)}, [request.input(0).index], None


PROGRAM = Normalization
FLOATS = (FloatNormalization("NORMALIZATION"), FloatL2Normalization("L2_NORMALIZATION"))
