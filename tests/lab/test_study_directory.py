"""The directory of a study: what it may hold, what is written over, and what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("joblib")
pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")

from builders.cli import Shell
from builders.faults import contents
from builders.studies import write_model, write_study
from dqa.errors import InputError
from dqa.lab.study.store import KIND, RESULTS, open_directory
from dqa.support import manifest


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("study")
    write_model(directory, 20)
    return write_study(directory, "{method: direct, bits: 3, seeds: 0}")


def test_only_what_a_study_wrote_is_written_over(study: Path, tmp_path: Path, dqa: Shell) -> None:
    out = tmp_path / "out"
    command = ("study", study, "-o", out, "--jobs", "1", "--quiet")
    assert dqa(*command).code == 0
    assert all((out / name).is_file() for name in RESULTS)
    listed = manifest.load(out)
    assert listed is not None and listed.kind == KIND and set(RESULTS) < set(listed.files)
    (out / "plots" / "accuracy-mine.png").write_text("mine")
    (out / "notes.txt").write_text("mine")
    (out / "summary.csv").unlink()
    assert dqa(*command).code == 0
    assert (out / "plots" / "accuracy-mine.png").read_text() == (out / "notes.txt").read_text() == "mine"
    assert (out / "summary.csv").is_file()

    (out / "tables.md").write_text("mine")
    before = contents(out)
    assert "tables.md" in dqa.refuses(*command).err
    assert contents(out) == before

    # as an earlier dqa left it, without a manifest
    for name in ("tables.md", "plots/accuracy-mine.png", "notes.txt", manifest.NAME):
        (out / name).unlink()
    assert dqa(*command).code == 0
    assert (out / "tables.md").is_file() and manifest.edited(out) == []


def test_a_directory_of_something_else_is_refused(study: Path, tmp_path: Path, dqa: Shell) -> None:
    for name in ("results.csv", "jobs/mine", "other/x"):
        out = tmp_path / name.replace("/", "-")
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
        (out / "mine.txt").write_text("mine")
        before = contents(out)
        assert "not empty" in dqa.refuses("study", study, "-o", out, "--quiet").err
        assert contents(out) == before


def test_what_a_killed_study_left_is_taken_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{manifest.NAME}.dqa-writing").write_text("{")
    open_directory(out)
    (out / "jobs").mkdir()
    (out / "jobs" / ".a.json.dqa-writing").write_text("{")
    open_directory(out)
    assert set(contents(out)) == {"jobs", manifest.NAME}
    shutil.rmtree(out)
    out.write_text("")
    with pytest.raises(InputError, match="is a file"):
        open_directory(out)
