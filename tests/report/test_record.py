"""What builds and evaluations add to the report, and what they leave as it is."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.cli import Shell
from builders.firmware import needs_compiler
from dqa import evaluate
from dqa.device import bare
from dqa.device.build import build
from dqa.device.built import found
from dqa.errors import ProgramError
from dqa.report import identify, program_sha256, record
from dqa.support import manifest

SIZES = {"flash": {"code": 1, "model": 2}, "ram": {"static": 3, "model": 4}}


@pytest.fixture
def out(example_out: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example_out, tmp_path / "out", ignore=shutil.ignore_patterns(".pio")))


def report_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "report.json").read_text()))


def clear(out: Path) -> None:
    """Takes away what other tests evaluated."""
    report = {key: value for key, value in report_of(out).items() if key not in ("builds", "evaluations")}
    manifest.refresh(out, {"report.json": json.dumps(report).encode()}, "conversion", program_sha256(out))


@needs_compiler
def test_a_build_puts_its_sizes_and_its_stack_into_the_report(out: Path) -> None:
    built = build(out, "mps2_an386")
    report = report_of(out)

    (recorded,) = [b for b in report["builds"] if b["board"] == "mps2_an386"]
    assert (recorded["board"], recorded["runtime"], recorded["pushed"]) == ("mps2_an386", "standalone", False)
    assert recorded["program_sha256"] == built.program_sha256 == program_sha256(out) == report["program"]["sha256"]
    assert recorded["ram"] == {"static": built.ram_static, "model": built.ram_model, "stack_bound": built.stack}
    counters = 4 * len(report["edges"])  # of dropped rows
    assert 0 < recorded["ram"]["model"] - report["ram"]["arena"] <= counters + 32
    assert bare.build(out, "mps2_an386").stack == recorded["ram"]["stack_bound"]
    assert f"{built.stack:,} B" in (out / "report.html").read_text()
    assert manifest.users(out) == []
    assert found(out, "mps2_an386") == built and built.notes == ()
    assert found(out, "mps2_an386", pushed=True) is None
    (out / "model.dqa").write_bytes(b"another")
    assert found(out, "mps2_an386") is None


def test_a_second_build_for_a_board_takes_the_place_of_the_first(out: Path) -> None:
    clear(out)
    program = program_sha256(out)
    for board, pushed, code in (("b", False, 1), ("a", False, 2), ("b", True, 3), ("b", False, 4)):
        entry = {"board": board, "runtime": "standalone", "pushed": pushed, **SIZES, "flash": {"code": code, "model": 2}}
        assert record(out, "builds", {**entry, "program_sha256": program}) == ""

    assert [(b["board"], b["pushed"], b["flash"]["code"]) for b in report_of(out)["builds"]] == [
        ("a", False, 2),
        ("b", False, 4),
        ("b", True, 3),
    ]
    assert manifest.users(out) == []


def test_without_a_report_a_build_leaves_nothing(tmp_path: Path) -> None:
    assert record(tmp_path, "builds", {"board": "b", "runtime": "standalone", "pushed": False, "program_sha256": None}) == ""

    assert list(tmp_path.iterdir()) == []


def test_figures_of_another_program_are_not_recorded(out: Path) -> None:
    before = (out / "report.json").read_bytes(), (out / "report.html").read_bytes()
    why = record(out, "builds", {"board": "b", "runtime": "standalone", "pushed": False, "program_sha256": "0" * 64, **SIZES})
    assert "another program" in why
    assert ((out / "report.json").read_bytes(), (out / "report.html").read_bytes()) == before


def test_an_evaluation_says_what_was_evaluated_and_is_in_the_report(out: Path, noise_npz: Path, example_h5: Path) -> None:
    clear(out)
    first = evaluate(out, noise_npz, limit=8)
    assert first.notes == ()
    hashes = first.to_json()
    assert hashes["program_sha256"] == manifest.sha256(out / "model.dqa")
    assert hashes["model_sha256"] == manifest.sha256(example_h5)
    assert hashes["data_sha256"] == manifest.sha256(noise_npz)
    assert hashes["dqa"] == report_of(out)["dqa"]
    evaluate(out, noise_npz, limit=8)
    evaluate(out, noise_npz, limit=5)
    found = report_of(out)["evaluations"]
    assert sorted(entry["samples"] for entry in found) == [5, 8]
    same = ("dqa", "program_sha256", "model_sha256", "data_sha256", "target", "metric")
    assert all({key: entry[key] for key in same} == {key: hashes[key] for key in same} for entry in found)
    assert all("answers" not in entry and entry["data"] == noise_npz.name for entry in found)
    assert 'id="evaluations"' in (out / "report.html").read_text()
    assert manifest.users(out) == []


def test_a_report_that_someone_changed_is_left_alone_and_named(out: Path, noise_npz: Path, dqa: Shell) -> None:
    (out / "report.html").write_text("mine")
    done = dqa("evaluate", out, "--data", noise_npz, "--limit", "4", "--quiet")
    assert done.code == 0 and 0 <= float(done.out) <= 1
    assert done.err.startswith("note: the report was left as it is: report.html ")
    assert (out / "report.html").read_text() == "mine"


def test_the_report_of_another_program_is_refused(out: Path, noise_npz: Path, dqa: Shell) -> None:
    report = report_of(out)
    report["program"]["sha256"] = "0" * 64
    (out / "report.json").write_text(json.dumps(report))
    with pytest.raises(ProgramError, match="report of another program"):
        identify(out)
    assert "dqa convert again" in dqa.refuses("evaluate", out, "--data", noise_npz, "--quiet").err


def test_evaluations_at_the_same_time_are_all_recorded(out: Path) -> None:
    clear(out)
    program = program_sha256(out)
    entries = [{"target": f"sim:{number}", "metric": "top1", "value": 0.5, "samples": 1, "program_sha256": program} for number in range(8)]
    threads = [threading.Thread(target=record, args=(out, "evaluations", entry)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry["target"] for entry in report_of(out)["evaluations"]] == [entry["target"] for entry in entries]


def test_what_json_holds_goes_to_the_named_file_whole(out: Path, noise_npz: Path, tmp_path: Path, dqa: Shell) -> None:
    place = tmp_path / "result.json"
    place.write_text("old")
    np.savez(tmp_path / "broken.npz", x=np.zeros((4, 3), np.uint8))
    dqa.refuses("evaluate", out, "--data", tmp_path / "broken.npz", "--quiet", "--json", place)
    assert place.read_text() == "old"
    assert dqa("evaluate", out, "--data", noise_npz, "--limit", "4", "--quiet", "--json", place).code == 0
    assert json.loads(place.read_text())["samples"] == 4
