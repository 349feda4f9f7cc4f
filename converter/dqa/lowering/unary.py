"""Functions of one value as float arrays; a 256-entry table of integers is made from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


_FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "LOGISTIC": _sigmoid,
    "TANH": np.tanh,
    "SWISH": lambda x: x * _sigmoid(x),
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "ABS": np.abs,
    "EXP": np.exp,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1, 1),
    "RELU_0_TO_1": lambda x: np.clip(x, 0, 1),
}


def apply_unary(kind: str, x: Floats, attrs: Mapping[str, Any]) -> Floats:
    """The function `kind` (a TFLite operator's name, or SWISH) of each element."""
    if kind == "LEAKY_RELU":
        return np.asarray(np.where(x > 0, x, x * float(attrs["alpha"])))
    if kind == "GELU":
        return _gelu(x, bool(attrs.get("approximate", False)))
    return np.asarray(_FUNCTIONS[kind](x))


def _gelu(x: Floats, approximate: bool) -> Floats:
    if approximate:
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))
