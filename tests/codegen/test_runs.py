"""Rendered C, linked with the executor, answers what the mirror answers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.ports import ports_of
from builders.programs import random_inputs, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.codegen import render
from dqa.engine.compile import executor_includes, executor_sources
from reference.mirror import run

# Three runs of one input: the arena is used again, and dropped rows are counted from the start.
MAIN = r"""
#include "model.h"
#include <stdio.h>
#include <string.h>

int main(void) {
  uint8_t data[DQA_MODEL_INPUT_SIZE];
  const int8_t *output = NULL;
  if (dqa_model_input() != NULL || dqa_model_load() != DQA_OK || fread(data, 1, sizeof data, stdin) != sizeof data) {
    return 1;
  }
  for (int i = 0; i < 3; ++i) {
    memcpy(dqa_model_input(), data, sizeof data);
    if (dqa_model_run(&output) != DQA_OK) {
      return 2;
    }
    fwrite(output, 1, DQA_MODEL_OUTPUT_SIZE, stdout);
  }
  fwrite(&dqa_model_dropped_rows, sizeof dqa_model_dropped_rows, 1, stdout);
  return 0;
}
"""


# The same with its rows pushed, from a buffer of one row.
PUSHED_MAIN = r"""
#include "model.h"
#include <stdio.h>
#include <string.h>

int main(void) {
  uint8_t data[DQA_MODEL_INPUT_SIZE], row[DQA_MODEL_INPUT_ROW_SIZE];
  const int8_t *output = NULL;
  if (dqa_model_load() != DQA_OK || fread(data, 1, sizeof data, stdin) != sizeof data) {
    return 1;
  }
  for (int i = 0; i < 3; ++i) {
    if (dqa_model_begin() != DQA_OK || dqa_model_end(&output) == DQA_OK) {
      return 2;
    }
    if (dqa_model_begin() != DQA_OK) {
      return 3;
    }
    for (size_t at = 0; at < sizeof data; at += sizeof row) {
      memcpy(row, data + at, sizeof row);
      if (dqa_model_push_row(row) != DQA_OK) {
        return 4;
      }
      memset(row, 0x55, sizeof row);
    }
    if (dqa_model_end(&output) != DQA_OK || dqa_model_push_row(row) == DQA_OK) {
      return 5;
    }
    fwrite(output, 1, DQA_MODEL_OUTPUT_SIZE, stdout);
  }
  fwrite(&dqa_model_dropped_rows, sizeof dqa_model_dropped_rows, 1, stdout);
  return 0;
}
"""


def build(program: p.Program, directory: Path, main: str = MAIN, *defines: str, cpp: str = "") -> Path:
    """The program as an executable of the host; cpp: the standard of C++ as which model.c is compiled, else it is C."""
    render(program, p.write(program), directory, ports_of(program))
    (directory / "main.c").write_text(main)
    includes = [f"-I{path}" for path in (directory, *executor_includes())]
    sources = [directory / "main.c", directory / "model.c", *executor_sources()]
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", *defines]
    if cpp:
        compile_as_cpp("g++", directory, f"-std={cpp}")
        sources[1] = directory / "model.o"
    subprocess.run(["gcc", *flags, *includes, *sources, "-o", directory / "model"], check=True)
    return directory / "model"


def compile_as_cpp(compiler: str, directory: Path, *flags: str) -> None:
    """model.c to model.o, as C++."""
    strict = ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-fno-exceptions", "-O1", *flags]
    command = [compiler, *strict, f"-I{executor_includes()[0]}", "-x", "c++", "-c", "model.c"]
    subprocess.run(command, cwd=directory, check=True)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("drops", [False, True], ids=["nothing dropped", "rows dropped"])
def test_rendered_c_gives_the_bytes_of_the_mirror(drops: bool, tmp_path: Path) -> None:
    def wanted(program: p.Program, seed: int) -> bool:
        return program.input_count == 1 and any(run(program, random_inputs(program, seed)).dropped) == drops

    seed = next(seed for seed in range(100) if wanted(random_program(seed), seed))
    program = random_program(seed)
    inputs = random_inputs(program, seed)
    expected = run(program, inputs)
    assert bool(sum(expected.dropped)) == drops
    printed = subprocess.run([build(program, tmp_path)], input=inputs[0].tobytes(), capture_output=True, check=True).stdout
    assert printed[:-4] == 3 * expected.outputs[0].tobytes()
    assert np.frombuffer(printed[-4:], "<u4")[0] == 3 * sum(expected.dropped)


@pytest.mark.skipif(shutil.which("gcc") is None or shutil.which("g++") is None, reason="needs gcc and g++")
@pytest.mark.parametrize("standard", ["c++11", "gnu++98", "c++20"])
def test_it_is_cpp_as_well(standard: str, tmp_path: Path) -> None:
    program = next(q for q in map(random_program, range(100)) if q.input_count == 1 and any(edge.coding for edge in q.edges))
    inputs = random_inputs(program, 1)
    built = build(program, tmp_path, cpp=standard)
    printed = subprocess.run([built], input=inputs[0].tobytes(), capture_output=True, check=True).stdout
    assert printed[:-4] == 3 * run(program, inputs).outputs[0].tobytes()


@pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++")
def test_it_is_cpp_for_boards(tmp_path: Path) -> None:
    program = next(q for q in (streamed(ladder(seed), seed) for seed in range(100)) if q.pushed is not None)
    render(program, p.write(program), tmp_path, ports_of(program))
    for pushed in (0, 1):
        compile_as_cpp("arm-none-eabi-g++", tmp_path, "-mcpu=cortex-m4", "-mthumb", "-std=gnu++17", f"-DDQA_MODEL_PUSHED={pushed}")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_rendered_c_takes_rows_as_they_come(tmp_path: Path) -> None:
    programs = ((seed, streamed(ladder(seed), seed, cut=0.1)) for seed in range(100))
    seed, program = next(pair for pair in programs if pair[1].pushed is not None and pair[1].inputs[0].height > 4)
    inputs = random_inputs(program, seed)
    expected = run(program, inputs)
    for main, defines in ((MAIN, []), (PUSHED_MAIN, ["-DDQA_MODEL_PUSHED=1"])):
        directory = tmp_path / str(len(defines))
        printed = subprocess.run(
            [build(program, directory, main, *defines)], input=inputs[0].tobytes(), capture_output=True, check=True
        ).stdout
        assert printed[:-4] == 3 * expected.outputs[0].tobytes()
        assert np.frombuffer(printed[-4:], "<u4")[0] == 3 * sum(expected.dropped)
