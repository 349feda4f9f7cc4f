"""Several models in one firmware: names of their own, one arena."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders import semihosting
from builders.cli import Shell
from builders.ports import ports_of
from builders.programs import random_inputs, random_program
from dqa import program as p
from dqa.codegen import render
from dqa.codegen.names import check_name, unnamed
from dqa.device import host_board
from dqa.engine.compile import executor_includes, executor_sources
from dqa.errors import InputError
from reference.mirror import run
from tflite_builder import Net

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

# Both models run twice in turn, in one arena.
MAIN = r"""
#include "face.h"
#include "wake.h"
#include <stdio.h>
#include <string.h>

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
__attribute__((aligned(16))) uint8_t dqa_shared_arena[LARGER(WAKE_ARENA_SIZE, FACE_ARENA_SIZE)];

int main(void) {
  static uint8_t wake[WAKE_INPUT_SIZE], face[FACE_INPUT_SIZE];
  const int8_t *output = NULL;
  if (fread(wake, 1, sizeof wake, stdin) != sizeof wake || fread(face, 1, sizeof face, stdin) != sizeof face) {
    return 1;
  }
  if (wake_load() != DQA_OK || face_load() != DQA_OK) {
    return 2;
  }
  for (int i = 0; i < 2; ++i) {
    memcpy(wake_input(), wake, sizeof wake);
    if (wake_run(&output) != DQA_OK) {
      return 3;
    }
    fwrite(output, 1, WAKE_OUTPUT_SIZE, stdout);
    memcpy(face_input(), face, sizeof face);
    if (face_run(&output) != DQA_OK) {
      return 4;
    }
    fwrite(output, 1, FACE_OUTPUT_SIZE, stdout);
  }
  return 0;
}
"""


def programs() -> list[p.Program]:
    """Two of one input, of arenas that differ."""
    found = [program for program in map(random_program, range(40)) if program.input_count == 1]
    return sorted(found, key=lambda program: program.internal.arena_size)[:: len(found) - 1]


def on_host(folder: Path) -> tuple[list[str], list[str], str, str]:
    """Compiler with its flags, the command that runs the program, nm, and C beside the program."""
    return ["gcc"], [str(folder / "both")], "nm", ""


def on_mps2_an386(folder: Path) -> tuple[list[str], list[str], str, str]:
    compiler = [semihosting.COMPILER, *semihosting.PROCESSOR, *semihosting.LINK]
    return compiler, semihosting.command(folder / "both"), "arm-none-eabi-nm", semihosting.START


@pytest.mark.parametrize("machine", [on_host, on_mps2_an386])
def test_two_models_share_one_arena(machine: Callable[[Path], tuple[list[str], list[str], str, str]], tmp_path: Path) -> None:
    compiler, command, nm, start = machine(tmp_path)
    if not shutil.which(compiler[0]) or (start and not shutil.which(command[0])):
        pytest.skip(f"needs {compiler[0]}" + (f" and {command[0]}" if start else ""))
    pair = dict(zip(("wake", "face"), programs(), strict=True))
    for name, program in pair.items():
        render(program, p.write(program), tmp_path, ports_of(program), name)
    (tmp_path / "main.c").write_text(MAIN + start)
    includes = [f"-I{path}" for path in (tmp_path, *executor_includes())]
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-DDQA_SHARED_ARENA"]
    sources = [tmp_path / "main.c", tmp_path / "wake.c", tmp_path / "face.c", *executor_sources()]
    subprocess.run([*compiler, *flags, *includes, *sources, "-o", tmp_path / "both"], check=True)
    inputs = {name: random_inputs(program, 1) for name, program in pair.items()}
    expected = b"".join(run(program, inputs[name]).outputs[0].tobytes() for name, program in pair.items())
    (tmp_path / "in").write_bytes(b"".join(one[0].tobytes() for one in inputs.values()))
    with (tmp_path / "in").open("rb") as given:
        assert subprocess.run(command, stdin=given, capture_output=True, check=True, timeout=120).stdout == 2 * expected
    symbols = subprocess.run([nm, "-S", tmp_path / "both"], capture_output=True, text=True, check=True).stdout
    arenas = [line.split() for line in symbols.splitlines() if line.endswith("_arena")]
    largest = max(program.internal.arena_size for program in pair.values())
    assert [(int(line[1], 16), line[3]) for line in arenas] == [(largest, "dqa_shared_arena")]


@needs_gcc
def test_no_public_name_is_without_its_prefix(tmp_path: Path) -> None:
    program = programs()[0]
    render(program, p.write(program), tmp_path, ports_of(program), "wake")
    include = f"-I{executor_includes()[0]}"
    subprocess.run(["gcc", "-std=c99", "-c", include, "wake.c", "-o", "wake.o"], cwd=tmp_path, check=True)
    names = subprocess.run(
        ["nm", "-g", "--defined-only", "wake.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()[2::3]
    assert "wake_run" in names and all(name.startswith("wake_") for name in names)
    # static functions begin so, too: they meet those of other models in one source
    functions = re.findall(r"^static .*?(\w+)\(", (tmp_path / "wake.h").read_text(), re.MULTILINE)
    assert functions and all(name.startswith("wake_") for name in functions)
    macros = re.findall(r"#define (\w+)", (tmp_path / "wake.h").read_text())
    assert all(name.startswith(("WAKE_", "wake_")) for name in macros)


def test_the_firmware_of_a_named_model_is_that_of_one_without_a_name(tmp_path: Path) -> None:
    program = programs()[0]
    for name in ("model", "wake"):
        render(program, p.write(program), tmp_path, ports_of(program), name)
    for suffix in (".h", ".c"):
        assert unnamed((tmp_path / f"wake{suffix}").read_text(), "wake") == (tmp_path / f"model{suffix}").read_text()


@needs_gcc
def test_the_header_is_for_cpp(tmp_path: Path) -> None:
    program = programs()[0]
    render(program, p.write(program), tmp_path, ports_of(program))
    include = f"-I{executor_includes()[0]}"
    (tmp_path / "user.cc").write_text('#include "model.h"\nint main() { return dqa_model_load() == DQA_OK ? 0 : 1; }\n')
    subprocess.run(["g++", "-std=c++11", "-Wall", "-Werror", "-c", include, "user.cc"], cwd=tmp_path, check=True)


@needs_gcc
def test_sections_can_be_named(tmp_path: Path) -> None:
    program = programs()[0]
    render(program, p.write(program), tmp_path, ports_of(program))
    sections = ['-DDQA_ARENA_SECTION=".bss.fast"', '-DDQA_WEIGHTS_SECTION=".rodata.far"']
    subprocess.run(["gcc", "-std=c99", "-c", *sections, f"-I{executor_includes()[0]}", "model.c"], cwd=tmp_path, check=True)
    found = subprocess.run(["objdump", "-t", "model.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    place = {line.split()[-1]: line.split()[3] for line in found.splitlines() if "dqa_model_" in line and len(line.split()) == 6}
    assert (place["dqa_model_arena"], place["dqa_model_program"]) == (".bss.fast", ".rodata.far")


@pytest.mark.parametrize("name", ["", "Wake", "2wake", "wake-word", "a" * 25, "dqa", "dqa_model", "string", "../x"])
def test_what_cannot_begin_a_name_of_c_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        check_name(name)


def test_a_name_that_the_c_of_a_model_uses_is_refused(tmp_path: Path) -> None:
    program = programs()[0]
    with pytest.raises(InputError, match="names of C begin with 'int8_'"):
        render(program, p.write(program), tmp_path, ports_of(program), "int8")


@needs_gcc
def test_a_named_conversion_says_how_it_is_used_and_still_makes_firmware(tmp_path: Path, dqa: Shell) -> None:
    net = Net(1, 4, 4, 2)
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(net.reshape(net.conv(net.input, 4), 1, 16), 3)))
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 256, (8, 4, 4, 2)).astype(np.uint8))
    out = tmp_path / "out"
    done = dqa("convert", tmp_path / "m.tflite", "--calibration", tmp_path / "x.npz", "--bits", "8", "--name", "wake", "-o", out)
    assert done.code == 0, done.err
    assert {path.name for path in (out / "src").iterdir()} == {"wake.h", "wake.c"}
    assert {"model.h", "model.c"} <= {path.name for path in (out / "firmware" / "model").iterdir()}
    text = (out / "README.md").read_text()
    for what in ('#include "wake.h"', "wake_run(&scores)", "WAKE_INPUT_SIZE", "src/wake.c", str((out / "model.dqa").stat().st_size)):
        assert what in text
    assert host_board.firmware(out).is_file()
    assert "name 'Wake'" in dqa.refuses("convert", tmp_path / "m.tflite", "--name", "Wake").err


REALS = r"""
#include "model.h"
#include <math.h>
#include <stdio.h>

int main(void) {
  float real;
  while (fread(&real, sizeof real, 1, stdin) == 1) {
    printf("%d %.9g\n", dqa_model_quantize_input(real), (double)dqa_model_score((int8_t)dqa_model_quantize_input(real)));
  }
  return 0;
}
"""


@needs_gcc
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_real_numbers_go_in_and_come_out(dtype: str, tmp_path: Path) -> None:
    def of(program: p.Program) -> bool:
        return program.input_count == 1 and ports_of(program).inputs[0].dtype == dtype

    program = next(program for program in map(random_program, range(60)) if of(program))
    ports = ports_of(program)
    render(program, p.write(program), tmp_path, ports)
    (tmp_path / "main.c").write_text(REALS)
    includes = [f"-I{path}" for path in (tmp_path, executor_includes()[0])]
    subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", *includes, "main.c", "-o", "main"], cwd=tmp_path, check=True
    )
    reals = np.concatenate([np.linspace(-90, 90, 301), [np.nan, np.inf, -np.inf]]).astype(np.float32)
    printed = subprocess.run([tmp_path / "main"], input=reals.tobytes(), capture_output=True, check=True).stdout.split()
    found = np.array(printed[::2], np.int64)
    limits = np.iinfo(np.dtype(dtype))
    scaled = reals.astype(np.float64) / ports.inputs[0].scale[0] + ports.inputs[0].zero_point[0]
    expected = np.clip(np.nan_to_num(scaled, nan=-1e9, posinf=1e9, neginf=-1e9), limits.min, limits.max)
    assert (np.abs(found - expected) <= 0.5).all() and found[-3:].tolist() == [limits.min, limits.max, limits.min]
    bytes_ = found.astype(np.int8).astype(np.float64)
    assert np.allclose(np.array(printed[1::2], np.float64), (bytes_ - ports.outputs[0].zero_point[0]) * ports.outputs[0].scale[0])
