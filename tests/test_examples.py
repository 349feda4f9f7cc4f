"""What README, documents and help show to be typed: commands are understood, files of settings are read, Python runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from builders.documents import ROOT, documents
from builders.firmware import needs_compiler, needs_qemu
from dqa.cli.commands import cli
from dqa.conversion import recipe
from dqa.lab.study import config as study

PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9.]*(\.\w+)?$|\.\.\.$")
PROGRAMS = ("dqa", "dqa-convert", "make", "pip", "pio", "pytest", "python")


def blocks(text: str, *languages: str) -> list[str]:
    """Fenced blocks of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def shown(text: str) -> Iterator[tuple[str, bool]]:
    """What a document shows to be typed, whether on a line of its own (in a block, or set in by four blanks) or in the running text."""
    fenced = "\n".join(blocks(text, "", "bash", "console", "sh", "shell"))
    rest = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4,}(\S.*)$", rest, re.MULTILINE)
    alone = re.sub(r"\\\n\s*", " ", fenced).splitlines() + indented
    for line, whole in [*((line, True) for line in alone), *((span, False) for span in re.findall(r"`([^`\n]+)`", rest))]:
        command = re.sub(r"^\$ |^([A-Z_]+=\S+ )+", "", line.strip()).removeprefix(".venv/bin/")
        if command.split(" ")[0] in PROGRAMS:
            yield command, whole


def in_help(command: click.Command) -> Iterator[str]:
    for line in (command.help or "").splitlines():
        if line.strip().startswith("dqa "):
            yield line.strip()
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        yield from in_help(below)


def all_shown() -> list[tuple[str, str, bool]]:
    found = [(str(path.relative_to(ROOT)), *command) for path in documents() for command in shown(path.read_text(encoding="utf-8"))]
    return sorted({*found, *(("--help", command, True) for command in in_help(cli))})


def understood(words: list[str], whole: bool = True) -> None:
    """Fails if the command line of dqa is not: unknown commands, options or values of options. Placeholders are anything.

    whole: nothing that is required may be left out, but for what a file of options may give.
    """
    whole = whole and "--config" not in words
    context, command, rest = click.Context(cli, info_name="dqa"), None, words
    if words and not words[0].startswith("-") and not PLACEHOLDER.match(words[0]):
        command = cli.get_command(context, words[0])
        assert command is not None, f"no command {words[0]}"
        context, rest = click.Context(command, parent=context), words[1:]
    elif words and PLACEHOLDER.match(words[0]):
        rest = words[1:]
    parser = (command or cli).make_parser(context)
    rest = [word for word in rest if word not in ("-h", "--help")]
    options = [word for word in rest if word.startswith("-")]
    if len(options) == len(rest):  # the running text names options without their values
        known = {name for parameter in (command or cli).params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {option.split("=")[0] for option in options} <= known | {"--version"}, f"unknown options in {words}"
        return
    values, _, _ = parser.parse_args(list(rest))
    assert command is not None
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if isinstance(parameter.type, click.Path | click.File) or value is None:
            assert value is not None or not parameter.required or not whole, f"{parameter.name} is missing in {words}"
        elif not any(PLACEHOLDER.match(str(one)) for one in (value if isinstance(value, list | tuple) else [value])):
            parameter.type_cast_value(context, value)


def targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def places(document: str, name: str) -> list[Path]:
    """Where a file that a document names lies: beside it, or from the top of the checkout."""
    return [path for path in ((ROOT / document).parent / name, ROOT / name) if path.exists()]


def check_options(script: Path, options: list[str]) -> None:
    """Fails for an option that neither the script knows nor what it shares with those beside it."""
    shared = script.parent / "common.py"
    text = script.read_text() + (shared.read_text() if shared.is_file() else "")
    known = [option for option in options if re.search(rf"\"{option.split('=')[0]}\"|\b{option[2:].split('=')[0]}=", text)]
    assert known == options


@pytest.mark.parametrize(("place", "command", "whole"), all_shown())
def test_a_command_that_is_shown_is_understood(place: str, command: str, whole: bool) -> None:
    program, *words = shlex.split(command, comments=True)
    if program.startswith("dqa"):
        understood(words if program == "dqa" else ["convert", *words], whole)
    elif program == "make":
        assert {word for word in words if "=" not in word} <= targets()
    elif program == "python" and words[0] == "-m":
        assert words[1] == "dqa" or importlib.util.find_spec(words[1]) is not None
    elif program in ("python", "pytest"):
        names = [word for word in words if not word.startswith("-") and (word.endswith(".py") or (program == "pytest" and "/" in word))]
        assert [name for name in names if not places(place, name)] == [], "no such file"
        if program == "python":
            check_options(places(place, words[0])[0], [word for word in words[1:] if word.startswith("--") and word != "--help"])


def test_there_are_commands_to_look_at() -> None:
    assert len(all_shown()) > 40
    for wrong in (
        ["converts"],
        ["convert", "--bit", "3", "m", "-o", "x"],
        ["build", "OUT", "--boards", "b"],
        ["evaluate", "x", "--limit", "few"],
    ):
        with pytest.raises((AssertionError, click.UsageError)):
            understood(wrong)


def settings() -> list[tuple[str, str]]:
    return [(path.name, block) for path in documents() for block in blocks(path.read_text(encoding="utf-8"), "yaml", "yml")]


@pytest.mark.parametrize(("place", "block"), settings(), ids=[place for place, _ in settings()])
def test_settings_that_are_shown_are_read(place: str, block: str, tmp_path: Path) -> None:
    if block.startswith("dqa_recipe"):
        assert recipe.parse(block).config
    else:
        for name in re.findall(r"\S+\.(?:h5|npz)", block):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert study.parse(block, tmp_path).models


def test_every_block_of_a_document_is_looked_at() -> None:
    """Text is output; C is in test_examples_c.py."""
    known = {"", "bash", "c", "console", "python", "sh", "shell", "text", "toml", "yaml", "yml"}
    found = {
        language for path in documents() for language in re.findall(r"^```(\w*)\n.*?^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    }
    assert found <= known


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    random = np.random.default_rng(0)
    shutil.copy(ROOT / "examples" / "fashion_mnist" / "model.h5", tmp_path / "model.h5")
    for name, count in (("calibration", 64), ("test", 8)):
        x = random.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", x=x, y=random.integers(0, 10, count))
    return tmp_path


@pytest.mark.slow
@needs_compiler
@needs_qemu
def test_python_that_is_shown_runs(workplace: Path) -> None:
    found = [block for path in documents() for block in blocks(path.read_text(encoding="utf-8"), "python")]
    assert found
    for block in found:
        done = subprocess.run([sys.executable, "-c", block], cwd=workplace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.slow
@needs_compiler
@needs_qemu
def test_the_notebook_runs(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    command = [sys.executable, str(ROOT / "examples" / "notebook.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "equal to this machine: (10, 10)" in done.stdout
    assert (tmp_path / "out" / "shapes" / "report.html").is_file()


@pytest.mark.slow
@needs_compiler
@needs_qemu
def test_the_five_commands_of_the_readme_run(workplace: Path) -> None:
    commands = [command for command, whole in shown((ROOT / "README.md").read_text()) if whole and command.startswith("dqa ")]
    assert [command.split()[1] for command in commands] == ["analyze", "convert", "evaluate", "build", "export"]
    for command in commands:
        words = shlex.split(command, comments=True)[1:]
        if words[0] == "build":  # without PlatformIO, which would download what the board needs
            words.append("--bare")
        done = subprocess.run([sys.executable, "-m", "dqa", *words], cwd=workplace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_the_readme_has_made_and_installed_is_of_this_project() -> None:
    commands = [shlex.split(command, comments=True) for command, _ in shown((ROOT / "README.md").read_text())]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {words[2] for words in commands if words[0] == "pip"} == {".[keras]", f"{project['name']}[keras]"}
    assert "keras" in project["optional-dependencies"]
    made = [words[1] for words in commands if words[0] == "make"]
    plan = subprocess.run(["make", "--dry-run", "--always-make", *made], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ran = [shlex.split(line)[1:] for line in plan.replace("\\\n", " ").splitlines() if line.startswith(".venv/bin/dqa ")]
    assert made and {words[0] for words in ran} == {"convert", "evaluate", "build"}
    for words in ran:
        understood(words)
