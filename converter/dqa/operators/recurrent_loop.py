"""Recurrent layers for LiteRT, a loop of builtins: it has no operator for most of them, and none without a memory of the last run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import FloatWriter
from dqa.operators.recurrent_integer import Cell
from dqa.support.arrays import Float32


class Loop:
    """Writes a layer.

    states: whether all states are given, (batch, steps, units), or the last, (batch, units). watched: whether the largest magnitude of what
    `function` gave, and of an LSTM's cells, is kept, (batch, units).
    """

    def __init__(
        self, writer: FloatWriter, cell: Cell, weights: Sequence[Float32], gate: str, function: str, *, states: bool, watched: bool
    ) -> None:
        self.writer, self.cell, self.gate, self.function, self.states, self.watched = writer, cell, gate, function, states, watched
        self.kernel, self.recurrent, bias = weights
        self.biases = bias.reshape(-1, self.kernel.shape[1])
        self.units = len(self.recurrent)

    def write(self, x: int, steps: int) -> tuple[int, int | None]:
        """The states and the largest magnitude, from the input (batch, steps, channels)."""
        writer, is_lstm, self.steps = self.writer, self.cell is Cell.LSTM, steps
        channels, state, whole = len(self.kernel), [writer.batch, self.units], [writer.batch, steps, self.units]
        entries: list[tuple[list[int], str]] = [([], "int32"), ([writer.batch, steps, channels], "float32")]
        entries += [(state, "float32")] * (1 + is_lstm + self.watched) + [(whole, "float32")] * self.states
        # Zeros for as many samples as there are at run time.
        weights, bias = writer.constant(np.zeros((self.units, channels), np.float32)), writer.constant(np.zeros(self.units, np.float32))
        zeros = self._fully_connected(self._row(x, self._integer(0)), weights, bias, state)
        given = [self._integer(0), x, *[zeros] * (1 + is_lstm + self.watched)]
        given += [self._fully_connected(x, weights, bias, whole, keep=True)] if self.states else []
        goes_on = writer.subgraph(entries, lambda inputs: [self._less(inputs[0], steps)])
        body = writer.subgraph(entries, self._body)
        made = [writer.exactly(*entry) for entry in entries]
        writer.builtin("WHILE", given, made, "WhileOptions", condSubgraphIndex=goes_on, bodySubgraphIndex=body)
        return made[-1] if self.states else made[2], made[3 + is_lstm] if self.watched else None

    def _body(self, inputs: list[int]) -> list[int]:
        """What the next step sees, from: number of the step, x, hidden, an LSTM's cell, the largest magnitude, all states."""
        step, x, hidden, *further = inputs
        none = np.zeros_like(self.biases[0])
        self.of_input = self._gates(self.kernel, self.biases[0])
        self.of_state = self._gates(self.recurrent, self.biases[1] if len(self.biases) > 1 else none)
        self.values: list[int] = []
        cell = further.pop(0) if self.cell is Cell.LSTM else None
        row = self._row(x, step)
        hidden, cell = self._step([self._dense(row, gate) for gate in self.of_input], hidden, cell)
        after = self.writer.exactly([], "int32")
        self.writer.builtin("ADD", [step, self._integer(1)], [after], "AddOptions", fusedActivationFunction="NONE")
        found = [after, x, hidden, *([] if cell is None else [cell])]
        if self.watched:
            most = further.pop(0)
            for value in self.values:
                most = self._two("MAXIMUM", most, self._apply("ABS", value))
            found.append(most)
        return [*found, self._put(further[0], hidden, step)] if self.states else found

    def _gates(self, kernel: Float32, bias: Float32) -> list[tuple[int, int]]:
        parts = zip(np.split(kernel, self.cell.gates, axis=1), np.split(bias, self.cell.gates), strict=True)
        return [(self.writer.constant(np.ascontiguousarray(part.T)), self.writer.constant(one)) for part, one in parts]

    def _step(self, x: list[int], hidden: int, cell: int | None) -> tuple[int, int | None]:
        def of(gate: int) -> int:
            return self._two("ADD", x[gate], self._dense(hidden, self.of_state[gate]))

        if self.cell is Cell.SIMPLE:
            return self._value(of(0)), None
        if cell is not None:
            entry, forget, output = (self._apply(self.gate, of(gate)) for gate in (0, 1, 3))
            cell = self._two("ADD", self._two("MUL", forget, cell), self._two("MUL", entry, self._value(of(2))))
            self.values.append(cell)
            return self._two("MUL", output, self._apply(self.function, cell)), cell
        update, reset = self._apply(self.gate, of(0)), self._apply(self.gate, of(1))
        if self.cell is Cell.GRU:
            after = self._dense(self._two("MUL", reset, hidden), self.of_state[2])
        else:
            after = self._two("MUL", reset, self._dense(hidden, self.of_state[2]))
        new = self._value(self._two("ADD", x[2], after))
        return self._two("ADD", new, self._two("MUL", update, self._two("SUB", hidden, new))), None

    def _value(self, x: int) -> int:
        self.values.append(self._apply(self.function, x))
        return self.values[-1]

    def _integer(self, value: int) -> int:
        return self.writer.constant(np.asarray(value, np.int32))

    def _less(self, step: int, steps: int) -> int:
        made = self.writer.exactly([], "bool")
        self.writer.builtin("LESS", [step, self._integer(steps)], [made], "LessOptions")
        return made

    def _row(self, x: int, step: int) -> int:
        made = self.writer.exactly([self.writer.batch, len(self.kernel)])
        self.writer.builtin("GATHER", [x, step], [made], "GatherOptions", axis=1, batchDims=0)
        return made

    def _put(self, states: int, hidden: int, step: int) -> int:
        """The states with that of a step in its place."""
        writer, shape = self.writer, [-1, 1, self.units]
        one, place = writer.exactly([writer.batch, 1, self.units]), writer.exactly([3], "int32")
        made = writer.exactly([writer.batch, self.steps, self.units])
        writer.builtin("RESHAPE", [hidden, writer.integers(shape)], [one], "ReshapeOptions", newShape=shape)
        writer.builtin("PACK", [self._integer(0), step, self._integer(0)], [place], "PackOptions", valuesCount=3, axis=0)
        writer.builtin("DYNAMIC_UPDATE_SLICE", [states, one, place], [made], "DynamicUpdateSliceOptions")
        return made

    def _dense(self, x: int, gate: tuple[int, int]) -> int:
        return self._fully_connected(x, *gate, [self.writer.batch, self.units])

    def _fully_connected(self, x: int, kernel: int, bias: int, shape: list[int], *, keep: bool = False) -> int:
        made = self.writer.exactly(shape)
        inputs, kind = [x, kernel, bias], "FullyConnectedOptions"
        self.writer.builtin("FULLY_CONNECTED", inputs, [made], kind, fusedActivationFunction="NONE", keepNumDims=keep)
        return made

    def _two(self, kind: str, a: int, b: int, activation: str = "NONE") -> int:
        made = self.writer.exactly([self.writer.batch, self.units])
        if kind == "MAXIMUM":
            self.writer.builtin(kind, [a, b], [made], "MaximumMinimumOptions")
        else:
            self.writer.builtin(kind, [a, b], [made], f"{kind.title()}Options", fusedActivationFunction=activation)
        return made

    def _apply(self, function: str, x: int) -> int:
        if function == "NONE":
            return x
        if function == "HARD_SIGMOID":
            three, sixth = (self.writer.constant(np.full((1, 1), value, np.float32)) for value in (3, 1 / 6))
            return self._two("MUL", self._two("ADD", x, three, "RELU6"), sixth)
        made = self.writer.exactly([self.writer.batch, self.units])
        self.writer.builtin(function, [x], [made])
        return made
