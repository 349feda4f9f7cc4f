"""Methods, rankings and coders of other packages, found by their entry points (docs/extending.md)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from dqa.errors import ToolError

T = TypeVar("T")

RANKINGS, METHODS, STUDY_RANKINGS, CODERS = GROUPS = ("dqa.rankings", "dqa.methods", "dqa.study_rankings", "dqa.coders")
"""Groups of entry points: what makes a channel important to `dqa convert`; methods and rankings of studies; coders of dqa.lab.entropy."""


class Registry(Mapping[str, T], Generic[T]):
    """dqa's own by name, then those of packages that are installed; a package cannot take the name of dqa's own.

    Nothing of a package is imported before it is asked for by name. Raises ToolError where that fails.
    """

    def __init__(self, group: str, own: Mapping[str, T]) -> None:
        self._group, self._own = group, own

    def __getitem__(self, name: str) -> T:
        if name in self._own:
            return self._own[name]
        found = _points(self._group)[name]
        try:
            loaded: T = found.load()
            return loaded
        except Exception as error:
            raise ToolError(
                f"'{name}' of '{found.value}' cannot be loaded: {type(error).__name__}: {error}", hint=f"mend or remove {_package(found)}"
            ) from error

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in _points(self._group)

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from sorted(_points(self._group).keys() - self._own.keys())

    def __len__(self) -> int:
        return len({*self._own, *_points(self._group)})


def names(group: str) -> list[str]:
    """Those that packages offer."""
    return sorted(_points(group))


def sources(*groups: str) -> list[Path]:
    """The source files of the packages that offer something, without importing more than their parent packages."""
    modules = {point.module for group in groups for point in _points(group).values()}
    found = set[Path]()
    for module in modules:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            continue
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            found.update(Path(folder).rglob("*.py"))
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            found.add(Path(spec.origin))
    return sorted(found)


def _points(group: str) -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=group)}


def _package(point: metadata.EntryPoint) -> str:
    dist: Any = point.dist
    return f"the package '{dist.name}'" if dist is not None else "its package"
