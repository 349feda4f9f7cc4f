"""Exports are built by the tools that they are for, and answer as the mirror does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders import semihosting
from builders.exports import answers, converted, programs
from builders.semihosting import needs_board
from dqa.export.export import export

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None or shutil.which("gcc") is None, reason="needs cmake and gcc")
SAYS = "wake: the host's answer\nface: the host's answer\n"

CONSUMER = r"""
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES CXX)
find_package(dqa_wake_face CONFIG REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE dqa::wake_face)
"""

# Two models in turn, one of them with its rows pushed.
MAIN = r"""
#include "face.h"
#include "wake.h"
#include <cstdio>
#include <cstring>

int main() {
  static uint8_t wake[WAKE_INPUT_SIZE], face[FACE_INPUT_SIZE];
  const int8_t *output = nullptr;
  if (fread(wake, 1, sizeof wake, stdin) != sizeof wake || fread(face, 1, sizeof face, stdin) != sizeof face) {
    return 1;
  }
  if (wake_load() != DQA_OK || face_load() != DQA_OK) {
    return 2;
  }
  memcpy(wake_input(), wake, sizeof wake);
  if (wake_run(&output) != DQA_OK) {
    return 3;
  }
  for (unsigned i = 0; i < WAKE_OUTPUT_COUNT; ++i) {
    fwrite(dqa_output(&wake_instance, wake_arena, i), 1, dqa_output_size(&wake_instance, i), stdout);
  }
  dqa_status status = face_begin();
  for (size_t at = 0; at < sizeof face && status == DQA_OK; at += FACE_INPUT_ROW_SIZE) {
    status = face_push_row(face + at);
  }
  if (status != DQA_OK || face_end(&output) != DQA_OK) {
    return 4;
  }
  for (unsigned i = 0; i < FACE_OUTPUT_COUNT; ++i) {
    fwrite(dqa_output(&face_instance, face_arena, i), 1, dqa_output_size(&face_instance, i), stdout);
  }
  return 0;
}
"""


def outs(folder: Path) -> list[Path]:
    return [converted(folder, "wake"), converted(folder, "face", push_rows=True)]


def cmake(source: Path, *options: str | Path) -> Path:
    """Configures and builds; returns the folder of the build."""
    build = source / "build"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in (["-S", source, "-B", build, *generator, *options], ["--build", build]):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr
    return build


@needs_cmake
def test_a_cmake_project_finds_the_package(tmp_path: Path) -> None:
    place = tmp_path / "package"
    export(outs(tmp_path), "cmake", place)
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    (consumer / "CMakeLists.txt").write_text(CONSUMER)
    (consumer / "main.cpp").write_text(MAIN)
    build = cmake(consumer, f"-DCMAKE_PREFIX_PATH={place}")
    pairs = [answers(name, 3) for name in ("wake", "face")]
    printed = subprocess.run([build / "consumer"], input=b"".join(given for given, _ in pairs), capture_output=True, check=True).stdout
    assert printed == b"".join(expected for _, expected in pairs)


@needs_cmake
@needs_board
def test_cmake_builds_for_a_board_and_the_models_share_one_arena(tmp_path: Path) -> None:
    place = tmp_path / "package"
    result = export(outs(tmp_path), "cmake", place)
    (tmp_path / "start.c").write_text(semihosting.START)
    start = tmp_path / "start.o"
    subprocess.run([semihosting.COMPILER, *semihosting.PROCESSOR, "-c", tmp_path / "start.c", "-o", start], check=True)
    build = cmake(
        place,
        "-DCMAKE_SYSTEM_NAME=Generic",
        "-DCMAKE_SYSTEM_PROCESSOR=arm",
        f"-DCMAKE_C_COMPILER={semihosting.COMPILER}",
        f"-DCMAKE_C_FLAGS={' '.join(semihosting.PROCESSOR)}",
        f"-DCMAKE_EXE_LINKER_FLAGS={start} {' '.join(semihosting.LINK)}",
        "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
    )
    (program,) = (path for path in (build / "example").iterdir() if path.stem == "self_test")
    done = subprocess.run(semihosting.command(program), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == SAYS
    symbols = subprocess.run(["arm-none-eabi-nm", "-S", program], capture_output=True, text=True, check=True).stdout
    arenas = [line.split() for line in symbols.splitlines() if line.endswith("_arena")]
    face = programs()["face"].pushed
    assert face is not None
    each = programs()["wake"].internal.arena_size, face.arena_size
    assert [(int(line[1], 16), line[3]) for line in arenas] == [(max(each), "dqa_shared_arena")]
    assert result.arena == max(each) < sum(each)


@needs_gcc
def test_the_command_in_the_readme_builds_plain_sources(tmp_path: Path) -> None:
    place = tmp_path / "plain"
    export([converted(tmp_path, "tiny")], "zip", place)
    (command,) = re.findall(r"^ {4}(gcc .*)$", (place / "README.md").read_text(), re.MULTILINE)
    done = subprocess.run(command.replace("gcc", "gcc -Wall -Wextra -Werror", 1), shell=True, cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "tiny: the host's answer\n"), done.stderr
