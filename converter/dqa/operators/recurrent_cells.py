"""Recurrent layers in floats: a step of each cell, and its way back.

Weights lie as in Keras: kernel (C, gates * units), recurrent (units, gates * units), bias (gates * units,); of a GRU that resets after the
products (2, gates * units): one for each of the products. The gates of a GRU are z, r, h, those of an LSTM i, f, c, o.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dqa.operators.functions import unary
from dqa.operators.recurrent_integer import Cell
from dqa.support.arrays import Float32, Floating


@dataclass(frozen=True)
class CellFunction:
    """of: the function. slope: its derivative from x and its value. reach: the largest value; None: it has none."""

    of: Callable[[Floating], Floating]
    slope: Callable[[Float32, Float32], Float32]
    reach: float | None = None


def _hard_sigmoid(x: Floating) -> Floating:
    return np.asarray(np.clip(x / 6 + 0.5, 0, 1), dtype=x.dtype)


FUNCTIONS: dict[str, CellFunction] = {
    "NONE": CellFunction(lambda x: x, lambda x, y: np.ones_like(y)),
    "LOGISTIC": CellFunction(lambda x: unary("LOGISTIC", {}, x), lambda x, y: y * (1 - y), 1.0),
    "TANH": CellFunction(lambda x: unary("TANH", {}, x), lambda x, y: 1 - y * y, 1.0),
    "HARD_SIGMOID": CellFunction(_hard_sigmoid, lambda x, y: np.where(np.abs(x) < 3, np.float32(1 / 6), np.float32(0)), 1.0),
    "RELU": CellFunction(lambda x: unary("RELU", {}, x), lambda x, y: (x > 0).astype(np.float32)),
}
"""The activations of recurrent layers; those of gates have a reach. HARD_SIGMOID is Keras 3's: clip(x / 6 + 1 / 2, 0, 1)."""

Rows = Any
"""Float32 (N, numbers)."""
Kept = tuple[Rows, ...]
"""What a step leaves for the way back."""


class FloatCell:
    """weights: kernel, recurrent, bias. States are pairs (hidden, cell), (N, units) each; only an LSTM has the second."""

    def __init__(self, cell: Cell, weights: Sequence[Float32], gate: str, function: str) -> None:
        self.cell, self.gate, self.function = cell, FUNCTIONS[gate], FUNCTIONS[function]
        self.kernel, self.recurrent, bias = weights
        both = bias.reshape(-1, self.kernel.shape[1])
        self.bias, self.state_bias = both[0], both[1] if len(both) > 1 else np.zeros_like(both[0])
        self.units = len(self.recurrent)

    def start(self, samples: int) -> tuple[Float32, Float32]:
        zeros = np.zeros((samples, self.units), np.float32)
        return zeros, zeros

    def step(self, x: Rows, hidden: Rows, cell: Rows) -> tuple[Rows, Rows, Kept]:
        """The state after x (N, C), and what `back` wants."""
        units, gate, function = self.units, self.gate.of, self.function.of
        of_x = x @ self.kernel + self.bias
        if self.cell is Cell.GRU:
            a = of_x[:, : 2 * units] + hidden @ self.recurrent[:, : 2 * units]
            update, reset = np.split(gate(a), 2, axis=1)
            inner = of_x[:, 2 * units :] + (reset * hidden) @ self.recurrent[:, 2 * units :]
            new = function(inner)
            return new + update * (hidden - new), cell, (a, update, reset, inner, new, hidden)
        of_h = hidden @ self.recurrent + self.state_bias
        if self.cell is Cell.SIMPLE:
            new = function(of_x + of_h)
            return new, cell, (of_x + of_h, new)
        if self.cell is Cell.LSTM:
            a = of_x + of_h
            entry, forget, inner, output = np.split(a, 4, axis=1)
            i, f, k, o = gate(entry), gate(forget), function(inner), gate(output)
            after = f * cell + i * k
            return o * function(after), after, (a, i, f, k, o, cell, after)
        a = of_x[:, : 2 * units] + of_h[:, : 2 * units]
        update, reset = np.split(gate(a), 2, axis=1)
        product = of_h[:, 2 * units :]
        inner = of_x[:, 2 * units :] + reset * product
        new = function(inner)
        return new + update * (hidden - new), cell, (a, update, reset, inner, new, hidden, product)

    def back(self, kept: Kept, hidden: Rows, cell: Rows) -> tuple[Rows, Rows, Rows]:
        """dL/d(x, hidden before, cell before), from dL/d(hidden, cell) after the step."""
        gate, function = self.gate.slope, self.function.slope
        if self.cell is Cell.SIMPLE:
            a = hidden * function(*kept)
            return a @ self.kernel.T, a @ self.recurrent.T, cell
        if self.cell is Cell.LSTM:
            sums, i, f, k, o, before, after = kept
            entry, forget, inner, output = np.split(sums, 4, axis=1)
            out = self.function.of(after)
            cell = cell + hidden * o * function(after, out)
            parts = (
                cell * k * gate(entry, i),
                cell * before * gate(forget, f),
                cell * i * function(inner, k),
                hidden * out * gate(output, o),
            )
            a = np.concatenate(parts, axis=1)
            return a @ self.kernel.T, a @ self.recurrent.T, cell * f
        sums, update, reset, inner, new, before = kept[:6]
        held, left = np.split(sums, 2, axis=1)
        a_new = hidden * (1 - update) * function(inner, new)
        a_update = hidden * (before - new) * gate(held, update)
        if self.cell is Cell.GRU:
            of_reset = a_new @ self.recurrent[:, 2 * self.units :].T
            a = np.concatenate((a_update, of_reset * before * gate(left, reset)), axis=1)
            past = hidden * update + of_reset * reset + a @ self.recurrent[:, : 2 * self.units].T
        else:
            a = np.concatenate((a_update, a_new * kept[6] * gate(left, reset)), axis=1)
            past = hidden * update + np.concatenate((a, a_new * reset), axis=1) @ self.recurrent.T
        return np.concatenate((a, a_new), axis=1) @ self.kernel.T, past, cell
