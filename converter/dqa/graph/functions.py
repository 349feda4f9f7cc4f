"""The functions of one real number that operators and fused activations stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating[Any]]

# The range that each fused activation clamps to; TANH is no clamp.
CLAMPS: dict[str, tuple[float, float]] = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
_GELU_TANH = math.sqrt(2 / math.pi)
_erf = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: Float) -> Float:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))


def _gelu(x: Float, approximate: bool) -> Float:
    inner = np.tanh(_GELU_TANH * (x + 0.044715 * x**3)) if approximate else _erf(x / math.sqrt(2)).astype(x.dtype)
    return np.asarray(0.5 * x * (1 + inner))


_UNARY: dict[str, Callable[[Float, dict[str, Any]], Float]] = {
    "RELU": lambda x, _: np.maximum(x, 0),
    "RELU6": lambda x, _: np.clip(x, 0, 6),
    "RELU_N1_TO_1": lambda x, _: np.clip(x, -1, 1),
    "RELU_0_TO_1": lambda x, _: np.clip(x, 0, 1),
    "LOGISTIC": lambda x, _: _sigmoid(x),
    "TANH": lambda x, _: np.tanh(x),
    "ELU": lambda x, _: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "HARD_SWISH": lambda x, _: x * np.clip(x + 3, 0, 6) / 6,
    "SWISH": lambda x, _: x * _sigmoid(x),
    "LEAKY_RELU": lambda x, attrs: np.where(x > 0, x, x * attrs["alpha"]),
    "GELU": lambda x, attrs: _gelu(x, attrs["approximate"]),
    "ABS": lambda x, _: np.abs(x),
    "EXP": lambda x, _: np.exp(x),
}

UNARY_KINDS = frozenset(_UNARY)


def unary(kind: str, attrs: dict[str, Any], x: Float) -> Float:
    """The function of a unary operator (one of UNARY_KINDS) at every element of x; keeps the float type. What is too large is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(_UNARY[kind](x, attrs), dtype=x.dtype)


def activate(activation: str, x: Float) -> Float:
    """A fused activation: NONE, RELU, RELU6, RELU_N1_TO_1 or TANH."""
    return x if activation == "NONE" else unary(activation, {}, x)
