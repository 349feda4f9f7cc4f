"""`dqa export`: what it is given, where it writes, what it leaves alone."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from builders.cli import Shell
from builders.exports import converted
from dqa.export.files import files, title_of
from dqa.export.models import load, made_up
from dqa.support import manifest


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_it_says_what_it_wrote(tmp_path: Path, dqa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = converted(tmp_path, "wake")
    done = dqa("export", out, "--as", "arduino", "--json", "result.json")
    assert done.code == 0 and "wrote out/dqa_wake-arduino" in done.out
    said = json.loads(Path("result.json").read_text())
    (model,) = said["models"]
    place = Path(said["place"])
    assert {name for name in content(place) if name != manifest.NAME} == {*said["files"]}
    text = (place / "src" / "wake.h").read_text()
    assert f"WAKE_ARENA_SIZE {model['arena']}u" in text and f"WAKE_PROGRAM_SIZE {model['flash']}u" in text
    assert model["self_test_crc32"] in (place / "examples" / "SelfTest" / "SelfTest.ino").read_text()
    assert (place / "src" / "wake.c").read_bytes() == (out / "src" / "wake.c").read_bytes()
    assert dqa("export", out, "--as", "zip", "-q").out == "" and Path("out/dqa_wake-zip.zip").is_file()


def test_the_same_again_and_what_is_not_dqas_stays(tmp_path: Path, dqa: Shell) -> None:
    out, place, packed = converted(tmp_path, "wake"), tmp_path / "lib", tmp_path / "a" / "lib.zip"
    for target in (place, packed):
        assert dqa("export", out, "--as", "cmake", "-o", target, "-q").code == 0
    before = content(place), packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        inside = {name.removeprefix("dqa_wake/"): archive.read(name) for name in archive.namelist()}
    assert {name: data for name, data in inside.items() if name != manifest.NAME} == {
        name: data for name, data in before[0].items() if name != manifest.NAME
    }
    (place / "mine.txt").write_text("mine")
    for target in (place, packed):
        done = dqa("export", out, "--as", "cmake", "-o", target, "-q")
        assert done.code == 0, done.err
    assert content(place) == before[0] | {"mine.txt": b"mine"} and packed.read_bytes() == before[1]
    # of another model: files of the earlier one are gone
    assert dqa("export", converted(tmp_path, "tiny"), "--as", "cmake", "-o", place, "-q").code == 0
    assert {path.name for path in (place / "src").glob("*.c")} == {"tiny.c"} and (place / "mine.txt").is_file()


def test_what_dqa_did_not_write_is_not_replaced(tmp_path: Path, dqa: Shell) -> None:
    out = converted(tmp_path, "wake")

    def refused(place: Path, form: str = "cmake") -> str:
        before = content(tmp_path)
        text = dqa.refuses("export", out, "--as", form, "-o", place).err
        assert content(tmp_path) == before
        return text

    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.c").write_text("int main;")
    assert "was not written by this dqa" in refused(tmp_path / "project")
    assert "is not empty" in refused(out)
    (tmp_path / "notes.zip").write_text("not a zip")
    assert "was not written by dqa export" in refused(tmp_path / "notes.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("thesis.txt", "all of it")
    assert "was not written by dqa export" in refused(tmp_path / "mine.zip")
    assert "notes.zip" in refused(tmp_path / "notes.zip" / "x.zip")
    (tmp_path / "link.zip").symlink_to(tmp_path / "nowhere")
    assert "was not written by dqa export" in refused(tmp_path / "link.zip")
    packed, place = tmp_path / "lib.zip", tmp_path / "lib"
    for target in (packed, place):
        assert dqa("export", out, "--as", "cmake", "-o", target, "-q").code == 0
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("dqa_wake/mine.txt", "mine")
    assert "or was changed" in refused(packed)
    assert "holds something else of dqa: export, cmake" in refused(place, "arduino")
    (place / "README.md").write_text("mine")
    assert "were changed since dqa wrote them: README.md" in refused(place)


def test_what_is_no_model_is_refused(tmp_path: Path, dqa: Shell) -> None:
    def refused(*arguments: str | Path) -> str:
        return dqa.refuses("export", *arguments, "-o", tmp_path / "new").err

    out = converted(tmp_path, "wake")
    assert "holds no converted model" in refused(tmp_path / "absent", "--as", "cmake")
    assert "'scons' is not one of" in refused(out, "--as", "scons")
    assert "Missing option '--as'" in refused(out)
    assert "Missing argument" in dqa.refuses("export", "--as", "cmake").err
    (out / "src" / "other.h").write_text("")
    assert "holds 2 headers" in refused(out, "--as", "cmake")
    (out / "src" / "other.h").unlink()
    program = (out / "model.dqa").read_bytes()
    (out / "model.dqa").write_bytes(program[:-4])
    assert "error: " in refused(out, "--as", "cmake")
    (out / "model.dqa").write_bytes((converted(tmp_path, "tiny") / "model.dqa").read_bytes())
    assert "model.dqa is not the program in src" in refused(out, "--as", "cmake")
    (out / "model.dqa").unlink()
    assert "No such file" in refused(out, "--as", "cmake")
    (out / "model.dqa").write_bytes(program)
    (out / "src" / "wake.c").write_bytes(b"/* caf\xe9 */")
    assert "does not hold the C of a model" in refused(out, "--as", "cmake")
    (out / "src" / "wake.c").unlink()
    assert "model.c" in refused(out, "--as", "cmake")
    assert not (tmp_path / "new").exists()


def test_models_of_one_name_get_others(tmp_path: Path, dqa: Shell) -> None:
    one, other = converted(tmp_path / "a", "wake"), converted(tmp_path / "b", "wake")
    place = tmp_path / "new"
    assert "two models are named 'wake'" in dqa.refuses("export", one, other, "--as", "zip", "-o", place).err
    assert "1 names for 2 models" in dqa.refuses("export", one, other, "--as", "zip", "-o", place, "--name", "left").err
    assert "name 'Left'" in dqa.refuses("export", one, "--as", "zip", "-o", place, "--name", "Left").err
    assert dqa("export", one, other, "--as", "zip", "-o", place, "--name", "left", "--name", "right").code == 0
    assert {path.name for path in (place / "src").glob("*.c")} == {"dqa_arena.c", "left.c", "right.c"}
    assert "wake" not in (place / "src" / "left.h").read_text().lower()


def test_operators_that_no_model_uses_are_left_out(tmp_path: Path) -> None:
    models = load([converted(tmp_path, "tiny")])
    few, every = (files(models, "zip", everything) for everything in (False, True))
    assert {Path(name).stem for name in few if Path(name).name.startswith("op_")} == {f"op_{kind.name.lower()}" for kind in models[0].kinds}
    assert {"src/dqa/operators/op_conv_2d.c", "src/dqa/run/all_operators.c"} <= {*every} - {*few}


def test_a_long_title_is_cut(tmp_path: Path) -> None:
    (model,) = load([converted(tmp_path, "tiny")], ["a" * 24])
    assert title_of([model]) == "a" * 24
    assert title_of([model, model, model]) == "a" * 24 + "_and_2_more"


def test_made_up_input_is_that_of_the_templates() -> None:
    state, found = 1, []
    for _ in range(5):
        state = (state * 1664525 + 1013904223) % 2**32
        found.append(state >> 24)
    assert made_up(5).tolist() == found and re.search(
        r"state \* \{\{ multiplier", (Path(__file__).parents[2] / "templates/export/_self_test.j2").read_text()
    )
