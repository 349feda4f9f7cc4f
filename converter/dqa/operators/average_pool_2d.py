"""AVERAGE_POOL_2D: the mean of what lies under a window, padding left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.base import Grower
from dqa.operators.float_base import Lowering, Parts
from dqa.operators.float_pools import FloatPool, kernel_of
from dqa.operators.float_windows import PaddedSum, float_windows, nhwc
from dqa.operators.functions import activate
from dqa.operators.network import Op
from dqa.operators.parameters import REQUANTIZATION_BYTES, WINDOW_BYTES, Constants, Parameters, requantization_bytes, window_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import POOL_SUM, average, check_requantization, finish
from dqa.operators.windows import Windowed, check_pool, window_of, windows
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class AveragePool2D(Windowed):
    requantization: Requantization

    parameter_bytes = WINDOW_BYTES + REQUANTIZATION_BYTES
    works_on_input = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.window(), parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        return window_bytes(self.window) + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_pool(self.window, inputs[0], output)
        check_requantization(self.requantization, output.channels, POOL_SUM)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        count = windows(self.window, np.ones_like(inputs[0]), source, output, 0).sum(axis=(2, 3))
        total = windows(self.window, inputs[0], source, output, 0).sum(axis=(2, 3))
        return finish(average(total, count), self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        window, height, width = grower.window(source, False)
        out = grower.edge((height, width, grower.shape(source)[2]))
        grower.ops.append(cls("average", (source,), out, window, grower.requantization(out, 64.0 * 2**15)))
        return out


class FloatAveragePool2D(FloatPool):
    keeps_sign = True

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        total = float_windows(op, inputs[0], kernel_of(op), 0.0).sum(axis=(4, 5))
        count = float_windows(op, np.ones_like(inputs[0][:1]), kernel_of(op), 0.0).sum(axis=(4, 5))
        return activate(op.attrs["activation"], total / count)

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        kernel = range(op.attrs["kernel_h"]), range(op.attrs["kernel_w"])
        found = PaddedSum(op, inputs[0], gradient)
        inside = found.padded(np.ones_like(inputs[0][:1]), 0.0)
        count = np.asarray(sum(inside[found.at(i, j)] for i in kernel[0] for j in kernel[1]), np.float32)
        for i in kernel[0]:
            for j in kernel[1]:
                found.sum[found.at(i, j)] += nhwc(gradient) / count
        return [found.inner()]

    def lower(self, given: Lowering) -> AveragePool2D:
        (kernel_h, kernel_w), source, target = kernel_of(given.op), given.sources[0], given.target
        count = kernel_h * kernel_w
        requantization = arithmetic.average(source.scales, source.zero_points, target.scales, count, target.rounded_by_writer)
        return AveragePool2D(given.op.name, given.inputs, given.output, window_of(given.op.attrs, kernel_h, kernel_w), requantization)


PROGRAM = AveragePool2D
FLOATS = (FloatAveragePool2D("AVERAGE_POOL_2D"),)
