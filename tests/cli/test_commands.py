"""The commands: help, exit codes, JSON, and how options become settings. The steps behind them have their own tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dqa as package
from builders.cli import Shell
from dqa import api
from dqa.cli.evaluated import rows
from dqa.conversion import recipe
from dqa.conversion.recipe import Recipe
from dqa.errors import ToolError
from dqa.support.settings import ConvertConfig

REPORT = {"ram": {"arena": 2048}, "flash": {"program": 4096}, "macs": 5000, "weights": 600, "stored_bits": 4.5}
COMMANDS = (
    "analyze",
    "convert",
    "evaluate",
    "build",
    "flash",
    "export",
    "sign",
    "verify",
    "simulate",
    "serve",
    "profile",
    "sparsify",
    "boards",
    "doctor",
)


def test_help_lists_every_command_and_every_command_has_help(dqa: Shell) -> None:
    overview = dqa("--help")
    assert overview.code == 0
    for name in COMMANDS:
        assert name in overview.out
        page = dqa(name, "--help")
        assert page.code == 0
        assert f"dqa {name}" in page.out


def test_without_a_command_there_is_the_overview(dqa: Shell) -> None:
    done = dqa()
    assert (done.code, done.err) == (0, "")
    assert "evaluate" in done.out


def test_version_is_the_package_s_and_those_of_what_it_works_with(dqa: Shell) -> None:
    done = dqa("--version")
    first, *others = done.out.splitlines()
    assert (done.code, first) == (0, f"dqa, version {package.__version__}")
    assert f"  NumPy: numpy {metadata.version('numpy')}" in others


@pytest.mark.parametrize(
    ("words", "expected"), [("dqa exp", "export"), ("dqa export --as zep", "zephyr"), ("dqa convert --weight-b", "--weight-bits")]
)
def test_shells_complete_commands_and_options(words: str, expected: str) -> None:
    environment = os.environ | {"_DQA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "from dqa.cli import main; import sys; sys.argv = ['dqa']; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"plain,{expected}"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    command = f'"{sys.executable}" -m dqa boards --json {closed}'
    assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False).returncode == 0
    command = f'"{sys.executable}" -m dqa evaluate absent --data absent {closed}'
    assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False).returncode == 2


def test_help_imports_nothing_heavy() -> None:
    code = "import dqa.cli, sys; print(*{name.split('.')[0] for name in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "tensorflow", "ai_edge_litert", "rich", "platformio", "jinja2"} & set(modules)


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of api.convert, which does nothing here: these tests look at the arguments."""
    calls: list[dict[str, Any]] = []

    def convert(model: Path, calibration: Path | None, out: Path, config: ConvertConfig | None, **others: Any) -> Any:
        calls.append({"model": model, "calibration": calibration, "out": out, "config": config, **others})
        return SimpleNamespace(out=out, report=REPORT, kept=(), measured=None, notes=())

    monkeypatch.setattr(api, "convert", convert)
    return calls


def test_options_become_the_settings(dqa: Shell, converted: list[dict[str, Any]]) -> None:
    options = "--calibration c.npz --maps planes --bits 3 --extra-bits 1 --important 0.25 --error-coding raw --input-scale 1/255,2,3 "
    options += "--input-zero-point -83 --calibration-samples 9 --ranking random --seed 5 --metric auc -o somewhere -q"
    assert dqa("convert", "m.h5", *options.split()).code == 0
    assert converted[0]["config"] == ConvertConfig(
        maps="planes",
        bits=3,
        extra_bits=1,
        important=0.25,
        error_coding="raw",
        input_scale=(1 / 255, 2.0, 3.0),
        input_zero_point=-83.0,
        calibration_samples=9,
        ranking="random",
        seed=5,
        metric="auc",
    )
    assert (converted[0]["calibration"], converted[0]["out"]) == (Path("c.npz"), Path("somewhere"))


@pytest.mark.parametrize("given", ["--layout planes", "--layout=coded", "--layout", "--bits 3 --layout planes --recipe r.yaml"])
def test_an_option_under_the_name_it_had_before_is_refused_with_the_new_one(
    dqa: Shell, converted: list[dict[str, Any]], given: str
) -> None:
    done = dqa.refuses("convert", "m.h5", *given.split())
    assert "--layout is now called --maps" in done.err and "hint: write --maps instead" in done.err
    assert "--layout" not in dqa("convert", "--help").out


def test_without_options_the_settings_are_the_defaults_and_out_is_named_after_the_model(
    dqa: Shell, converted: list[dict[str, Any]]
) -> None:
    dqa("convert", "dir/m.h5", "--calibration", "c.npz")
    assert converted[0]["config"] == ConvertConfig()
    assert converted[0]["out"] == Path("out/m")


def test_a_recipe_brings_its_own_settings_and_takes_no_other_beside_it(dqa: Shell, converted: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    recipe.save(Recipe(ConvertConfig(bits=3)), path)
    assert dqa("convert", "m.h5", "--recipe", path, "-o", "x").code == 0
    assert (converted[0]["config"], converted[0]["recipe"]) == (None, path)
    done = dqa.refuses("convert", "m.h5", "--recipe", path, "--bits", "4", "--seed", "1")
    assert "--bits, --seed" in done.err


def test_json_goes_to_standard_output_alone_or_to_a_file(dqa: Shell, converted: list[dict[str, Any]], tmp_path: Path) -> None:
    done = dqa("convert", "m.h5", "--json")
    assert json.loads(done.out) == REPORT
    done = dqa("convert", "m.h5", "--json", tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == REPORT
    assert "wrote out/m" in done.out
    calls = len(converted)
    assert "absent" in dqa.refuses("convert", "m.h5", "--quiet", "--json", tmp_path / "absent" / "r.json").err
    assert len(converted) == calls  # said before the work, not after it


def raising(error: BaseException) -> Callable[..., Any]:
    def convert(*_arguments: object, **_options: object) -> None:
        raise error

    return convert


def test_an_error_on_purpose_is_one_line_and_its_hint(dqa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "convert", raising(ToolError("gcc\nis \x1b[31mmissing", hint="get gcc")))
    assert dqa.refuses("convert", "m.h5", code=1).err == "error: gcc is \\x1b[31mmissing\nhint: get gcc\n"


def test_a_bug_is_one_line_that_asks_for_a_report_and_a_traceback_only_on_demand(dqa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "convert", raising(KeyError("x")))
    monkeypatch.delenv("DQA_DEBUG", raising=False)
    done = dqa.refuses("convert", "m.h5", code=1)
    assert "KeyError" in done.err and "report" in done.err and "Traceback" not in done.err
    monkeypatch.setenv("DQA_DEBUG", "1")
    assert "Traceback" in dqa("convert", "m.h5").err


def test_control_c_ends_quietly(dqa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "convert", raising(KeyboardInterrupt()))
    done = dqa("convert", "m.h5")
    assert (done.code, done.out, done.err.strip()) == (128 + signal.SIGINT, "", "interrupted")


def test_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "dqa", "doctor"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""


def test_doctor_names_every_tool_and_how_to_get_what_is_missing(dqa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = json.loads(dqa("doctor", "--json").out)
    names = [finding["name"] for finding in findings]
    assert {"C compiler", "arm-none-eabi-gcc", "QEMU for Arm", "PlatformIO", "SCons", "TensorFlow", "LiteRT", "Renode"} <= set(names)
    assert next(finding for finding in findings if finding["name"] == "LiteRT")["version"]
    monkeypatch.setenv("PATH", "/nowhere")
    done = dqa("doctor")
    assert done.code == 1
    assert "MISSING" in done.out
    for system in ("Linux", "Darwin", "Windows"):
        monkeypatch.setattr("platform.system", lambda system=system: system)
        for finding in json.loads(dqa("doctor", "--json").out):
            assert bool(finding["get"]) == (finding["version"] is None), finding


def test_the_table_of_an_evaluation_names_every_number() -> None:
    result = {"metric": "top1", "value": 0.5, "agreement": {"equal": 3, "of": 4}, "ram": {"static": 1024}, "answers": [1, 2]}
    assert list(rows(result)) == [
        ("metric", "top1"),
        ("value", "0.5000"),
        ("agreement", "3 of 4 equal"),
        ("ram static", "1,024"),
    ]
