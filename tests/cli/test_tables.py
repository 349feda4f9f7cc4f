"""What `convert` and `evaluate` tell at their end, and what CI takes from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from builders.cli import Shell
from tflite_builder import Net

LABELS = np.arange(48) % 3
NAMES = ["cat", "dog", "hen"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """m.tflite, a network of three classes; x.npz, where labels are its own answers but for the first two samples'."""
    folder = tmp_path_factory.mktemp("tables")
    net = Net(1, 6, 6, 3)
    x = net.conv(net.input, 8, 3, "SAME", "RELU", 2)
    data = net.build(net.dense(net.reshape(x, 1, 72), 3))
    (folder / "m.tflite").write_bytes(data)
    random = np.random.default_rng(0)
    colors = random.integers(0, 256, (48, 1, 1, 3)) // 2 + random.integers(0, 128, (48, 6, 6, 3))
    np.savez(folder / "x.npz", x=colors.astype(np.uint8))
    return folder


@pytest.fixture
def out(place: Path, dqa: Shell) -> Path:
    """The network, converted; with x.npz, labels and names."""
    if not (place / "out").exists():
        done = dqa("convert", place / "m.tflite", "--calibration", place / "x.npz", "--input-scale", "1/255", "-o", place / "out")
        assert done.code == 0, done.err
        (place / "said.txt").write_text(done.out)
        found = json.loads(dqa("evaluate", place / "out", "--data", labelled(place, LABELS), "--json").out)
        y = np.array(found["answers"])
        y[:2] = (y[:2] + 1) % 3
        labelled(place, y, class_names=NAMES)
    return place / "out"


def labelled(place: Path, y: np.ndarray, **more: Any) -> Path:
    np.savez(place / "test.npz", x=np.load(place / "x.npz")["x"], y=y, **more)
    return place / "test.npz"


def test_a_conversion_ends_with_what_the_model_takes(out: Path) -> None:
    said, report = (out.parent / "said.txt").read_text(), json.loads((out / "report.json").read_text())
    shown = {cells[1].strip(): cells[2].strip() for line in said.splitlines() if len(cells := line.split("│")) == 4}
    assert shown["RAM, input whole, bytes"] == f"{report['ram']['arena']:,}"
    assert shown["RAM, input rows pushed, bytes"] == f"{report['plan']['arena']['pushed']:,}"
    assert shown["flash, model, bytes"] == f"{(out / 'model.dqa').stat().st_size:,}"
    assert shown["MACs"] == f"{3 * 3 * 3 * 9 * 8 + 72 * 3:,}"
    assert shown["weights"] == f"{3 * 3 * 3 * 8 + 8 + 72 * 3 + 3:,}" == f"{report['weights']:,}"
    assert str(out / "report.html") in said and "int8" in said


def test_an_evaluation_shows_float_beside_classes_and_the_worst(out: Path, dqa: Shell) -> None:
    data = out.parent / "test.npz"
    done = dqa("evaluate", out, "--data", data, "--json", out.parent / "e.json")
    assert done.code == 0, done.err
    found = json.loads((out.parent / "e.json").read_text())
    y, answers = np.load(data)["y"], np.array(found["answers"])
    assert found["value"] == pytest.approx((y == answers).mean()) == pytest.approx(46 / 48)
    table = np.zeros((3, 3), int)
    np.add.at(table, (y, answers), 1)
    assert found["classes"]["names"] == NAMES and found["classes"]["confusion"] == table.tolist()
    shares = [row[i] / row.sum() if row.any() else None for i, row in enumerate(table)]
    assert found["classes"]["values"] == [pytest.approx(share) if share is not None else None for share in shares]
    assert sorted(one["sample"] for one in found["worst"]) == [0, 1]
    assert [one["by"] for one in found["worst"]] == sorted((one["by"] for one in found["worst"]), reverse=True)
    top = next(line for line in done.out.splitlines() if "top1" in line)
    assert f"{found['value']:.4f}" in top and f"{found['float_value']:.4f}" in top
    assert f"{found['value'] - found['float_value']:+.4f}" in top
    for what in (
        *(name for name, row in zip(NAMES, table, strict=True) if row.any()),
        "by class",
        "labels (rows) and answers",
        "answered worst",
    ):
        assert what in done.out
    kept = json.loads((out / "report.json").read_text())["evaluations"][0]
    assert kept["classes"] == found["classes"] and kept["worst"] == found["worst"] and "answers" not in kept


def test_names_given_as_an_option_hold_and_must_fit(out: Path, dqa: Shell) -> None:
    data = out.parent / "test.npz"
    done = dqa("evaluate", out, "--data", data, "--classes", "ant, bee,cow", "--json")
    assert json.loads(done.out)["classes"]["names"] == ["ant", "bee", "cow"]
    assert "2 names, the model tells 3" in dqa.refuses("evaluate", out, "--data", data, "--classes", "ant,bee", "-q").err


def test_quiet_prints_the_metric_alone(out: Path, dqa: Shell) -> None:
    done = dqa("evaluate", out, "--data", out.parent / "test.npz", "-q")
    assert float(done.out) == pytest.approx(46 / 48, abs=1e-6)


def test_what_ci_asks_for_is_checked_and_written_for_it(out: Path, dqa: Shell) -> None:
    data, xml = out.parent / "test.npz", out.parent / "junit.xml"
    done = dqa("evaluate", out, "--data", data, "--min-accuracy", "0.9", "--junit", xml, "-q")
    suite = ElementTree.fromstring(xml.read_text())[0]
    assert done.code == 0 and suite.get("failures") == "0" and len(suite.findall("testcase")) == 1
    done = dqa("evaluate", out, "--data", data, "--min-accuracy", "0.99", "--junit", xml)
    suite = ElementTree.fromstring(xml.read_text())[0]
    failure = suite.find("testcase/failure")
    assert done.code == 1 and "error: top1 is 0.9583, at least 0.99 is required" in done.err and "by class" in done.out
    assert suite.get("failures") == "1" and failure is not None and "0.9583" in str(failure.get("message"))
    assert {one.get("name") for one in suite.iter("property")} >= {"value", "float_value", "program_sha256"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--min-agreement", "0.9"], "--min-agreement: the host's answers are its own"),
        (["--min-accuracy", "0.9", "--metric", "mse"], "less is better"),
        (["--junit", "absent/j.xml"], "--junit absent/j.xml: there is no directory"),
        (["--min-accuracy", "90"], "--min-accuracy"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options: list[str], says: str, out: Path, dqa: Shell) -> None:
    assert says in dqa.refuses("evaluate", out, "--data", out.parent / "test.npz", *options).err


def test_results_do_not_overwrite_what_the_command_reads(out: Path, dqa: Shell) -> None:
    data = out.parent / "test.npz"
    assert "is read by this command" in dqa.refuses("evaluate", out, "--data", data, "--junit", data).err
