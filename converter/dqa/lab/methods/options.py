"""Methods by name: {method: uniform, clip: mse, bits: 3} -> UniformMethod(bits=3, clip="mse")."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from dqa.errors import RecipeError
from dqa.lab.methods.base import Method
from dqa.lab.methods.coded import CodedMethod
from dqa.lab.methods.lloydmax import LloydMaxMethod
from dqa.lab.methods.noisyquant import NoisyQuantMethod
from dqa.lab.methods.paper import DirectMethod, PaperMethod
from dqa.lab.methods.pot import PotMethod
from dqa.lab.methods.pwlq import PwlqMethod
from dqa.lab.methods.uniform import UniformMethod
from dqa.support import plugins

_KINDS = (PaperMethod, DirectMethod, PotMethod, NoisyQuantMethod, UniformMethod, LloydMaxMethod, PwlqMethod, CodedMethod)
METHODS: plugins.Registry[type] = plugins.Registry(plugins.METHODS, {kind.name: kind for kind in _KINDS})


def parse_method(settings: Mapping[str, Any]) -> Method:
    """The method with these settings. Raises RecipeError, naming what is wrong, for an unknown name, option or value."""
    name = settings.get("method")
    if not isinstance(name, str) or name not in METHODS:
        hint = "DQA is paper, as published, or coded, as dqa convert stores maps" if name == "dqa" else "docs/study.md has a table of them"
        raise RecipeError(f"'method' must be one of {', '.join(METHODS)} (got {name!r})", hint=hint)
    kind = METHODS[name]
    if not dataclasses.is_dataclass(kind) or getattr(kind, "name", None) != name:
        raise RecipeError(f"method {name}: its class is no dataclass with name = '{name}'", hint="docs/extending.md shows one")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    given = {key: value for key, value in settings.items() if key != "method"}
    if unknown := [key for key in given if key not in fields]:
        raise RecipeError(f"method {name} has no option '{unknown[0]}'", hint=f"its options: {', '.join(fields)}")
    if missing := [key for key, field in fields.items() if field.default is dataclasses.MISSING and key not in given]:
        raise RecipeError(f"method {name} needs '{missing[0]}'")
    for key, value in given.items():
        _check(f"{name}: '{key}'", value, hints[key])
    try:
        return cast(Method, kind(**given))
    except ValueError as error:
        raise RecipeError(f"method {name}: {error}") from error


def describe_method(method: Method) -> dict[str, Any]:
    """The settings that parse_method takes, all options spelled out."""
    return {"method": method.name, **{field.name: getattr(method, field.name) for field in dataclasses.fields(cast(Any, method))}}


def _check(what: str, value: Any, hint: Any) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise RecipeError(f"{what} must be one of {', '.join(map(str, get_args(hint)))} (got {value!r})")
    elif isinstance(hint, types.UnionType):
        if value is not None:
            _check(what, value, next(part for part in get_args(hint) if part is not types.NoneType))
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecipeError(f"{what} must be a number (got {value!r})")
    elif not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecipeError(f"{what} must be {'a whole number' if hint is int else 'true or false'} (got {value!r})")
