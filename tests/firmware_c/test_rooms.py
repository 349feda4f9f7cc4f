"""The rooms of the executor: what a file includes and calls lies in its own room or one before it, and never in a circle."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from dqa import program as p
from dqa.engine.compile import executor_includes, executor_sources

PUBLIC, SOURCES = executor_includes()
ROOMS = ("format", "storage", "operators", "run")
Graph = dict[Path, set[Path]]


def files() -> list[Path]:
    return [path for path in SOURCES.rglob("*") if path.suffix in (".c", ".h")]


def included() -> Graph:
    """The files of the executor that each file includes by itself; those of the public interface left out."""
    graph: Graph = {}
    for path in files():
        names = re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)
        graph[path] = {(path.parent / name).resolve() for name in names if not (PUBLIC / name).is_file()}
    return graph


def room(path: Path) -> int:
    return ROOMS.index(path.relative_to(SOURCES).parts[0])


def upward(graph: Graph) -> list[str]:
    return [f"{a.relative_to(SOURCES)} -> {b.relative_to(SOURCES)}" for a, found in graph.items() for b in found if room(a) < room(b)]


def in_order(graph: Mapping[Path, set[Path]]) -> list[Path]:
    """CycleError if there is a circle."""
    return list(TopologicalSorter({path: found - {path} for path, found in graph.items()}).static_order())


def test_every_source_lies_in_a_room() -> None:
    assert {path.relative_to(SOURCES).parts[0] for path in files()} == set(ROOMS)
    assert len(files()) > 50
    assert len({path.name for path in files()}) == len(files())  # objects of one folder must not meet


def test_what_is_included_exists_and_lies_in_no_later_room() -> None:
    graph = included()
    assert {path for found in graph.values() for path in found} <= set(graph)
    assert upward(graph) == []


def test_includes_have_no_circle() -> None:
    in_order(included())
    modules: Graph = {}  # a header and its source are one
    for path, found in included().items():
        modules.setdefault(path.with_suffix(""), set()).update(other.with_suffix("") for other in found)
    in_order(modules)


def test_a_file_includes_its_own_header_first() -> None:
    for path in files():
        if path.suffix == ".c" and path.with_suffix(".h").is_file():
            assert re.search(r'#include "([^"]+)"', path.read_text())[1] == path.with_suffix(".h").name  # type: ignore[index]


def symbols(object_file: Path, kinds: str) -> set[str]:
    lines = subprocess.run(["nm", object_file], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.split()[-2] in kinds}


@pytest.mark.skipif(shutil.which("gcc") is None or shutil.which("nm") is None, reason="needs gcc and nm")
def test_calls_go_to_no_later_room_and_in_no_circle(tmp_path: Path) -> None:
    """Headers can hide a circle: what counts is which object needs which."""
    sources = executor_sources()
    command = ["gcc", "-std=c99", "-O0", *(f"-I{path}" for path in executor_includes()), "-c", *map(str, sources)]
    subprocess.run(command, cwd=tmp_path, check=True)
    objects = {source: tmp_path / f"{source.stem}.o" for source in sources}
    defined = {name: source for source, made in objects.items() for name in symbols(made, "TRDBV")}
    graph: Graph = {}
    for source, made in objects.items():
        graph[source] = {defined[name] for name in symbols(made, "U") if name in defined}
    assert sum(map(len, graph.values())) > 50
    assert upward(graph) == []
    in_order(graph)
    needed = {other.name for path, found in graph.items() if path.name != "all_operators.c" for other in found - {path}}
    assert not {name for name in needed if name.startswith("op_")}  # exports leave out those that no model uses


def test_the_list_of_operators_is_what_there_is() -> None:
    """Numbers from 1 in order, a file and a kind of the converter for each."""
    found = re.findall(r"X\((\w+), (\w+), (\d+)\)", (PUBLIC / "dqa_operators.h").read_text().split("#define", 2)[2])
    assert [int(number) for _, _, number in found] == list(range(1, len(found) + 1))
    assert all(name == upper.lower() for upper, name, _ in found)
    assert {f"op_{name}.c" for _, name, _ in found} == {path.name for path in (SOURCES / "operators").glob("op_*.c")}
    assert {upper: int(number) for upper, _, number in found} == {kind.name: kind.value for kind in p.Kind}
