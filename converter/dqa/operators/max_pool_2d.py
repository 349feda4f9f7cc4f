"""MAX_POOL_2D: the largest value under a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import Grower
from dqa.operators.float_base import Lowering, Parts
from dqa.operators.float_pools import FloatPool, kernel_of
from dqa.operators.float_windows import PaddedSum, float_windows, nhwc
from dqa.operators.functions import activate
from dqa.operators.network import Op
from dqa.operators.parameters import WINDOW_BYTES, Constants, Parameters, window_bytes
from dqa.operators.records import Edge
from dqa.operators.windows import Windowed, check_pool, window_of, windows
from dqa.support.arrays import Float32, Int8


@dataclass(frozen=True, eq=False)
class MaxPool2D(Windowed):
    parameter_bytes = WINDOW_BYTES
    copies = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        return cls(name, inputs, output, parameters.window())

    def write(self, constants: Constants) -> bytes:
        return window_bytes(self.window)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        check_pool(self.window, inputs[0], output)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        largest: Int8 = windows(self.window, inputs[0], source, output, -129).max(axis=(2, 3)).astype(np.int8)
        return largest

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        window, height, width = grower.window(source, False)
        out = grower.edge((height, width, grower.shape(source)[2]), like=source)
        grower.ops.append(cls("maximum", (source,), out, window))
        return out


class FloatMaxPool2D(FloatPool):
    moves = True

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return activate(op.attrs["activation"], float_windows(op, inputs[0], kernel_of(op), -math.inf).max(axis=(4, 5)))

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """Equal maxima share the gradient."""
        kernel = [(i, j) for i in range(op.attrs["kernel_h"]) for j in range(op.attrs["kernel_w"])]
        found = PaddedSum(op, inputs[0], gradient)
        padded = found.padded(inputs[0], -np.inf)
        winners = [padded[found.at(i, j)] == nhwc(out) for i, j in kernel]
        share = nhwc(gradient) / np.maximum(np.sum(winners, axis=0, dtype=np.float32), 1)
        for (i, j), won in zip(kernel, winners, strict=True):
            found.sum[found.at(i, j)] += share * won
        return [found.inner()]

    def lower(self, given: Lowering) -> MaxPool2D:
        return MaxPool2D(given.op.name, given.inputs, given.output, window_of(given.op.attrs, *kernel_of(given.op)))


PROGRAM = MaxPool2D
FLOATS = (FloatMaxPool2D("MAX_POOL_2D"),)
