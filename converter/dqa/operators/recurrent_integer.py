"""RECURRENT in a program: a layer of simple, GRU or LSTM units; a row is a step in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, Operator, check_array, require
from dqa.operators.parameters import REQUANTIZATION_BYTES, Constants, Parameters, requantization_bytes
from dqa.operators.records import Edge, Requantization
from dqa.operators.requantize import PRODUCT, check_requantization, finish
from dqa.support.arrays import Int8, Int16, Int32, Int64, UInt8

TABLE = 257
STATE_STEPS = 256
"""Steps of the state in one of the bytes that products see."""
MOST_SUM = STATE_STEPS << 15
MAX_PART = (1 << 17) - 1
MAX_LSTM = (1 << 30) - (1 << 15)
MAX_CELL_SHIFT = 15
MIN_SHIFT, LEAST_DOWN, MAX_SHIFT = 3, 33, 62


class Cell(IntEnum):
    """What a layer is made of; of a GRU with RESET_AFTER the reset gate works on products, else on the state before them."""

    SIMPLE = 0
    GRU = 1
    GRU_RESET_AFTER = 2
    LSTM = 3

    @property
    def gates(self) -> int:
        return {Cell.SIMPLE: 1, Cell.LSTM: 4}.get(self, 3)


@dataclass(frozen=True, eq=False)
class Product:
    """int8 weights (gates * units, length), int32 bias of their sums, and multiplier / 2^shift, steps of the gates' tables per step."""

    weights: Int8
    bias: Int32
    multiplier: Int32
    shift: UInt8

    @classmethod
    def read(cls, parameters: Parameters, rows: int, length: int) -> Self:
        weights, bias = parameters.int8((rows, length), "weights"), parameters.int32((rows,), "biases")
        return cls(weights, bias, parameters.int32((rows,), "multipliers"), parameters.uint8((rows,), "shifts"))

    def check(self, rows: int, length: int) -> None:
        check_array(self.weights, np.int8, (rows, length), "weights")
        for array, dtype in ((self.bias, np.int32), (self.multiplier, np.int32), (self.shift, np.uint8)):
            check_array(array, dtype, (rows,), "bias, multipliers or shifts")
        require(int(np.abs(self.bias.astype(np.int64)).max()) + length * PRODUCT < 1 << 31, "a bias lets the accumulator overflow")
        require(int(self.multiplier.min()) >= 0, "a negative multiplier")
        require(self.shift.min() >= MIN_SHIFT and self.shift.max() <= MAX_SHIFT, f"a shift outside {MIN_SHIFT}..{MAX_SHIFT}")

    def write(self, constants: Constants) -> bytes:
        sums = constants.array(self.weights, "weights"), constants.array(self.bias, "biases")
        return pack("<4I", *sums, constants.array(self.multiplier, "multipliers"), constants.array(self.shift, "shifts"))

    def values(self, x: Int64, rows: slice) -> Int64:
        sums = self.weights[rows].astype(np.int64) @ x + self.bias[rows]
        shift = self.shift[rows].astype(np.int64)
        most = np.int64(1) << np.where(shift < LEAST_DOWN, shift - 3, 31)
        sums = np.clip(sums, -most, most)
        scaled = sums * self.multiplier[rows] + (np.int64(1) << (shift - 1)) >> shift
        return np.asarray(np.clip(scaled, -MAX_PART, MAX_PART))


@dataclass(frozen=True, eq=False)
class Recurrent(Operator):
    """of_input reads rows of the input, of_state the state before. gate, function: tables int16 (257,). last: only the last row is output.

    cell_shift: of an LSTM, from steps of the cell to those of the function's table.
    """

    cell: Cell
    cell_shift: int
    of_input: Product
    of_state: Product
    gate: Int16
    function: Int16
    requantization: Requantization
    last: bool

    parameter_bytes = 44 + REQUANTIZATION_BYTES
    instructions_per_mac = 2.6
    works_on_input = True

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        kind, shift, reserved = parameters.fields("<BBH")
        parameters.reserved(reserved)
        require(kind < len(Cell), f"there is no cell {kind}")
        rows = Cell(kind).gates * target.channels
        of_input, of_state = (Product.read(parameters, rows, length) for length in (source.row_values, target.channels))
        gate, function = parameters.int16((TABLE,), "gates"), parameters.int16((TABLE,), "function")
        requantization = parameters.requantization(target.channels)
        return cls(name, inputs, output, Cell(kind), shift, of_input, of_state, gate, function, requantization, target.height == 1)

    def write(self, constants: Constants) -> bytes:
        tables = pack("<2I", constants.array(self.gate, "gates"), constants.array(self.function, "function"))
        products = self.of_input.write(constants) + self.of_state.write(constants)
        return pack("<BBH", self.cell, self.cell_shift, 0) + products + tables + requantization_bytes(constants, self.requantization)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        source, rows = inputs[0], self.cell.gates * output.channels
        require(output.width == 1, "the output has more than one column")
        require(output.height in (1, source.height) and self.last == (output.height == 1), "neither all rows nor the last")
        require(0 <= self.cell_shift <= MAX_CELL_SHIFT, f"a shift outside 0..{MAX_CELL_SHIFT}")
        self.of_input.check(rows, source.row_values)
        self.of_state.check(rows, output.channels)
        check_array(self.gate, np.int16, (TABLE,), "the table of gates")
        check_array(self.function, np.int16, (TABLE,), "the table of the function")
        check_requantization(self.requantization, output.channels, MOST_SUM)

    def accumulates(self, source: Edge) -> bool:
        return self.last

    def kept_bytes(self, source: Edge, output: Edge) -> int:
        units = output.channels
        one, two = -(-units // 4) * 4, -(-units // 2) * 4
        return one + two + {Cell.LSTM: 4 * units, Cell.GRU: one + two}.get(self.cell, 0)

    def macs(self, source: Edge, output: Edge) -> int:
        return source.height * (self.of_input.weights.size + self.of_state.weights.size)

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        units = output.channels
        hidden, cell = np.zeros(units, np.int64), np.zeros(units, np.int64)
        states = []
        for x in inputs[0].astype(np.int64).reshape(source.height, -1):
            hidden, cell = self.step(x, hidden, cell)
            states.append(hidden)
        rows = np.stack(states[-1:] if self.last else states)[:, None, :]
        return finish(rows * STATE_STEPS, self.requantization, output)

    def step(self, x: Int64, hidden: Int64, cell: Int64) -> tuple[Int64, Int64]:
        """The state after a row; int64 (units,) each."""
        units, seen = len(hidden), in_bytes(hidden)

        def of(product: Product, gate: int, values: Int64) -> Int64:
            return product.values(values, slice(gate * units, (gate + 1) * units))

        def gate(number: int) -> Int64:
            return look_up(self.gate, of(self.of_input, number, x) + of(self.of_state, number, seen))

        def candidate(number: int) -> Int64:
            return look_up(self.function, of(self.of_input, number, x) + of(self.of_state, number, seen))

        if self.cell is Cell.SIMPLE:
            return candidate(0), cell
        if self.cell is Cell.LSTM:
            cell = share(np.clip(cell, -MAX_LSTM, MAX_LSTM), gate(1)) + share(candidate(2), gate(0))
            half = 1 << self.cell_shift >> 1
            return clip_16(share(look_up(self.function, cell + half >> self.cell_shift), gate(3))), cell
        update, reset = gate(0), gate(1)
        before = self.cell is Cell.GRU
        after = of(self.of_state, 2, in_bytes(share(hidden, reset)) if before else seen)
        new = look_up(self.function, of(self.of_input, 2, x) + (after if before else share(after, reset)))
        return clip_16(new + share(hidden - new, update)), cell

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        rng, (height, _, _), length = grower.rng, grower.shape(source), grower.edges[source].row_values
        cell, units, last = Cell(grower.between(0, 3)), grower.between(1, 9), grower.between(0, 1) == 0 or height == 1
        out = grower.edge((1 if last else height, 1, units))
        rows = cell.gates * units

        def product(length: int) -> Product:
            # Sums of about 5000 * sqrt(length) become some thousand steps of the table; now and then far more.
            shift = rng.integers(30, 36, rows) if rng.random() < 0.9 else rng.integers(MIN_SHIFT, MAX_SHIFT + 1, rows)
            bias, multiplier = rng.integers(-9999, 9999, rows), rng.integers(0, 2**31, rows)
            weights = grower.weights(rows, length)
            return Product(weights, bias.astype(np.int32), multiplier.astype(np.int32), shift.astype(np.uint8))

        tables = [rng.integers(-32768, 32768, TABLE).astype(np.int16) for _ in range(2)]
        if grower.between(0, 1):
            tables = [np.clip(np.arange(-128, 129) * slope, -32768, 32767).astype(np.int16) for slope in (256, 400)]
        parts, shift, ending = (product(length), product(units)), grower.between(0, 15), grower.requantization(out, 2.0**21)
        grower.ops.append(cls("recurrent", (source,), out, cell, shift, parts[0], parts[1], tables[0], tables[1], ending, last))
        return out


def clip_16(values: Int64) -> Int64:
    return np.asarray(np.clip(values, -32768, 32767))


def share(of: Int64, a: Int64) -> Int64:
    """The product with what is in units of 2^-15, rounded."""
    return of * a + (1 << 14) >> 15


def in_bytes(hidden: Int64) -> Int64:
    """The state as products see it."""
    return np.asarray(np.clip(hidden + STATE_STEPS // 2 >> 8, -128, 127))


def look_up(table: Int16, at: Int64) -> Int64:
    """The function of a table, straight between its entries, which are 256 steps apart."""
    place, wide = clip_16(at) + 32768, table.astype(np.int64)
    left, right = wide[place >> 8], wide[(place >> 8) + 1]
    return np.asarray(left + ((right - left) * (place & 255) + 128 >> 8))
