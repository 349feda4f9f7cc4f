"""SLIDING_REDUCE: the mean, the largest or the smallest value of each channel over so many rows, all columns, row after row.

What MEAN and REDUCE over the window become in a network whose rows never end (dqa.program.endless).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, require
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import POOL_SUM, average, check_requantization, finish
from dqa.support.arrays import Int8
from dqa.support.limits import MAX_POOLED

MEAN, LARGEST, SMALLEST = range(3)


@dataclass(frozen=True, eq=False)
class SlidingReduce(Operator):
    """rows: of a window; what: MEAN, LARGEST or SMALLEST. The output has a row for each place of the window, and one column."""

    rows: int
    what: int
    requantization: Requantization

    parameter_bytes = 4 + REQUANTIZATION_BYTES

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        number = parameters.offset()  # two numbers here
        return cls(name, inputs, output, number & 0xFFFF, number >> 16, parameters.requantization(target.channels))

    def write(self, constants: Constants) -> bytes:
        return pack("<HH", self.rows, self.what) + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        source = inputs[0]
        require(self.what in (MEAN, LARGEST, SMALLEST), f"what is {self.what}")
        require(1 <= self.rows <= source.height, f"a window of {self.rows} rows")
        require(output.shape == (source.height - self.rows + 1, 1, source.channels), "not a row of one column for each window")
        require(source.width * self.rows <= MAX_POOLED, f"a window of {self.rows} x {source.width}; at most {MAX_POOLED} values")
        check_requantization(self.requantization, output.channels, POOL_SUM)

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return self.rows

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        return y, y + self.rows

    def why_ends(self, inputs: Sequence[Edge], output: Edge) -> str:
        return ""

    def kept_bytes(self, source: Edge, output: Edge) -> int:
        return 4 * output.channels if self.what == MEAN else 0

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        windows = np.lib.stride_tricks.sliding_window_view(inputs[0].astype(np.int64), self.rows, axis=0)  # (places, width, channels, rows)
        if self.what == MEAN:
            found = average(windows.sum(axis=(1, 3)), self.rows * source.width)
        else:
            extreme = windows.max(axis=(1, 3)) if self.what == LARGEST else windows.min(axis=(1, 3))
            found = average(extreme, 1)
        return finish(found[:, None], self.requantization, output)

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        height, _, channels = grower.shape(source)
        rows = grower.between(1, height)
        out = grower.edge((height - rows + 1, 1, channels))
        requantization = grower.requantization(out, 32.0 * 2**15)
        grower.ops.append(cls("sliding", (source,), out, rows, grower.between(0, 2), requantization))
        return out


PROGRAM = SlidingReduce
FLOATS = ()
