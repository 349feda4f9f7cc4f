"""Every kind of operator has its room, and rooms stand low: they import nothing of what imports them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import dqa
from dqa.operators.registry import CLASSES, FLOATS, Kind
from dqa.support import resources

PACKAGE = Path(dqa.__file__).parent
ROOMS = [kind.name.lower() for kind in Kind]
BELOW = ("dqa.operators", "dqa.coding", "dqa.errors", "dqa.support.resources", "dqa.support.arrays", "dqa.support.limits")


def module_name(file: Path) -> str:
    return ".".join(("dqa", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def imports(file: Path) -> Iterator[str]:
    """The modules of dqa that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if (PACKAGE.parent / f"{name.replace('.', '/')}.py").exists() else node.module for name in inside]
        yield from (name for name in names if name.split(".")[0] == "dqa")


@pytest.mark.parametrize("room", ROOMS)
def test_a_kind_has_its_room_in_python_and_in_c(room: str) -> None:
    module = import_module(f"dqa.operators.{room}")
    assert CLASSES[Kind[room.upper()]] is module.PROGRAM
    assert (resources.path("firmware") / "lib" / "dqa" / "src" / "operators" / f"op_{room}.c").is_file()
    assert all(FLOATS[one.kind] is one for one in module.FLOATS)
    assert module.PROGRAM.parameter_bytes % 4 == 0


def test_the_page_of_the_format_has_each_kind_with_its_number_and_size(root: Path) -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z0-9_]+) \| [^|]*\((\d+)(?: bytes)?\) \|", (root / "docs" / "format.md").read_text(), re.MULTILINE)
    assert [(int(number), name, int(size)) for number, name, size in rows] == [
        (kind.value, kind.name, operator.parameter_bytes) for kind, operator in CLASSES.items()
    ]


def test_numbers_follow_each_other() -> None:
    assert [int(kind) for kind in Kind] == list(range(1, len(Kind) + 1))


@pytest.mark.parametrize("file", sorted((PACKAGE / "operators").glob("*.py")), ids=lambda file: file.stem)
def test_rooms_import_only_what_lies_below(file: Path) -> None:
    above = [name for name in imports(file) if name != "dqa" and not name.startswith(BELOW)]
    assert not above


def test_operators_graph_and_program_import_in_no_circle() -> None:
    files = [file for part in ("operators", "graph", "program", "coding") for file in (PACKAGE / part).rglob("*.py")]
    # A package's own __init__ only gathers names: what it imports does not come before its modules.
    depends = {module_name(file): set(imports(file)) for file in files if file.name != "__init__.py"}
    order = list(TopologicalSorter(depends).static_order())  # raises CycleError
    assert order.index("dqa.operators.base") < order.index("dqa.program.check") < order.index("dqa.program.reader")
