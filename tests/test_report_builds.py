"""What a build adds to the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dqa.device import bare
from dqa.device.build import build
from dqa.report import record_build
from firmware import needs_compiler


@needs_compiler
def test_a_build_puts_its_sizes_and_its_stack_into_the_report(example_out: Path, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(example_out, out, ignore=shutil.ignore_patterns(".pio"))
    built = build(out, "mps2_an386")
    report = json.loads((out / "report.json").read_text())

    (recorded,) = [b for b in report["builds"] if b["board"] == "mps2_an386"]
    assert (recorded["board"], recorded["runtime"], recorded["pushed"]) == ("mps2_an386", "standalone", False)
    assert recorded["ram"] == {"static": built.ram_static, "model": built.ram_model, "stack_bound": built.stack}
    counters = 4 * len(report["edges"])  # of dropped rows
    assert 0 < recorded["ram"]["model"] - report["ram"]["arena"] <= counters + 32
    assert bare.build(out, "mps2_an386").stack == recorded["ram"]["stack_bound"]
    assert f"{built.stack:,} B" in (out / "report.html").read_text()


def test_a_second_build_for_a_board_takes_the_place_of_the_first(example_out: Path, tmp_path: Path):
    path = tmp_path / "report.json"
    path.write_text((example_out / "report.json").read_text())
    sizes = {"flash": {"code": 1, "model": 2}, "ram": {"static": 3, "model": 4}}
    for board, pushed, code in (("b", False, 1), ("a", False, 2), ("b", True, 3), ("b", False, 4)):
        record_build(tmp_path, {"board": board, "runtime": "standalone", "pushed": pushed, **sizes, "flash": {"code": code, "model": 2}})

    found = [(b["board"], b["pushed"], b["flash"]["code"]) for b in json.loads(path.read_text())["builds"] if b["board"] in "ab"]
    assert found == [("a", False, 2), ("b", False, 4), ("b", True, 3)]


def test_without_a_report_a_build_leaves_nothing(tmp_path: Path):
    record_build(tmp_path, {"board": "b", "runtime": "standalone", "pushed": False})

    assert list(tmp_path.iterdir()) == []
