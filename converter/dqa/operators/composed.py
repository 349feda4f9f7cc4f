"""COMPOSED, a function that a model writes as several operators (dqa.operators.steps): SELU, softplus, mish, ReLU up to 4, ...

The program runs it as one LUT. Attributes: steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dqa.operators.float_base import FloatOperator, FloatWriter, Lowering, Parts, Shape
from dqa.operators.functions import UNARY
from dqa.operators.lut import STEP, Lut, table_of
from dqa.operators.network import Op, Tensor
from dqa.operators.steps import CONSTANT, FUSING, TRUTHS, Step, evaluate
from dqa.support.arrays import Float32

_LARGE = np.logspace(-6, 6, 400)
_TRIED = np.concatenate([-_LARGE, np.linspace(-20, 20, 2001), _LARGE])


class FloatComposed(FloatOperator):
    lowers = by_table = computes = True

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return inputs[0].shape

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        return evaluate(op.attrs["steps"], inputs[0])

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """By differences to both sides, the smaller of the two: 0 on the flat side of a kink, and beside a jump."""
        steps, x = op.attrs["steps"], inputs[0].astype(np.float64)
        here = evaluate(steps, x)
        with np.errstate(invalid="ignore"):
            ahead, behind = evaluate(steps, x + STEP) - here, here - evaluate(steps, x - STEP)
        slope = np.where(np.abs(ahead) < np.abs(behind), ahead, behind) / STEP
        return [gradient * np.nan_to_num(slope, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)]

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        steps, shape, numbers = op.attrs["steps"], writer.tensors(op)[-1].shape, [inputs[0]]
        for place, step in enumerate(steps, 1):
            if step.kind == CONSTANT:
                numbers.append(writer.constant(np.asarray(step.attrs["value"], np.float32)))
                continue
            made = output if place == len(steps) else writer.made(shape, "bool" if step.kind in TRUTHS else "float32")
            _write_step(writer, step, [numbers[number] for number in step.inputs], made)
            numbers.append(made)

    def never_negative(self, op: Op) -> bool:
        """As far as numbers of all sizes tell."""
        found = evaluate(op.attrs["steps"], _TRIED)
        return bool(np.all((found >= 0) | np.isnan(found)))

    def lower(self, given: Lowering) -> Lut:
        return table_of(given, lambda x: evaluate(given.op.attrs["steps"], x))


def _write_step(writer: FloatWriter, step: Step, inputs: list[int], output: int) -> None:
    kind = "SELECT_V2" if step.kind == "SELECT" else step.kind  # which takes numbers beside maps
    option = UNARY[kind].option if kind in UNARY else None
    if option is not None:
        writer.builtin(kind, inputs, [output], option.table, **{option.name: step.attrs[option.name]})
    elif kind in FUSING:
        writer.builtin(kind, inputs, [output], f"{kind.capitalize()}Options", fusedActivationFunction=step.attrs["activation"])
    else:
        writer.builtin(kind, inputs, [output])


FLOATS = (FloatComposed("COMPOSED"),)
