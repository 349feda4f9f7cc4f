"""OUT: what a conversion may replace, what of the user's stays, and that it is whole at any moment."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.cli import Shell
from builders.faults import KILLED, REFUSED, contents, full, killed
from dqa import ConvertConfig, convert
from dqa.conversion import output
from dqa.errors import DqaError, InputError
from dqa.support import directories, manifest
from tflite_builder import Net

Write = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small.tflite and small.npz."""
    folder = tmp_path_factory.mktemp("inputs")
    net = Net(1, 8, 8, 3)
    x = net.reshape(net.conv(net.input, 4, 3, "SAME", "RELU", 2), 1, 64)
    (folder / "small.tflite").write_bytes(net.build(net.dense(x, 5)))
    random = np.random.default_rng(0)
    np.savez(folder / "small.npz", x=random.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8), y=random.integers(0, 5, 16))
    return folder


@pytest.fixture(scope="module")
def converted(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Write, Write]:
    """A converted model, and what writes the same and another conversion to any place, without converting again."""
    out = tmp_path_factory.mktemp("converted") / "out"
    calls: list[tuple[Any, ...]] = []

    def note(_out: Path, *arguments: Any) -> list[str]:
        calls.append(arguments)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "write", note)
        for bits in (3.0, 4.0):
            convert(inputs / "small.tflite", inputs / "small.npz", out, ConvertConfig(bits=bits, input_scale=1 / 255))
    first, second = calls
    output.write(out, *first)
    return out, lambda place: output.write(place, *first), lambda place: output.write(place, *second)


@pytest.fixture
def out(converted: tuple[Path, Write, Write], tmp_path: Path) -> Path:
    """A copy of the converted model."""
    return Path(shutil.copytree(converted[0], tmp_path / "place" / "out"))


@pytest.fixture
def write(converted: tuple[Path, Write, Write]) -> Write:
    """Writes another conversion."""
    return converted[2]


def file(place: Path) -> None:
    place.write_text("mine")


def in_a_file(place: Path) -> None:
    place.parent.rmdir()
    place.parent.write_text("mine")


def project(place: Path) -> None:
    for name in ("src/a.c", "firmware/b.c"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text("mine")


def hidden_file(place: Path) -> None:
    place.mkdir()
    (place / ".hidden").write_text("mine")


def empty_folder(place: Path) -> None:
    (place / "folder").mkdir(parents=True)


def dangling_link(place: Path) -> None:
    place.symlink_to("nowhere")


def link_elsewhere(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to("elsewhere")


def damaged_manifest(place: Path) -> None:
    place.mkdir()
    (place / manifest.NAME).write_text('{"kind": "conversion", "files": {"../escaped": "00"}}')


def manifest_of_a_study(place: Path) -> None:
    place.mkdir()
    manifest.create(place, "study")


FOREIGN = [file, in_a_file, project, hidden_file, empty_folder, dangling_link, link_elsewhere, damaged_manifest, manifest_of_a_study]


@pytest.mark.parametrize("made", FOREIGN, ids=lambda made: made.__name__)
def test_what_dqa_did_not_write_is_refused_before_the_work(made: Callable[[Path], None], tmp_path: Path, inputs: Path, dqa: Shell) -> None:
    place = tmp_path / "a" / "out"
    place.parent.mkdir()
    made(place)
    before = contents(tmp_path)
    done = dqa.refuses("convert", inputs / "missing.tflite", "-o", place)
    assert "/out" in done.err and "hint: " in done.err
    assert contents(tmp_path) == before


def test_the_current_directory_is_refused_unless_it_is_empty(
    tmp_path: Path, inputs: Path, write: Write, dqa: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path())
    assert (tmp_path / "model.tflite").is_file() and Path("model.tflite").is_file()
    (tmp_path / manifest.NAME).unlink()
    done = dqa.refuses("convert", inputs / "small.tflite", "--calibration", inputs / "small.npz", "-o", ".")
    assert "'.' is not empty" in done.err


@pytest.mark.parametrize("place", ["/", "/.", "o" * 300, "o" * 100 + "/" + "p" * 300])
def test_a_place_that_can_never_be_one_is_refused_before_the_work(place: str, inputs: Path, dqa: Shell, tmp_path: Path) -> None:
    done = dqa.refuses("convert", inputs / "missing.tflite", "-o", tmp_path / place)
    assert "missing.tflite" not in done.err and "hint: " in done.err
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is denied to root")
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, inputs: Path, dqa: Shell) -> None:
    tmp_path.chmod(0o555)
    done = dqa.refuses("convert", inputs / "missing.tflite", "-o", tmp_path / "deep" / "out")
    assert "cannot be written" in done.err


def test_the_manifest_lists_every_file(out: Path) -> None:
    assert manifest.users(out) == []
    top, firmware = manifest.load(out), manifest.load(out / "firmware")
    assert top is not None and firmware is not None
    names = {name for name, text in contents(out).items() if text != "/"}
    assert names == {*top.files, *(f"firmware/{name}" for name in firmware.files), manifest.NAME, f"firmware/{manifest.NAME}"}
    assert top.program == firmware.program == top.files["model.dqa"] == json.loads((out / "report.json").read_text())["program"]["sha256"]


def test_the_license_lies_beside_each_copy_of_the_library(out: Path, root: Path) -> None:
    text = (root / "LICENSE").read_text()
    for folder in ("firmware", "firmware/lib/dqa", "firmware/lib/dqa_tflm"):
        assert (out / folder / "LICENSE").read_text() == text
    sources = [*(out / "src").iterdir(), *(out / "firmware" / "model").iterdir()]
    assert len(sources) == 5
    for source in sources:
        assert source.read_text().splitlines()[:2] == ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Copyright 2026 The dqa authors */"]


def test_the_users_files_stay_and_are_named(out: Path, inputs: Path, dqa: Shell) -> None:
    mine = {"notes.txt": "mine", "src/own.c": "mine", "data/deep/x": "mine", "firmware/.vscode/settings.json": "mine"}
    for name, text in mine.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    (out / "firmware" / ".pio").mkdir()
    (out / "link").symlink_to("notes.txt")
    (out / "empty").mkdir()
    (out / "recipe.yaml").unlink()
    options = ("--calibration", inputs / "small.npz", "--input-scale", "1/255", "--bits", "7", "--quiet")
    done = dqa("convert", inputs / "small.tflite", *options, "-o", out)
    assert (done.code, done.out) == (0, "")
    after = contents(out)
    assert {name: after[name] for name in mine} == mine
    assert after["link"] == "-> notes.txt" and after["empty"] == "/"
    assert "firmware/.pio" not in after and "recipe.yaml" in after
    assert json.loads((out / "report.json").read_text())["config"]["bits"] == 7
    assert done.err.startswith("note: ")
    assert all(name in done.err for name in (*mine, "link", "empty") if name != "src/own.c") and "and 1 more" in done.err
    assert set(manifest.users(out)) == {*mine, "link", "empty"}


def edit(out: Path) -> str:
    (out / "firmware" / "src" / "main.c").write_text("mine")
    return "firmware/src/main.c"


def edit_recipe(out: Path) -> str:
    (out / "recipe.yaml").write_text("mine")
    return "recipe.yaml"


def put_a_folder(out: Path) -> str:
    (out / "model.tflite").unlink()
    (out / "model.tflite").mkdir()
    return "model.tflite"


def put_a_full_folder(out: Path) -> str:
    (out / "report.html").unlink()
    (out / "report.html").mkdir()
    (out / "report.html" / "page").write_text("mine")
    return "report.html"


def put_a_link(out: Path) -> str:
    shutil.move(out / "model.dqa", out.parent / "model.dqa")
    (out / "model.dqa").symlink_to("../model.dqa")
    return "model.dqa"


def put_a_linked_folder(out: Path) -> str:
    shutil.move(out / "src", out.parent / "src")
    (out / "src").symlink_to("../src")
    return "src"


@pytest.mark.parametrize("change", [edit, edit_recipe, put_a_folder, put_a_full_folder, put_a_link, put_a_linked_folder])
def test_what_someone_changed_is_named_and_never_lost(change: Callable[[Path], str], out: Path, write: Write) -> None:
    name = change(out)
    before = contents(out.parent)
    with pytest.raises(InputError, match=name):
        write(out)
    assert contents(out.parent) == before


def test_a_file_that_has_the_name_of_a_new_one_is_not_overwritten(out: Path, write: Write) -> None:
    """As if an earlier conversion had left no model.dqa, and the user had put one there."""
    there = manifest.load(out)
    assert there is not None
    manifest.Manifest(there.kind, None, {name: value for name, value in there.files.items() if name != "model.dqa"}, {}).save(out)
    before = contents(out.parent)
    with pytest.raises(InputError, match=r"model\.dqa"):
        write(out)
    assert contents(out.parent) == before


def test_what_an_earlier_conversion_left_is_gone(out: Path, write: Write) -> None:
    (out / "firmware" / "src" / "old.c").write_text("old")
    manifest.create(out / "firmware", "firmware")
    assert manifest.users(out) == []
    assert write(out) == []
    assert not (out / "firmware" / "src" / "old.c").exists()


@pytest.mark.slow
@pytest.mark.parametrize("exchanged", [True, False])
def test_killed_at_any_moment_out_is_whole(out: Path, write: Write, monkeypatch: pytest.MonkeyPatch, exchanged: bool) -> None:
    if not exchanged:
        monkeypatch.setattr(directories, "_exchange", lambda _one, _other: False)
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    new = out.parent / "new"
    write(new)
    after = {**contents(new), "notes.txt": "mine"}
    results = []
    for moment in [*range(1, 400, 17), *range(400, 2000, 40)]:
        place = Path(shutil.copytree(out, out.parent / f"{moment}" / "out"))
        code = killed(partial(write, place), moment)
        if exchanged:
            assert contents(place) in (before, after), moment
        manifest.settle(place)
        assert contents(place) in (before, after), moment
        assert list(place.parent.iterdir()) == [place]
        results.append(contents(place) == after)
        if code == 0:
            break
        assert code == KILLED
    assert results == sorted(results)
    assert results.count(False) > 3 and results[-1]


@pytest.mark.slow
def test_a_full_disk_at_any_moment_leaves_out_as_it_was(out: Path, write: Write) -> None:
    before = contents(out)
    for moment in [1, 2, 3, 5, *range(8, 2000, 11)]:
        code = full(lambda: write(out), moment)
        if code == 0:
            break
        assert code == REFUSED
        assert contents(out) == before, moment
        assert list(out.parent.iterdir()) == [out]
    assert moment > 50
    assert contents(out) != before


@pytest.mark.slow
def test_a_new_out_appears_whole_or_not_at_all(tmp_path: Path, write: Write) -> None:
    for moment in [1, 2, 3, 5, *range(8, 2000, 23)]:
        place = tmp_path / f"{moment}" / "deep" / "out"
        if killed(partial(write, place), moment) == 0:
            break
        assert not place.exists() or manifest.edited(place) == manifest.users(place) == []
        write(place)
        assert list(place.parent.iterdir()) == [place]
    assert moment > 50


def test_an_evaluation_is_not_written_over_a_file_of_out(out: Path, inputs: Path, dqa: Shell) -> None:
    before = contents(out)
    for name in ("report.json", manifest.NAME, "firmware/platformio.ini"):
        done = dqa.refuses("evaluate", out, "--data", inputs / "small.npz", "--quiet", "--json", out / name)
        assert "belongs to what dqa wrote" in done.err
    assert contents(out) == before


def test_a_result_is_not_written_over_what_the_command_reads(out: Path, inputs: Path, dqa: Shell, tmp_path: Path) -> None:
    model, data = (Path(shutil.copy(inputs / name, tmp_path)) for name in ("small.tflite", "small.npz"))
    (tmp_path / "link.json").symlink_to(data)
    os.link(model, tmp_path / "hard.json")
    before = contents(tmp_path)
    for json_path in (data, tmp_path / "link.json", tmp_path / "." / "small.npz", out / "model.dqa"):
        dqa.refuses("evaluate", out, "--data", data, "--quiet", "--json", json_path)
    for json_path in (data, model, tmp_path / "link.json", tmp_path / "hard.json"):
        done = dqa.refuses("convert", model, "--calibration", data, "-o", tmp_path / "new", "--quiet", "--json", json_path)
        assert "is read by this command" in done.err
    recipe = Path(shutil.copy(out / "recipe.yaml", tmp_path))
    dqa.refuses("convert", model, "--recipe", recipe, "-o", tmp_path / "new", "--quiet", "--json", recipe)
    recipe.unlink()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["absent/result.json", ".", ""])
def test_a_result_without_a_place_is_refused_before_the_work(name: str, inputs: Path, dqa: Shell, tmp_path: Path) -> None:
    done = dqa.refuses("convert", inputs / "missing.tflite", "-o", tmp_path / "out", "--json", f"{tmp_path}/{name}" if name else "")
    assert "--json" in done.err


def test_a_disk_without_room_for_temporary_files_is_no_bug(out: Path, inputs: Path, dqa: Shell) -> None:
    before = contents(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))  # what is said fits, the model does not
    try:
        done = dqa("convert", inputs / "small.tflite", "--calibration", inputs / "small.npz", "-o", out, "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.code == 1 and "cannot write" in done.err and "this is a bug" not in done.err
    assert contents(out) == before


def test_errors_of_the_disk_are_no_bugs(out: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", lambda _self, _other: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(DqaError, match="Input/output error") as caught:
        write(out)
    assert caught.value.exit_code == 1
