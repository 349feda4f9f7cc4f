"""The rooms of the package: no module imports itself in a circle, no room one that stands above it (docs/design.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import dqa
from dqa.lab.study.job import CODE

PACKAGE = Path(dqa.__file__).parent
ROOMS = (
    ("errors",),
    ("support",),
    ("coding", "data"),
    ("operators",),
    ("graph", "program"),
    ("tflite",),
    ("frontend",),
    ("calibration",),
    ("quantization",),
    ("planning",),
    ("lowering",),
    ("partition",),
    ("codegen", "engine", "report"),
    ("device",),
    ("evaluation", "export"),
    ("conversion",),
    ("analysis",),
    ("sparsify", "lab", "profiling"),
    ("api",),
    ("cli",),
    ("__init__", "__main__"),
)
"""From the ground up; rooms of one floor do not import each other."""


def test_no_module_imports_itself_in_a_circle() -> None:
    # A package's own __init__ only gathers names: what it imports does not come before its modules.
    tuple(TopologicalSorter({name: set(imports(file)) for name, file in modules() if file.name != "__init__.py"}).static_order())


def test_no_room_imports_one_beside_or_above_it() -> None:
    floors = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
    wrong = [
        f"{name} imports {other}"
        for name, file in modules()
        for other in imports(file)
        if room(name) != room(other) and floors[room(other)] >= floors[room(name)]
    ]
    assert not wrong


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name, _ in modules()} == {one for rooms in ROOMS for one in rooms}


def test_types_of_arrays_exist_once() -> None:
    named = re.compile(r"NDArray\[(Any|np\.(u?int\d+|float\d+|bool_|floating|integer)\b.*?)\]")
    assert [name for name, file in modules() if named.search(file.read_text(encoding="utf-8"))] == ["dqa.support.arrays"]


def test_what_a_study_s_results_depend_on_imports_nothing_else() -> None:
    """Jobs that other code measured are measured again: their code is told by the files of CODE."""
    files = [file for place in CODE for file in ((PACKAGE / place).rglob("*.py") if (PACKAGE / place).is_dir() else [PACKAGE / place])]
    listed = {name for name, file in modules() if file in files}
    beside = {"errors", "support"}  # messages, files, processes, limits of the format
    found = {other for file in files for other in imports(file) if other not in listed and room(other) not in beside}
    assert found <= {"dqa.lab.study.config", "dqa.lab.study.grid"}  # what a job is, which its key tells


def modules() -> Iterator[tuple[str, Path]]:
    for file in PACKAGE.rglob("*.py"):
        yield ".".join(("dqa", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"), file


def room(name: str) -> str:
    """The room of a module; what the package itself offers is `__init__`."""
    return ("", *name.split("."))[2] if "." in name else "__init__"


def imports(file: Path) -> Iterator[str]:
    """The modules of dqa that a file imports, anywhere in it but for types alone."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [name if exists(name) else node.module for name in (f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.split(".")[0] == "dqa")


def exists(name: str) -> bool:
    place = PACKAGE.parent / name.replace(".", "/")
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def test_tests_lie_in_the_rooms_of_the_package_and_import_no_other_test(root: Path) -> None:
    here = root / "tests"
    modules = sorted(here.rglob("*.py"))
    assert len(modules) > 100
    rooms = {path.parent.relative_to(here).parts[0] for path in modules if path.name.startswith("test_") and path.parent != here}
    assert rooms - {path.name for path in PACKAGE.iterdir() if path.is_dir()} == {"firmware_c", "proof"}
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not any(part.startswith("test_") for name in names for part in name.split(".")), path
