"""Convolutions over all channels, plain and transposed: a window with weights (O, kernel_h, kernel_w, I)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from dqa.operators.base import check_array
from dqa.operators.books import check_book, read_weights, write_weights
from dqa.operators.parameters import REQUANTIZATION_BYTES, WINDOW_BYTES, Constants, Parameters, window_bytes
from dqa.operators.records import Edge, Requantization, Window
from dqa.operators.requantize import check_requantization
from dqa.operators.windows import Windowed
from dqa.support.arrays import Int8

Shape4 = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Convolution(Windowed):
    """weights int8 (O, kernel_h, kernel_w, I); with a code book (16,) or (O, 16) every weight is one of its values, stored in 4 bits;
    of (O, 1) they are affine codes (dqa.operators.affine)."""

    weights: Int8
    requantization: Requantization
    book: Int8 | None = None

    parameter_bytes = WINDOW_BYTES + 4 + REQUANTIZATION_BYTES
    coded_weights = True
    instructions_per_mac = 1.1

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        window = parameters.window()
        shape = (target.channels, window.kernel_h, window.kernel_w, source.channels)
        return cls(name, inputs, output, window, *cls.read_weights(parameters, window, shape))

    @classmethod
    def read_weights(cls, parameters: Parameters, window: Window, shape: Shape4) -> tuple[Int8, Requantization, Int8 | None]:
        """Weights of `shape`, requantization, code books."""
        return read_weights(parameters, shape)

    def write(self, constants: Constants) -> bytes:
        return window_bytes(self.window) + write_weights(constants, self.weights, self.requantization, self.book)

    def check_weights(self, source: Edge, output: Edge, product: int) -> None:
        """Raises ProgramError for weights or a requantization that break the format; product: the largest of a weight and what it meets."""
        shape = (output.channels, self.window.kernel_h, self.window.kernel_w, source.channels)
        check_array(self.weights, np.int8, shape, "weights")
        check_book(self, self.weights)
        check_requantization(self.requantization, output.channels, product * self.weights[0].size)

    @property
    def books(self) -> Int8 | None:
        return self.book

    def decoded_weights(self) -> int:
        return 0 if self.book is None else self.weights[0].size
