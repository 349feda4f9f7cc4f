"""Recurrent layers as builtins of LiteRT, step by step: it has no operator for most of them, and none without a memory of the last run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import FloatWriter
from dqa.operators.recurrent_integer import Cell
from dqa.support.arrays import Float32


class Unrolled:
    """Writes the steps of a layer. Activations are (batch, units); None: zeros. values: what `function` gave, and an LSTM's cells."""

    def __init__(self, writer: FloatWriter, cell: Cell, weights: Sequence[Float32], gate: str, function: str) -> None:
        self.writer, self.cell, self.gate, self.function = writer, cell, gate, function
        kernel, recurrent, bias = weights
        self.units = len(recurrent)
        self.values: list[int] = []
        both = bias.reshape(-1, kernel.shape[1])
        self.input = self._gates(kernel, both[0])
        self.state = self._gates(recurrent, both[1] if len(both) > 1 else np.zeros_like(both[0]))
        self.constant = [writer.constant(part[None]) for part in np.split(both[1], cell.gates)] if len(both) > 1 else None

    def _gates(self, kernel: Float32, bias: Float32) -> list[tuple[int, int]]:
        parts = zip(np.split(kernel, self.cell.gates, axis=1), np.split(bias, self.cell.gates), strict=True)
        return [(self.writer.constant(part.T), self.writer.constant(one)) for part, one in parts]

    def layer(self, steps: Sequence[int]) -> list[int]:
        """The states (batch, units) after each of the steps, activations (batch, ..., channels)."""
        hidden: int | None = None
        cell: int | None = None
        states = []
        for x in steps:
            hidden, cell = self._step([self._dense(x, *gate) for gate in self.input], hidden, cell)
            states.append(hidden)
        return states

    def _step(self, x: list[int], hidden: int | None, cell: int | None) -> tuple[int, int | None]:
        if self.cell is Cell.SIMPLE:
            return self._value(self._sum(x[0], self._of_state(0, hidden))), None
        if self.cell is Cell.LSTM:
            parts = [self._sum(x[gate], self._of_state(gate, hidden)) for gate in range(4)]
            entry, forget, output = (self._apply(self.gate, parts[gate]) for gate in (0, 1, 3))
            new = self._two("MUL", entry, self._value(parts[2]))
            cell = new if cell is None else self._two("ADD", self._two("MUL", forget, cell), new)
            self.values.append(cell)
            return self._two("MUL", output, self._apply(self.function, cell)), cell
        update, reset = (self._apply(self.gate, self._sum(x[gate], self._of_state(gate, hidden))) for gate in range(2))
        if self.cell is Cell.GRU:
            after = None if hidden is None else self._of_state(2, self._two("MUL", reset, hidden))
        else:
            product = self._of_state(2, hidden)
            after = None if product is None else self._two("MUL", reset, product)
        new = self._value(self._sum(x[2], after))
        if hidden is None:
            return self._two("SUB", new, self._two("MUL", update, new)), None
        return self._two("ADD", new, self._two("MUL", update, self._two("SUB", hidden, new))), None

    def _value(self, x: int) -> int:
        self.values.append(self._apply(self.function, x))
        return self.values[-1]

    def _of_state(self, gate: int, hidden: int | None) -> int | None:
        if hidden is None:
            return None if self.constant is None else self.constant[gate]
        return self._dense(hidden, *self.state[gate])

    def _dense(self, x: int, kernel: int, bias: int) -> int:
        made = self.writer.made((1, self.units))
        self.writer.builtin("FULLY_CONNECTED", [x, kernel, bias], [made], "FullyConnectedOptions", fusedActivationFunction="NONE")
        return made

    def _sum(self, a: int, b: int | None) -> int:
        return a if b is None else self._two("ADD", a, b)

    def _two(self, kind: str, a: int, b: int, activation: str = "NONE") -> int:
        made = self.writer.made((1, self.units))
        self.writer.builtin(kind, [a, b], [made], f"{kind.title()}Options", fusedActivationFunction=activation)
        return made

    def _apply(self, function: str, x: int) -> int:
        if function == "NONE":
            return x
        if function == "HARD_SIGMOID":
            above = self._two("ADD", x, self.writer.constant(np.full((1, 1), 3, np.float32)), "RELU6")
            return self._two("MUL", above, self.writer.constant(np.full((1, 1), 1 / 6, np.float32)))
        made = self.writer.made((1, self.units))
        self.writer.builtin(function, [x], [made])
        return made
