"""A function of one real number that a model writes as several operators: its steps, and what each of them computes.

Steps have numbers: 0 is x itself, step i of the list has number i + 1; the last one is the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dqa.operators.functions import UNARY, activate, unary
from dqa.support.arrays import Floating

CONSTANT = "CONSTANT"
TRUTHS = frozenset({"GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"})
"""Kinds whose results are true or false."""
FUSING = frozenset({"ADD", "SUB", "MUL", "DIV"})

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide, "POW": np.power},
    **{"MINIMUM": np.minimum, "MAXIMUM": np.maximum, "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2},
    **{"NEG": np.negative, "LOG": np.log, "SQRT": np.sqrt, "RSQRT": lambda x: 1 / np.sqrt(x), "SIN": np.sin, "COS": np.cos},
    **{"FLOOR": np.floor, "CEIL": np.ceil, "ROUND": np.rint, "SIGN": np.sign, "ZEROS_LIKE": np.zeros_like},
    **{"GREATER": np.greater, "GREATER_EQUAL": np.greater_equal, "LESS": np.less, "LESS_EQUAL": np.less_equal},
    **{"EQUAL": np.equal, "NOT_EQUAL": np.not_equal},
    **{"LOGICAL_AND": np.logical_and, "LOGICAL_OR": np.logical_or, "LOGICAL_NOT": np.logical_not},
    **{"SELECT": np.where, "SELECT_V2": np.where, "CAST": lambda x: x},
}
KINDS = frozenset(_FUNCTIONS) | (frozenset(UNARY) - {"SWISH"})
"""TFLite's operators that may be a step. CAST: of a truth."""


@dataclass(frozen=True)
class Step:
    """kind: TFLite's name, or CONSTANT with the attribute value. inputs: numbers of steps."""

    kind: str
    inputs: tuple[int, ...] = ()
    attrs: dict[str, Any] = field(default_factory=dict)


def evaluate(steps: Sequence[Step], x: Floating) -> Floating:
    """The function at every element of x; keeps the float type. What is too large is infinite, what is not defined NaN."""
    values: list[Any] = [x]
    with np.errstate(all="ignore"):
        for step in steps:
            values.append(_value(step, [values[number] for number in step.inputs], x))
    return np.asarray(np.broadcast_to(values[-1], x.shape), dtype=x.dtype)


def _value(step: Step, inputs: list[Any], x: Floating) -> Any:
    return x.dtype.type(step.attrs["value"]) if step.kind == CONSTANT else step_value(step.kind, step.attrs, inputs, x.dtype)


def step_value(kind: str, attrs: dict[str, Any], inputs: Sequence[Any], dtype: Any) -> Any:
    """What an operator of KINDS gives."""
    if kind in UNARY:
        return unary(kind, attrs, np.asarray(inputs[0], dtype))
    result = _FUNCTIONS[kind](*inputs)
    return result if kind in TRUTHS else activate(attrs.get("activation", "NONE"), np.asarray(result, dtype))
