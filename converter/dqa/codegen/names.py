"""Names of the C of a model, so that several models live in one firmware: wake.h with wake_run and WAKE_ARENA_SIZE.

The templates are written with those of a model without a name: model.h with dqa_model_run and DQA_MODEL_ARENA_SIZE, which dqa's own
firmware takes, too.
"""

from __future__ import annotations

import re

from dqa.errors import InputError

DEFAULT = "model"
_PREFIX = "dqa_model"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
_HEADERS = re.compile(
    r"assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint"
    r"|stdio|stdlib|stdnoreturn|string|tgmath|threads|time|uchar|wchar|wctype"
)
"""Of C: a file of such a name would stand before it."""


def check_name(name: str) -> None:
    """Raises InputError unless a model may be called so."""
    if name == DEFAULT:
        return
    hint = "up to 24 lower-case letters, digits and _, as wake or wake_2"
    if not _NAME.fullmatch(name):
        raise InputError(f"name '{name}': it begins names of C", hint=hint)
    if name.startswith("dqa") or _HEADERS.fullmatch(name):
        raise InputError(f"name '{name}': it is {'the library' if name.startswith('dqa') else 'a header of C'}'s", hint=hint)


def named(text: str, name: str) -> str:
    """The C of a model under its name. Raises InputError where another name of C in it begins so."""
    if name == DEFAULT:
        return text
    if re.search(rf"\b({name}|{name.upper()})_\w", _COMMENTS.sub("", text)):
        raise InputError(f"name '{name}': names of C begin with '{name}_'", hint="choose another")
    return _replaced(text, _PREFIX, name, DEFAULT, name)


def unnamed(text: str, name: str) -> str:
    """What `named` was given, comments aside."""
    return text if name == DEFAULT else _replaced(text, name, _PREFIX, name, DEFAULT)


def _replaced(text: str, old: str, new: str, old_file: str, new_file: str) -> str:
    for before, after in ((old, new), (old.upper(), new.upper())):
        text = re.sub(rf"\b{before}_(?=\w)", f"{after}_", text)
    return text.replace(f'"{old_file}.h"', f'"{new_file}.h"')
