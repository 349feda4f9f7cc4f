"""Every kind of operator, by the number a program has for it and by TFLite's name; one list says which there are."""

from __future__ import annotations

from enum import IntEnum
from importlib import import_module
from types import ModuleType

from dqa.operators.base import FloatOperator, Operator

ROOMS = (
    "conv_2d",
    "depthwise_conv_2d",
    "fully_connected",
    "add",
    "average_pool_2d",
    "mean",
    "max_pool_2d",
    "pad",
    "concatenation",
    "resize_nearest_neighbor",
    "reshape",
    "lut",
    "softmax",
)
"""The kinds of the format in the order of their numbers, from 1."""
FLOAT_ROOMS = ("binary", "tile")
"""Kinds that only the float network has."""


def _room(name: str) -> ModuleType:
    return import_module(f"dqa.operators.{name}")


Kind = IntEnum("Kind", [name.upper() for name in ROOMS])  # type: ignore[misc]  # its members follow from the list
"""The number of an operator in a program (docs/format.md, section 5)."""

CLASSES: dict[IntEnum, type[Operator]] = {kind: _room(name).PROGRAM for kind, name in zip(Kind, ROOMS, strict=True)}
KINDS: dict[type[Operator], IntEnum] = {operator: kind for kind, operator in CLASSES.items()}
FLOATS: dict[str, FloatOperator] = {one.kind: one for name in (*ROOMS, *FLOAT_ROOMS) for one in _room(name).FLOATS}
"""By TFLite's name."""


def kind_of(op: Operator) -> IntEnum:
    """The kind of an operator; KeyError for a class that is none."""
    return KINDS[type(op)]


def float_operator(kind: str) -> FloatOperator:
    """What is known of a kind of the float network; of others, nothing."""
    return FLOATS.get(kind) or FloatOperator(kind)
