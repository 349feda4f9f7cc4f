"""The functions of one real number that operators and fused activations stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dqa.support.arrays import Floating

CLAMPS: dict[str, tuple[float, float]] = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""The range that each fused activation clamps to; TANH is no clamp."""
_GELU_TANH = math.sqrt(2 / math.pi)
_erf = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: Floating) -> Floating:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))


def _gelu(x: Floating, approximate: bool) -> Floating:
    inner = np.tanh(_GELU_TANH * (x + 0.044715 * x**3)) if approximate else _erf(x / math.sqrt(2)).astype(x.dtype)
    return np.asarray(0.5 * x * (1 + inner))


@dataclass(frozen=True)
class BuiltinOption:
    """An attribute of a function: its field in the options table `table` of TFLite's schema, slot 0."""

    name: str
    table: str
    type: type[float] | type[bool]


@dataclass(frozen=True)
class Function:
    """of: x, keeping the float type, and the attributes of the operator. positive: it never gives anything negative.

    fixed_output: scale and zero point of its 8-bit output where they are always the same. steepest: no slope of it is steeper; None: not
    known, or there is no such.
    """

    of: Callable[[Floating, dict[str, Any]], Floating]
    positive: bool = False
    fixed_output: tuple[float, float] | None = None
    option: BuiltinOption | None = None
    steepest: float | None = None


UNARY: dict[str, Function] = {
    "RELU": Function(lambda x, _: np.maximum(x, 0), positive=True, steepest=1),
    "RELU6": Function(lambda x, _: np.clip(x, 0, 6), positive=True, steepest=1),
    "RELU_N1_TO_1": Function(lambda x, _: np.clip(x, -1, 1), steepest=1),
    "RELU_0_TO_1": Function(lambda x, _: np.clip(x, 0, 1), steepest=1),
    "LOGISTIC": Function(lambda x, _: _sigmoid(x), positive=True, fixed_output=(1 / 256, -128.0), steepest=0.25),
    "TANH": Function(lambda x, _: np.tanh(x), fixed_output=(1 / 128, 0.0), steepest=1),
    "ELU": Function(lambda x, _: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), steepest=1),
    "HARD_SWISH": Function(lambda x, _: x * np.clip(x + 3, 0, 6) / 6, steepest=1.5),
    "SWISH": Function(lambda x, _: x * _sigmoid(x), steepest=1.1),
    "LEAKY_RELU": Function(
        lambda x, attrs: np.where(x > 0, x, x * attrs["alpha"]),
        option=BuiltinOption("alpha", "LeakyReluOptions", float),
        steepest=1,
    ),
    "GELU": Function(
        lambda x, attrs: _gelu(x, attrs["approximate"]), option=BuiltinOption("approximate", "GeluOptions", bool), steepest=1.13
    ),
    "ABS": Function(lambda x, _: np.abs(x), steepest=1),
    "EXP": Function(lambda x, _: np.exp(x)),
    "SQUARE": Function(lambda x, _: x * x, positive=True),
}
"""The functions by TFLite's name; SWISH, x * LOGISTIC(x), is ours. Each is an operator, run by the program's LUT."""


def unary(kind: str, attrs: dict[str, Any], x: Floating) -> Floating:
    """The function of a unary operator at every element of x; keeps the float type. What is too large is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(UNARY[kind].of(x, attrs), dtype=x.dtype)


def activate(activation: str, x: Floating) -> Floating:
    """A fused activation: NONE, RELU, RELU6, RELU_N1_TO_1 or TANH."""
    return x if activation == "NONE" else unary(activation, {}, x)
