"""YAML that people write and we read: plain data only, no aliases, no key twice, bounded in size and depth; RecipeError otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from dqa.errors import RecipeError

T = TypeVar("T")

MAX_BYTES = 16 << 20
MAX_DEPTH = 16

# libyaml's loader where PyYAML has it: several times faster.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Plain data only; a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise RecipeError(f"{_line(key.start_mark)}a key must be a name")
            if key.value in seen:
                raise RecipeError(f"{_line(key.start_mark)}'{key.value}' is given twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_text(path: Path) -> str:
    """The text of a file. Raises OSError, UnicodeDecodeError; RecipeError if it is longer than MAX_BYTES, or is a device or a pipe."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RecipeError("is not a file")
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise RecipeError(f"longer than {MAX_BYTES} bytes")
    return raw.decode("utf-8")


def parsed(path: Path, what: str, parse: Callable[[str], T], hint: str) -> T:
    """What `parse` makes of a file; every error is a RecipeError that names it. what: the kind of file; hint: if there is no better."""
    try:
        return parse(read_text(path))
    except OSError as error:
        raise RecipeError(f"{what} '{path}': {error.strerror or error}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{what} '{path}': not UTF-8 text", hint=hint) from error
    except RecipeError as error:
        raise RecipeError(f"{what} '{path}': {error.message}", hint=error.hint or hint) from error


def load(text: str) -> object:
    """The data a YAML text stands for. Raises RecipeError, with the line where there is one."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_SafeLoader):
            # Aliases let a few lines stand for gigabytes, nesting can exhaust the stack of the loader.
            if isinstance(event, yaml.AliasEvent):
                raise RecipeError(f"{_line(event.start_mark)}YAML aliases are not allowed")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise RecipeError(f"{_line(event.start_mark)}nested deeper than {MAX_DEPTH}")
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "unreadable"
        raise RecipeError(f"{_line(getattr(error, 'problem_mark', None))}not YAML ({problem})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # of a value that is not what its tag says
        raise RecipeError(f"not YAML ({error})") from error


def mapping(name: str, value: object) -> dict[str, Any]:
    """`value`, if it is a mapping whose keys are text. Raises RecipeError."""
    if not isinstance(value, dict):
        raise RecipeError(f"{name}: expected names and values, got {value!r:.40}")
    if strange := [key for key in value if not isinstance(key, str)]:
        raise RecipeError(f"{name}: expected a name, got {strange[0]!r}", hint="put quotes around it")
    return value


def check_known(name: str, data: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises RecipeError for the first key that is not among those known, with the nearest as a hint."""
    known = list(known)
    for key in data:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
            raise RecipeError(f"{name}: unknown key '{key}'", hint=hint)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark else ""
