"""Finding a TensorFlow Lite Micro tree and the library in it that runs on a board."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from builders.firmware import needs_compiler
from dqa.device import boards, tflm_tree, toolchain
from dqa.errors import InputError


def test_a_tflm_tree_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DQA_TFLM_DIR", raising=False)
    with pytest.raises(InputError, match="needs a TensorFlow Lite Micro tree"):
        tflm_tree.find(boards.load_board("mps2_an386"), None)
    with pytest.raises(InputError, match="is missing"):
        tflm_tree.find(boards.load_board("mps2_an386"), Path("/nonexistent"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The outline of a TFLM tree, its library to be filled in."""
    for name in (tflm_tree._HEADER, tflm_tree._RESOLVER, tflm_tree._FLATBUFFERS):
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


def library(tree: Path, name: str, *flags: str) -> Path:
    """A library of two objects compiled with the flags."""
    found = tree / "gen" / name / "lib" / "libtensorflow-microlite.a"
    found.parent.mkdir(parents=True)
    members = []
    for number in range(2):
        members.append(found.with_name(f"{number}.o"))
        command: list[str | Path] = ["arm-none-eabi-gcc", *flags, "-mthumb", "-x", "c", "-c", "-", "-o", members[-1]]
        subprocess.run(command, input=b"float f(float x) { return x * 2; }", check=True)
    subprocess.run(["arm-none-eabi-gcc-ar", "rc", found, *members], check=True)
    return found


# As TFLM's make compiles for its target architectures
TFLM_FLAGS = {
    "cortex-m0": ["-mcpu=cortex-m0", "-mfloat-abi=soft"],
    "cortex-m3": ["-mcpu=cortex-m3", "-mfloat-abi=soft"],
    "cortex-m4": ["-mcpu=cortex-m4+nofp", "-mfloat-abi=soft"],
    "cortex-m4+fp": ["-mcpu=cortex-m4", "-mfpu=auto", "-mfloat-abi=hard"],
    "cortex-m4+sfp": ["-mcpu=cortex-m4", "-mfpu=auto", "-mfloat-abi=softfp"],
    "cortex-m7+fp": ["-mcpu=cortex-m7", "-mfpu=auto", "-mfloat-abi=hard"],
    "cortex-m33": ["-mcpu=cortex-m33", "-mfpu=auto", "-mfloat-abi=hard"],
    "cortex-m33+nodsp": ["-mcpu=cortex-m33+nodsp+nofp", "-mfloat-abi=soft"],
    "cortex-m55": ["-mcpu=cortex-m55", "-mfpu=auto", "-mfloat-abi=hard"],
}
RUNS_ON = {
    "microbit": {"cortex-m0"},
    "mps2_an385": {"cortex-m3"},
    "mps2_an386": {"cortex-m4+fp"},
    "nucleo_f446re": {"cortex-m4+fp"},
    "nucleo_f746zg": {"cortex-m4+fp"},  # its FPU computes no doubles
    "nucleo_h743zi": {"cortex-m4+fp", "cortex-m7+fp"},
    "mps2_an500": {"cortex-m4+fp", "cortex-m7+fp"},
    "nucleo_u575zi_q": {"cortex-m33"},
    "mps2_an505": {"cortex-m33"},
    "mps3_an547": {"cortex-m55"},
}


@needs_compiler
@pytest.mark.parametrize("name", RUNS_ON)
def test_a_library_is_taken_for_boards_it_runs_on_and_refused_for_all_others(name: str, tree: Path) -> None:
    board = boards.load_board(name)
    for target, flags in TFLM_FLAGS.items():
        found = library(tree, target, *flags)
        if target in RUNS_ON[name]:
            assert tflm_tree.find(board, tree).library == found
        else:
            with pytest.raises(InputError, match=f"no libtensorflow-microlite.a for {board.core} "):
                tflm_tree.find(board, tree)
        shutil.rmtree(tree / "gen")


@needs_compiler
def test_the_library_for_exactly_the_board_is_preferred(tree: Path) -> None:
    m4 = library(tree, "z_m4", *TFLM_FLAGS["cortex-m4+fp"])
    m7 = library(tree, "a_m7", *TFLM_FLAGS["cortex-m7+fp"])
    assert tflm_tree.find(boards.load_board("nucleo_h743zi"), tree).library == m7
    assert tflm_tree.find(boards.load_board("mps2_an386"), tree).library == m4
    m55 = boards.load_board("mps3_an547")
    with pytest.raises(
        InputError, match=r"Armv8.1-M.main, hard float, FPv5-DP, MVE.*found a_m7: Armv7E-M, hard float, FPv5-DP; z_m4: .*FPv4-SP"
    ):
        tflm_tree.find(m55, tree)


@needs_compiler
def test_one_object_for_a_larger_core_decides(tree: Path) -> None:
    m4 = library(tree, "m4", *TFLM_FLAGS["cortex-m4+fp"])
    m7 = library(tree, "m7", *TFLM_FLAGS["cortex-m7+fp"])
    subprocess.run(["arm-none-eabi-gcc-ar", "rc", m4, m7.with_name("1.o")], check=True)
    shutil.rmtree(m7.parent)
    with pytest.raises(InputError, match="for cortex-m4 "):
        tflm_tree.find(boards.load_board("mps2_an386"), tree)


@needs_compiler
@pytest.mark.parametrize(
    ("board", "target"),
    [
        ("mps2_an386", "cortex-m4+fp"),
        ("nucleo_h743zi", "cortex-m7+fp"),
        ("nucleo_f746zg", "cortex-m4+fp"),
        ("pico2", "cortex-m33"),
        ("mps3_an547", "cortex-m55"),
        ("microbit", "cortex-m0"),
    ],
)
def test_the_hint_makes_a_library_that_runs_on_the_board(board: str, target: str, tree: Path) -> None:
    with pytest.raises(InputError) as caught:
        tflm_tree.find(boards.load_board(board), tree)
    assert f"TARGET_ARCH={target} " in caught.value.hint
    assert "numpy" in caught.value.hint and "TARGET_TOOLCHAIN_ROOT=/usr/bin/" in caught.value.hint
    found = library(tree, target, *TFLM_FLAGS[target])
    assert tflm_tree.find(boards.load_board(board), tree).library == found


@needs_compiler
def test_what_the_compiler_makes_for_a_board_is_known() -> None:
    assert str(toolchain.architecture_of(boards.load_board("nucleo_f746zg"))) == "Armv7E-M, hard float, FPv5-SP"
    assert str(toolchain.architecture_of(boards.load_board("microbit"))) == "Armv6S-M, soft float, no FPU"


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
