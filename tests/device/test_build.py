"""Builds with PlatformIO, without its registry, and what they say when they fail."""

from __future__ import annotations

import shutil
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from builders.faults import contents, killed
from builders.firmware import needs_compiler, write_out
from builders.programs import random_program
from dqa.device import bare, boards, build, built, flash, registry, toolchain
from dqa.errors import BoardError, RecipeError, ToolError
from dqa.support import manifest


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build") / "out"
    write_out(directory, random_program(3))
    return directory


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection PlatformIO might try fails at once."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("offline")
def test_platformio_builds_a_simulated_board_without_the_registry(out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = build.build(out, "mps2_an386")
    reference = bare.build(out, "mps2_an386")
    assert found.elf == built.elf_path(out, "mps2_an386") and found.elf.is_file()
    assert found.map_file.is_file() and "dqa_load" in found.map_file.read_text()
    # the same sources and flags: what differs is the order of linking
    assert found.flash_model == reference.flash_model and abs(found.ram_static - reference.ram_static) <= 16
    assert abs(found.flash_code - reference.flash_code) <= 64
    assert capfd.readouterr().out == ""
    assert not list((out / "firmware" / ".pio" / "core" / "packages").glob("toolchain*"))
    # a project that was moved builds as well
    moved = out.parent / "moved"
    shutil.copytree(out, moved)
    assert build.build(moved, "mps2_an386", quiet=False).flash_code == found.flash_code
    shown = capfd.readouterr()
    assert "SUCCESS" in shown.err and shown.out == ""


def test_a_build_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed while what was built is put in its place, the earlier build is there, or the new one."""
    out, work = tmp_path / "out", tmp_path / "work"
    write_out(out, random_program(3))
    board = boards.load_board("mps2_an386")

    def publish(text: str) -> built.BuildResult:
        (work / text).mkdir(parents=True, exist_ok=True)
        for name in ("firmware.elf", "firmware.map"):
            (work / text / name).write_text(text)
        made = built.BuildResult(work / text / "firmware.elf", len(text), 2, 3, 4, 5, work / text / "firmware.map")
        return built.publish(out, board.name, "standalone", False, made)

    first = publish("old")
    assert built.found(out, board.name) == first
    publish("new")
    after = contents(out / "build")
    publish("old")
    before = contents(out / "build")
    place = first.elf.parent
    seen = []
    for moment in range(1, 200):
        code = killed(lambda: publish("new"), moment)
        seen.append(contents(place) == within(after, place, out))
        assert seen[-1] or contents(place) == within(before, place, out), moment
        if code == 0:
            break
    assert True in seen and False in seen
    assert contents(out / "build") == after and built.found(out, board.name) is not None
    assert manifest.users(place) == []


def within(whole: dict[str, str], place: Path, out: Path) -> dict[str, str]:
    prefix = f"{place.relative_to(out / 'build')}/"
    return {name.removeprefix(prefix): text for name, text in whole.items() if name.startswith(prefix)}


@needs_compiler
@pytest.mark.usefixtures("offline")
def test_a_source_that_does_not_compile_is_quoted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_out(out, random_program(3))
    source = out / "src" / "model.c"
    source.write_text(source.read_text() + "\nnonsense here;\n")
    with pytest.raises(ToolError, match=r"model\.c:\d+:\d+: error: .*nonsense") as caught:
        build.build(out, "mps2_an386")
    log = Path(caught.value.hint.removeprefix("whole log: "))
    assert "nonsense" in log.read_text()


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("ld: region `RAM' overflowed by 1234 bytes", "needs 1234 bytes of RAM more"),
        (
            "ld: region `FLASH' overflowed by 1 byte\nld: region `RAM' overflowed by 20 bytes",
            "needs 1 bytes of flash more and 20 bytes of RAM more",
        ),
    ],
)
def test_a_linker_that_runs_out_of_memory_is_understood(log: str, message: str) -> None:
    error = toolchain.overflow(log, boards.load_board("nucleo_f446re"))
    assert error is not None and message in error.message and "131072 bytes of RAM" in error.hint


def test_other_linker_errors_are_no_overflow() -> None:
    assert toolchain.overflow("undefined reference to `x'", boards.load_board("nucleo_f446re")) is None


def test_a_missing_compiler_is_named_with_a_remedy(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for builder in (build.build, bare.build):
        with pytest.raises(ToolError, match="arm-none-eabi-gcc is not installed") as caught:
            builder(out, "mps2_an386")
        assert "apt-get install gcc-arm-none-eabi" in caught.value.hint


def test_an_unknown_runtime_or_board_is_refused(out: Path) -> None:
    with pytest.raises(RecipeError, match="runtime: expected standalone or tflm, got 'tf'"):
        build.build(out, "mps2_an386", "tf")
    with pytest.raises(BoardError, match="unknown board"):
        build.build(out, "arduino")


def test_a_simulated_board_is_not_flashed(out: Path) -> None:
    with pytest.raises(BoardError, match="nothing to flash"):
        flash.flash(out, "mps2_an386")


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("offline")
def test_a_real_board_is_built_bare_where_the_registry_does_not_answer_and_it_is_said(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    found = build.build(out, "nucleo_f446re")
    assert found.builder == "bare" and [image.suffix for image in found.images()] == [".bin", ".hex"]
    assert found.elf == built.elf_path(out, "nucleo_f446re") and built.found(out, "nucleo_f446re") == replace(found, notes=())
    assert any("its registry cannot be reached" in note for note in found.notes)
    asked = build.build(out, "nucleo_f446re", bare=True)
    assert asked.figures() == found.figures() and not any("registry" in note for note in asked.notes)
    with pytest.raises(ToolError, match="could not download what board nucleo_f446re needs") as caught:
        flash.flash(out, "nucleo_f446re")
    assert "build with --bare" in caught.value.hint


@needs_compiler
def test_a_board_no_official_platform_knows_is_built_bare(out: Path) -> None:
    found = build.build(out, "pico2")
    assert found.builder == "bare" and any("official platforms do not know pico2" in note for note in found.notes)
    with pytest.raises(BoardError, match="no official platform of PlatformIO knows board pico2"):
        flash.flash(out, "pico2")


def test_a_registry_that_answers_with_an_error_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # answers 501 to any GET
        monkeypatch.setattr(registry, "URL", f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.handle_request, daemon=True).start()
        assert registry.within_reach("platformio/ststm32@^19.6.0")
