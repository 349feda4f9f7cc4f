"""RECURRENT: layers of simple, GRU or LSTM units; a row is a step in time.

In the float network their inputs are x, kernel, recurrent kernel and bias, as Keras has them (dqa.operators.recurrent_cells).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dqa.operators import arithmetic
from dqa.operators.float_base import Answer, Attributes, FloatOperator, FloatWriter, Lowering, Parts, Request, Shape
from dqa.operators.network import Op, Tensor
from dqa.operators.recurrent_cells import FUNCTIONS, FloatCell, Kept
from dqa.operators.recurrent_integer import STATE_STEPS, TABLE, Cell, Product, Recurrent
from dqa.operators.recurrent_loop import Loop
from dqa.support.arrays import Float32, Float64, Int16

SETTINGS = tuple(FUNCTIONS)
"""The functions as the front end numbers them."""
GATE_REACH = 8.0
"""Functions with bounds are as good as constant beyond."""
HIGH = 127
STEPS = 1 << 15
"""Steps of a table to its reach, and of a value to the largest."""


class FloatRecurrent(FloatOperator):
    """Attributes: gate, function (of FUNCTIONS), sequences: whether all states are given or the last.

    Of a function without bounds also inside: the file's tensor of its values; reach: the largest of them.
    """

    lowers = computes = marks = True

    def __init__(self, kind: str, cell: Cell) -> None:
        super().__init__(kind)
        self._cell = cell

    def cell(self, bias: Float32 | Tensor) -> Cell:
        return Cell.GRU_RESET_AFTER if self._cell is Cell.GRU and len(bias.shape) == 2 else self._cell

    def read(self, request: Request) -> Answer:
        x, constants, settings = request.input(0), [request.input(place) for place in range(1, 4)], request.whole_numbers(4)
        if any(tensor.data is None or tensor.data.dtype != np.float32 for tensor in constants):
            raise ValueError("the weights are not float constants")
        kernel, recurrent, bias = (tensor.shape for tensor in constants)
        wide = self._cell.gates * recurrent[0]
        if (len(x.shape), *kernel, *recurrent[1:]) != (3, x.shape[-1], wide, wide) or bias not in ((wide,), (2, wide)):
            raise ValueError(f"weights of shapes {kernel}, {recurrent} and {bias} do not fit an input of shape {x.shape}")
        if len(settings) != 2 or not all(0 <= number < len(SETTINGS) for number in settings):
            raise ValueError(f"settings {settings}")
        function, gate = (SETTINGS[number] for number in settings)
        if FUNCTIONS[gate].reach is None:
            raise ValueError(f"gates by {gate.lower()}, which has no bounds")
        attributes: Attributes = {"function": function, "gate": gate, "sequences": len(request.output.shape) == 3}
        return attributes, [x.index, *(tensor.index for tensor in constants)], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        batch, units = inputs[0].shape[0], inputs[2].shape[0]
        return (batch, inputs[0].hwc[0], units) if op.attrs["sequences"] else (batch, units)

    def _float(self, op: Op, weights: Sequence[Float32]) -> FloatCell:
        return FloatCell(self.cell(weights[2]), weights, op.attrs["gate"], op.attrs["function"])

    def _forward(self, op: Op, inputs: list[Float32]) -> tuple[FloatCell, list[Float32], list[Kept]]:
        x, layer = inputs[0], self._float(op, inputs[1:])
        hidden, cell = layer.start(len(x))
        states, steps = [], []
        for t in range(x.shape[1]):
            hidden, cell, kept = layer.step(x[:, t].reshape(len(x), -1), hidden, cell)
            states.append(hidden)
            steps.append(kept)
        return layer, states, steps

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        _, states, _ = self._forward(op, inputs)
        return np.stack(states, axis=1) if op.attrs["sequences"] else states[-1]

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """Back through time."""
        x = inputs[0]
        layer, states, steps = self._forward(op, inputs)
        whole = np.zeros((len(x), len(states), layer.units), np.float32)
        whole[:, slice(None) if op.attrs["sequences"] else slice(-1, None)] = gradient.reshape(len(x), -1, layer.units)
        (hidden, cell), found = layer.start(len(x)), np.empty((len(x), len(steps), layer.kernel.shape[0]), np.float32)
        for t in reversed(range(len(steps))):
            found[:, t], hidden, cell = layer.back(steps[t], hidden + whole[:, t], cell)
        return [found.reshape(x.shape)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        x, *constants, result = writer.tensors(op)
        weights = [np.asarray(tensor.data, np.float32) for tensor in constants]
        steps, shape = x.hwc[0], [writer.batch, x.hwc[0], len(weights[0])]
        series, is_open = inputs[0], FUNCTIONS[op.attrs["function"]].reach is None
        if writer.shape(x) != shape:
            series = writer.exactly(shape)
            self._reshape(writer, inputs[0], series, shape)
        both = op.attrs["gate"], op.attrs["function"]
        loop = Loop(writer, self.cell(weights[2]), weights, *both, states=op.attrs["sequences"], watched=is_open)
        states, most = loop.write(series, steps)
        self._reshape(writer, states, output, writer.shape(result))
        if most is not None:
            writer.inside(op, most)

    def _reshape(self, writer: FloatWriter, source: int, target: int, shape: Sequence[int]) -> None:
        """shape: with the batch, which may be another at run time."""
        wanted = [-1, *shape[1:]]
        writer.builtin("RESHAPE", [source, writer.integers(wanted)], [target], "ReshapeOptions", newShape=wanted)

    def lower(self, given: Lowering) -> Recurrent:
        op, source, target = given.op, given.sources[0], given.target
        kernel, recurrent, bias = (np.asarray(tensor.data, np.float64) for tensor in given.tensors[1:4])
        both = bias.reshape(-1, kernel.shape[1])
        cell = self.cell(given.tensors[3])
        # A table reaches as far as its function says anything, values as far as they go.
        reach, largest = (GATE_REACH, 1.0) if FUNCTIONS[op.attrs["function"]].reach else (op.attrs["reach"], op.attrs["reach"])
        steps = np.full((cell.gates, len(recurrent)), GATE_REACH / STEPS)
        steps[{Cell.SIMPLE: 0}.get(cell, 2)] = reach / STEPS
        seen = np.full(len(recurrent), largest * STATE_STEPS / STEPS)
        no_bias = np.zeros_like(both[0])
        return Recurrent(
            op.name,
            given.inputs,
            given.output,
            cell,
            int(np.log2(reach / largest)),
            product(kernel, both[0], source.scales, source.zero_points, steps.ravel()),
            product(recurrent, both[1] if len(both) > 1 else no_bias, seen, np.zeros_like(seen), steps.ravel()),
            table(op.attrs["gate"], GATE_REACH, 1.0),
            table(op.attrs["function"], reach, largest),
            arithmetic.sums(largest / STEPS / STATE_STEPS, target.scales, target.rounded_by_writer),
            not op.attrs["sequences"] or given.tensors[0].hwc[0] == 1,
        )


def product(kernel: Float64, bias: Float64, scales: Float64, zeros: Float64, steps: Float64) -> Product:
    """Integer weights of a kernel (K, rows) that reads values of these scales and zero points; steps: of each row's table, real."""
    per_pixel = len(kernel) // len(scales)
    scales, zeros = np.tile(scales, per_pixel), np.tile(zeros, per_pixel)
    real = (kernel * scales[:, None]).T
    most = np.maximum(np.abs(real).max(axis=1), HIGH * np.maximum(np.abs(bias) / 2**28, 1e-30))
    unit = most / HIGH
    weights = np.rint(real / unit[:, None])
    total = np.clip(np.rint(bias / unit - weights @ zeros), -(2**30), 2**30)
    return Product(weights.astype(np.int8), total.astype(np.int32), *arithmetic.wide(unit / steps))


def table(function: str, reach: float, largest: float) -> Int16:
    """A function from -reach to reach, 128 entries on either side of 0, in steps of largest / 2^15."""
    values = FUNCTIONS[function].of((np.arange(TABLE) - TABLE // 2) * (2 * reach / (TABLE - 1)))
    return np.asarray(np.clip(np.rint(values / largest * STEPS), -STEPS, STEPS - 1), np.int16)


class FloatSequence(FloatOperator):
    """TFLite's own layers: of each gate a kernel (units, C), a recurrent kernel (units, units) and a bias."""

    gates: ClassVar[int]
    first_bias: ClassVar[int]
    options: ClassVar[tuple[int, int]]
    """Slots of the fused activation and of whether time comes first."""

    def read(self, request: Request) -> Answer:
        x, gates = request.input(0), self.gates
        kernels, recurrent = (self._constants(request, 1 + place * gates, gates, 2) for place in range(2))
        biases = self._constants(request, self.first_bias, gates, 1)
        used = {0, *range(1, 1 + 2 * gates), *range(self.first_bias, self.first_bias + gates), *self.states}
        if any(request.inputs[place] is not None for place in range(len(request.inputs)) if place not in used):
            raise ValueError("peepholes, projections and normalized gates are not supported")
        if request.flag(self.options[1]) or len(x.shape) != 3:
            raise ValueError("time has to be the second dimension of three")
        function = request.activation(self.options[0])
        if function not in FUNCTIONS:
            raise ValueError(f"the activation {function} is not supported")
        parts = [np.concatenate([one.T for one in kernels], axis=1), np.concatenate([one.T for one in recurrent], axis=1)]
        constants = [np.ascontiguousarray(part, np.float32) for part in (*parts, np.concatenate(biases))]
        return {"function": function, "gate": "LOGISTIC", "sequences": True, "constants": constants}, [x.index], None

    def _constants(self, request: Request, first: int, count: int, dimensions: int) -> list[Float32]:
        found = [request.input(place).data for place in range(first, first + count)]
        kept = [data for data in found if data is not None and data.dtype == np.float32 and data.ndim == dimensions]
        if len(kept) != count:
            raise ValueError("the weights are not float constants of every gate")
        return kept


class FloatSequenceLstm(FloatSequence):
    becomes, gates, first_bias, options, states = "KERAS_LSTM", 4, 12, (0, 3), (18, 19)

    def read(self, request: Request) -> Answer:
        if request.number(1) or request.number(2):
            raise ValueError("a clipped cell or projection is not supported")
        return super().read(request)


class FloatSequenceRnn(FloatSequence):
    becomes, gates, first_bias, options, states = "KERAS_RNN", 1, 3, (1, 0), (4,)


PROGRAM = Recurrent
FLOATS = (
    *(FloatRecurrent("KERAS_RNN", Cell.SIMPLE), FloatRecurrent("KERAS_GRU", Cell.GRU), FloatRecurrent("KERAS_LSTM", Cell.LSTM)),
    *(FloatSequenceLstm("UNIDIRECTIONAL_SEQUENCE_LSTM"), FloatSequenceRnn("UNIDIRECTIONAL_SEQUENCE_RNN")),
)
