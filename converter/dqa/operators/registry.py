"""Every kind of operator, by the number a program has for it and by TFLite's name.

Which there are is said once, in the C library's dqa_operators.h: NAME, name of the room here and of op_<name>.c there, number.
"""

from __future__ import annotations

import re
from enum import EnumMeta, IntEnum
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from dqa.operators.base import Operator
from dqa.operators.float_base import FloatOperator
from dqa.support import resources

_LIST = resources.path("firmware") / "lib" / "dqa" / "include" / "dqa_operators.h"
_TEXT = _LIST.read_text(encoding="utf-8")
_ROOMS = [(room, int(number)) for room, number in re.findall(r"\bX\(\w+, (\w+), (\d+)\)", _TEXT)]
PARTS: tuple[str, ...] = tuple(re.findall(r"\bX\([A-Z0-9_]+, (\w+)\)", _TEXT))
"""What programs need some of beside their operators, in the order of the C library's tables: dqa_part_<name> there."""
_FLOAT_ROOMS = ("binary", "composed", "split", "tile")
"""Kinds that only the float network has."""


def _room(name: str) -> ModuleType:
    return import_module(f"dqa.operators.{name}")


if TYPE_CHECKING:  # its members follow from the list, so any name may be one

    class _Members(EnumMeta):
        def __getattr__(cls, name: str) -> Kind: ...

    class Kind(IntEnum, metaclass=_Members): ...

else:
    Kind = IntEnum("Kind", {room.upper(): number for room, number in _ROOMS})
"""The number of an operator in a program (docs/format.md, section 5)."""

CLASSES: dict[Kind, type[Operator]] = {Kind(number): _room(room).PROGRAM for room, number in _ROOMS}
KINDS: dict[type[Operator], Kind] = {operator: kind for kind, operator in CLASSES.items()}
FLOATS: dict[str, FloatOperator] = {one.kind: one for name in (*dict(_ROOMS), *_FLOAT_ROOMS) for one in _room(name).FLOATS}
"""By TFLite's name."""


def kind_of(op: Operator) -> Kind:
    """The kind of an operator; KeyError for a class that is none."""
    return KINDS[type(op)]


def float_operator(kind: str) -> FloatOperator:
    """What is known of a kind of the float network; of others, nothing."""
    return FLOATS.get(kind) or FloatOperator(kind)
