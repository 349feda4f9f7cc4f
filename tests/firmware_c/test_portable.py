"""The executor is portable C99 without a heap, a library beyond string.h, or data that is written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from builders.c_tools import WARNINGS
from dqa.engine.compile import executor_includes, executor_sources

CORTEX_M = "arm-none-eabi-gcc"
COMPILERS = {
    "gcc": ("gcc", ("-O2", "-pedantic")),
    "clang": ("clang", ("-O2", "-pedantic")),
    "cortex-m0": (CORTEX_M, ("-O2", "-mcpu=cortex-m0plus", "-mthumb")),
    "cortex-m4": (CORTEX_M, ("-O2", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "cortex-m55": (CORTEX_M, ("-O2", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")),
}


def compile_all(name: str, directory: Path) -> list[Path]:
    """The executor's object files, compiled without a warning; skips where the compiler is not installed."""
    compiler, flags = COMPILERS[name]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    includes = [f"-I{path}" for path in executor_includes()]
    command = [compiler, *WARNINGS, *flags, *includes, "-c", *map(str, executor_sources())]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return sorted(directory.glob("*.o"))


@pytest.mark.parametrize("name", COMPILERS)
def test_the_executor_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    assert len(compile_all(name, tmp_path)) == len(executor_sources())


def test_the_public_header_compiles_as_cpp(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    source = tmp_path / "includes.cc"
    source.write_text('#include "dqa.h"\nint main() { dqa_model model; return dqa_load(&model, 0, 0, 0, 0) != DQA_ERROR_ARGUMENT; }\n')
    command = ["g++", "-Wall", "-Wextra", "-Werror", f"-I{executor_includes()[0]}", "-c", str(source), "-o", str(tmp_path / "includes.o")]
    assert subprocess.run(command, check=False).returncode == 0


def symbols(objects: list[Path], kinds: str) -> set[str]:
    """Names of the symbols of these kinds (nm's letters)."""
    lines = subprocess.run(["arm-none-eabi-nm", *objects], capture_output=True, text=True, check=True).stdout.splitlines()
    return {words[-1] for words in map(str.split, lines) if len(words) >= 2 and words[-2] in kinds}


def test_on_a_cortex_m4_it_needs_nothing_but_string_h_and_writes_no_static_data(tmp_path: Path) -> None:
    objects = compile_all("cortex-m4", tmp_path)
    needed = symbols(objects, "U") - symbols(objects, "TRDB")
    assert needed <= {"memcpy", "memmove", "memset"}
    assert symbols(objects, "dDbBC") == set()
