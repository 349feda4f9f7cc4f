"""Options from files, what is said beside results, and completion by the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builders.cli import Shell
from builders.studies import write_model
from dqa.cli.commands import cli
from dqa.cli.options import defaults

TOML = """
[convert]
calibration = "calibration.npz"
bits = 4
bias-correction = true
input-zero-point = "0.5"
[evaluate]
data = "test.npz"
limit = 3
"""
YAML = """
convert: {calibration: calibration.npz, bits: 4, bias_correction: true, input_zero_point: 0.5}
evaluate: {data: test.npz, limit: 3}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, samples=20)
    (tmp_path / "options.toml").write_text(TOML)
    (tmp_path / "options.yaml").write_text(YAML)
    return tmp_path


def config(out: Path) -> dict[str, object]:
    found = json.loads((out / "report.json").read_text())["config"]
    assert isinstance(found, dict)
    return found


def test_options_come_from_a_file_and_those_given_beside_it_hold(place: Path, dqa: Shell) -> None:
    for name in ("options.toml", "options.yaml"):
        done = dqa("convert", "tiny.tflite", "--config", name, "--bits", "3.5", "-o", name[-4:], "-q")
        assert done.code == 0, done.err
        assert config(place / name[-4:]).items() >= {"bits": 3.5, "bias_correction": True, "input_zero_point": 0.5}.items()
    found = json.loads(dqa("evaluate", "toml", "--config", "options.toml", "--json").out)
    assert found["samples"] == 3
    again = dqa("convert", "tiny.tflite", "--config", "toml/recipe.yaml", "--calibration", "calibration.npz", "-o", "again", "-q")
    assert again.code == 0, again.err  # a recipe's settings, without its decisions
    assert config(place / "again") == config(place / "toml")
    assert "not with --recipe" in dqa.refuses("convert", "tiny.tflite", "--config", "options.toml", "--recipe", "toml/recipe.yaml").err


def test_values_are_what_would_be_typed(tmp_path: Path) -> None:
    path = tmp_path / "o.yaml"
    path.write_text(
        "convert: {input-scale: {image: 1/255, vector: [1, 2]}, input_zero_point: [3, 4], ram: 16k, keep-dead: true, json: r.json}"
    )
    found = defaults(cli.commands["convert"], path, cli.commands)
    assert found == {
        "input_scale": ["image=1/255", "vector=1,2"],
        "input_zero_point": ["3,4"],
        "ram": "16k",
        "keep_dead": True,
        "json_path": "r.json",
    }
    assert defaults(cli.commands["evaluate"], path, cli.commands) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("convert: {bit: 4}", "unknown key 'bit'"),
        ("converts: {bits: 4}", "unknown key 'converts'"),
        ("convert: {layout: coded}", "layout is now called maps"),
        ("convert: {config: x.yaml}", "unknown key 'config'"),
        ("convert: {bits: many}", "'many' is not a valid float"),
        ("convert: {bits: yes}", "--bits: expected a value, got true"),
        ("convert: [bits]", "expected names and values"),
        ("convert: {", "not YAML"),
    ],
)
def test_what_a_file_holds_wrongly_is_named(text: str, says: str, place: Path, dqa: Shell) -> None:
    (place / "o.yaml").write_text(text)
    assert says in dqa.refuses("convert", "tiny.tflite", "--calibration", "calibration.npz", "--config", "o.yaml", "-o", "out").err
    (place / "o.toml").write_text("[convert")
    assert "not TOML" in dqa.refuses("convert", "tiny.tflite", "--config", "o.toml", "-o", "out").err


def test_a_level_says_more_or_less(place: Path, dqa: Shell, caplog: pytest.LogCaptureFixture) -> None:
    command = ["convert", "tiny.tflite", "--config", "options.toml", "-o", "out"]
    usual, little, _ = (dqa(*command, "--log-level", level).err for level in ("info", "warning", "debug"))
    assert "Reading the model" in usual and "Reading the model" not in little
    assert "dqa.frontend.probe" in caplog.text and "Reading the model: " in caplog.text
    assert "Traceback" in dqa("convert", "nowhere.h5", "--calibration", "calibration.npz", "-o", "x", "--log-level", "debug").err
    dqa.refuses("convert", "nowhere.h5", "--calibration", "calibration.npz", "-o", "x", "-q")


@pytest.mark.parametrize(
    ("words", "found"),
    [("dqa conv", "convert"), ("dqa convert --weight-b", "--weight-bits"), ("dqa build OUT --board mps2_an3", "mps2_an386")],
)
def test_the_shell_completes_commands_options_and_boards(words: str, found: str) -> None:
    asked = {"_DQA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "PATH": ""}
    code = "import sys; sys.argv = ['dqa']; from dqa.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True)
    assert f"plain,{found}" in done.stdout.split(), done.stderr
