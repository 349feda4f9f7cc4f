"""Where dqa's own files lie: next to the sources in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path

from dqa.errors import ToolError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of the package `dqa`."""
_NAMES = ("LICENSE", "boards", "firmware", "templates")


def path(name: str) -> Path:
    """Directory "boards", "firmware" or "templates", or the file "LICENSE"; ToolError if the installation lacks it."""
    if name not in _NAMES:
        raise ValueError(f"unknown resource {name!r}; one of {_NAMES}")
    installed = PACKAGE / "_data" / name
    checkout = PACKAGE.parents[1] / name
    for place in (installed, checkout):
        if place.exists():
            return place
    raise ToolError(
        f"dqa's own files are incomplete: {installed} is missing", hint="reinstall the package: pip install --force-reinstall dqa-convert"
    )
