"""The journeys of four users, examples/journeys, run; docs/tutorials.md shows their commands and what they said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builders.firmware import needs_compiler, needs_qemu

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def commands(root: Path, name: str) -> list[str]:
    lines = (root / "examples" / "journeys" / f"{name}.sh").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#") and line != "set -e"]


def shown(root: Path, name: str) -> list[str]:
    """The lines of the block that docs/tutorials.md shows of a journey."""
    text = (root / "docs" / "tutorials.md").read_text(encoding="utf-8")
    return text.split(f"`examples/journeys/{name}.sh`:\n\n```console\n")[1].split("\n```")[0].split("\n")


def masked(line: str) -> str:
    """A line without its numbers and widths, which may differ from machine to machine."""
    return re.sub(r"[━─ ]+", " ", re.sub(r"[-+]?\d[\d.,]*", "#", line)).rstrip()


def missing(said: list[str], lines: list[str]) -> list[str]:
    """The first of the parts of a block, between commands and `...`, that was not said after those before it."""
    heard, place = [masked(line) for line in said], 0
    for part in re.split(r"^(?:\$.*|\.\.\.)$", "\n".join(lines), flags=re.MULTILINE):
        wanted = [masked(line) for line in part.strip("\n").split("\n")] if part.strip("\n") else []
        found = next((at for at in range(place, len(heard) - len(wanted) + 1) if heard[at : at + len(wanted)] == wanted), None)
        if found is None:
            return wanted
        place = found + len(wanted)
    return []


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("journeys")
    subprocess.run([sys.executable, root / "examples" / "journeys" / "task.py", place], check=True)
    return place


def walk(root: Path, name: str, folder: Path) -> None:
    script = root / "examples" / "journeys" / f"{name}.sh"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(["sh", script], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not missing(done.stdout.splitlines(), shown(root, name)), done.stdout


@pytest.mark.parametrize("name", ["ml_engineer", "firmware_engineer", "researcher", "ci"])
def test_the_tutorials_show_what_the_script_runs(name: str, root: Path) -> None:
    assert [line[2:] for line in shown(root, name) if line.startswith("$ ")] == commands(root, name)


def test_what_was_not_said_is_noticed() -> None:
    said = ["a 1", "┃ b ┃", "c 3", "d"]
    assert missing(said, ["$ x", "a 2", "┃ b  ┃", "...", "d"]) == []
    assert missing(said, ["$ x", "a 1", "c 3"]) == ["a #", "c #"]
    assert missing(said, ["$ x", "d", "...", "a 1"]) == ["a #"]


@pytest.mark.slow
@needs_compiler
@needs_qemu
@needs_gcc
def test_three_that_work_on_one_model(root: Path, folder: Path) -> None:
    pytest.importorskip("tensorflow")
    for name in ("ml_engineer", "firmware_engineer", "ci"):
        walk(root, name, folder)
    assert (folder / "result.xml").is_file() and (folder / "result.json").is_file()


@pytest.mark.slow
def test_the_researcher(root: Path, folder: Path) -> None:
    for library in ("tensorflow", "joblib", "matplotlib"):
        pytest.importorskip(library)
    walk(root, "researcher", folder)
    assert (folder / "study" / "tables.md").is_file()
