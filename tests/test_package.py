"""The wheel: everything dqa needs is in it, nothing else, and it works away from the checkout."""

from __future__ import annotations

import importlib
import itertools
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import dqa

RESOURCES = ("LICENSE", "boards", "firmware", "templates")


SCRIPTED = {
    "dqa": tuple(dqa.__all__),
    "dqa.data": ("load",),
    "dqa.device.boards": ("load_board",),
    "dqa.device.build": ("elf_path",),
    "dqa.device.client": ("Device",),
    "dqa.device.protocol": ("Command", "Frame", "Receiver"),
    "dqa.device.simulate": ("Simulator",),
    "dqa.engine.host": ("HostModel",),
    "dqa.errors": ("DqaError",),
    "dqa.evaluation": ("model_inputs",),
    "dqa.report": ("load_interface",),
}
"""What scripts beside the commands import: it stays where it is."""


@pytest.mark.parametrize("module", SCRIPTED)
def test_what_scripts_import_stays_where_it_was(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in SCRIPTED[module] if not hasattr(found, name)] == []


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="builds the wheel without the network: pip install '.[test]'")
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=root, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked as pip does, into a directory of its own."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", target, wheel], check=True, capture_output=True)
    return target


def tracked(root: Path, *directories: str) -> set[str]:
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "--", *directories], cwd=root, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_wheel_holds_the_package_and_its_resources_and_nothing_else(wheel: Path, root: Path) -> None:
    expected = {name.removeprefix("converter/") for name in tracked(root, "converter")}
    expected |= {f"dqa/_data/{name}" for name in tracked(root, *RESOURCES)}
    with zipfile.ZipFile(wheel) as archive:
        present = {name for name in archive.namelist() if ".dist-info/" not in name}
    missing = {name for name in expected - present if (root / "converter" / name).exists() or "_data" in name}
    assert not missing
    assert not [name for name in present if "__pycache__" in name or ".pio" in name or name.endswith((".o", ".elf", ".so"))]
    assert any(name.startswith("dqa/_data/boards/") for name in present)


def test_the_source_distribution_holds_all_that_is_tracked_and_builds_the_same_wheel(root: Path, wheel: Path, tmp_path: Path) -> None:
    expected = {name for name in tracked(root, ".") if (root / name).exists()}
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path], cwd=root, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        present = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert not expected - present
    (top,) = (tmp_path / "unpacked").iterdir()
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=top, check=True, capture_output=True)
    (again,) = tmp_path.glob("*.whl")
    assert content(again) == content(wheel)


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_commit_is_checked_by_what_lint_runs_and_nothing_from_elsewhere(root: Path) -> None:
    (repository,) = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (root / "Makefile").read_text(), re.MULTILINE)
    assert lint is not None
    commands = {match.rstrip() for match in re.findall(r"\$\(BIN\)(/[a-z-]+(?: [a-z]+)*)", lint[1])}
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert {re.sub(r" --.*", "", hook["entry"]) for hook in repository["hooks"]} == {f".venv/bin{command}" for command in commands}


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == dqa.__version__


def run(installed: Path, away: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-P", *arguments], cwd=away, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_package_finds_its_own_files(installed: Path, tmp_path: Path, root: Path) -> None:
    code = f"import dqa; from dqa.support import resources; print(dqa.__file__, *map(resources.path, {RESOURCES}))"
    for path in run(installed, tmp_path, "-c", code).split():
        assert Path(path).is_relative_to(installed)
    listing = run(installed, tmp_path, "-m", "dqa", "boards")
    for board in (root / "boards").glob("*.json"):
        assert board.stem in listing


def test_the_installed_commands_are_the_ones_of_the_project(installed: Path, tmp_path: Path, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert set(project["scripts"]) == {"dqa", "dqa-convert"}
    for name in project["scripts"]:
        script = installed / "bin" / name
        assert "--help" in run(installed, tmp_path, str(script), "--help")


def test_every_dependency_is_pinned_in_the_constraints(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    pins = {line.split("==")[0].lower().replace("_", "-") for line in (root / "constraints.txt").read_text().splitlines() if "==" in line}
    names = {requirement.split(">")[0].split("=")[0].strip().lower().replace("_", "-") for requirement in requirements}
    assert names <= pins
