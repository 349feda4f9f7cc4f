"""Builds with PlatformIO, without its registry, and what they say when they fail."""

from __future__ import annotations

import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from dqa import manifest
from dqa.device import bare, boards, build, flash, registry, tflm_tree
from dqa.errors import BoardError, InputError, RecipeError, ToolError
from faults import contents, killed
from firmware import needs_compiler, write_out
from programs import random_program


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


@needs_compiler
@pytest.mark.usefixtures("offline")
def test_platformio_builds_a_simulated_board_without_the_registry(out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = build.build(out, "mps2_an386")
    reference = bare.build(out, "mps2_an386")
    assert found.elf == build.elf_path(out, "mps2_an386") and found.elf.is_file()
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

    def publish(text: str) -> build.BuildResult:
        (work / text).mkdir(parents=True, exist_ok=True)
        for name in ("firmware.elf", "firmware.map"):
            (work / text / name).write_text(text)
        made = build.BuildResult(work / text / "firmware.elf", len(text), 2, 3, 4, 5, work / text / "firmware.map")
        return build._publish(out, board, "standalone", False, made)

    first = publish("old")
    assert build.found(out, board.name) == first
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
    assert contents(out / "build") == after and build.found(out, board.name) is not None
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
    error = build.overflow(log, boards.load_board("nucleo_f446re"))
    assert error is not None and message in error.message and "131072 bytes of RAM" in error.hint


def test_other_linker_errors_are_no_overflow() -> None:
    assert build.overflow("undefined reference to `x'", boards.load_board("nucleo_f446re")) is None


def test_a_missing_compiler_is_named_with_a_remedy(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for builder in (build.build, bare.build):
        with pytest.raises(ToolError, match="arm-none-eabi-gcc is not installed") as caught:
            builder(out, "mps2_an386")
        assert "apt-get install gcc-arm-none-eabi" in caught.value.hint


def test_an_unknown_runtime_or_board_is_refused(out: Path) -> None:
    with pytest.raises(RecipeError, match="unknown runtime 'tf'"):
        build.build(out, "mps2_an386", "tf")
    with pytest.raises(BoardError, match="unknown board"):
        build.build(out, "arduino")


def test_a_simulated_board_is_not_flashed(out: Path) -> None:
    with pytest.raises(BoardError, match="nothing to flash"):
        flash.flash(out, "mps2_an386")


@pytest.mark.usefixtures("offline")
def test_a_real_board_is_refused_before_the_build_where_the_registry_does_not_answer(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    with pytest.raises(ToolError, match="could not download what board nucleo_f446re needs") as caught:
        build.build(out, "nucleo_f446re")
    assert "connect to the internet" in caught.value.hint
    assert not (out / "firmware" / ".pio" / "nucleo_f446re.log").exists()


def test_a_registry_that_answers_with_an_error_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # answers 501 to any GET
        monkeypatch.setattr(registry, "URL", f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.handle_request, daemon=True).start()
        registry.check("nucleo_f446re", "platformio/ststm32@^19.6.0")


def test_a_tflm_tree_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DQA_TFLM_DIR", raising=False)
    with pytest.raises(InputError, match="needs a TensorFlow Lite Micro tree"):
        tflm_tree.find(boards.load_board("mps2_an386"), None)
    with pytest.raises(InputError, match="is missing"):
        tflm_tree.find(boards.load_board("mps2_an386"), Path("/nonexistent"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The outline of a TFLM tree, its library to be filled in."""
    for name in ("tensorflow/lite/micro/micro_interpreter.h", tflm_tree._FLATBUFFERS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def archive(directory: Path, member: bytes) -> Path:
    """A library of one member."""
    header = (
        b"a.o/".ljust(16) + b"0".ljust(12) + b"0".ljust(6) + b"0".ljust(6) + b"644".ljust(8) + str(len(member)).encode().ljust(10) + b"`\n"
    )
    directory.mkdir(parents=True)
    (directory / "libtensorflow-microlite.a").write_bytes(b"!<arch>\n" + header + member + b"\n" * (len(member) % 2))
    return directory / "libtensorflow-microlite.a"


@needs_compiler
def test_the_tflm_library_of_the_boards_core_is_chosen(tree: Path, out: Path) -> None:
    m4 = archive(tree / "gen" / "m4" / "lib", bare.build(out, "mps2_an386").elf.read_bytes())
    board = boards.load_board("mps3_an547")
    with pytest.raises(InputError, match=r"no libtensorflow-microlite.a for cortex-m55 .*found m4: Armv7E-M, hard float"):
        tflm_tree.find(board, tree)
    m55 = archive(tree / "gen" / "m55" / "lib", bare.build(out, "mps3_an547").elf.read_bytes())
    assert tflm_tree.find(board, tree).library == m55
    assert tflm_tree.find(boards.load_board("mps2_an500"), tree).library == m4


@pytest.mark.parametrize("content", [b"", b"no archive", b"!<arch>\n", b"!<arch>\n" + b"x" * 80])
def test_a_tflm_library_that_is_none_is_refused(tree: Path, content: bytes) -> None:
    directory = tree / "gen" / "x" / "lib"
    archive(directory, b"\x7fELF").write_bytes(content)
    with pytest.raises(InputError, match="not a library of Arm objects"):
        tflm_tree.find(boards.load_board("mps2_an386"), tree)


def test_a_tflm_tree_that_was_not_made_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match="holds no gen") as caught:
        tflm_tree.find(boards.load_board("mps2_an386"), tree)
    assert "make -f tensorflow/lite/micro/tools/make/Makefile" in caught.value.hint
