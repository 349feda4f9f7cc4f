"""The C examples in headers and documents are compiled and run: they give the answer of the mirror."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import WARNINGS, flat
from builders.documents import ROOT, documents
from builders.ports import ports_of
from builders.programs import random_inputs
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.codegen import render
from dqa.engine.compile import executor_includes, executor_sources, shared_library
from dqa.support import resources
from reference import mirror

LIBRARY = resources.path("firmware") / "lib"
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

CONTEXT = """
#include "dqa.h"
#include "model.h"
#include <stdio.h>
#include <string.h>
enum {{ ARENA_SIZE = {arena}, PUSHED_ARENA_SIZE = {pushed}, HEIGHT = {height}, ROW = {row} }};
static const uint8_t program[] = {{ {program} }};
static const uint8_t image[] = {{ {image} }};
#define data image
#define operators dqa_all_operators
#define slot program
#define SLOT_SIZE sizeof program
static const uint8_t *camera_row(void) {{ static int y; return image + ROW * y++; }}
int main(void) {{
  (void)program; (void)image; (void)camera_row;
  {declared}
  {example}
  return fwrite(scores, 1, {size}, stdout) == {size} && status == DQA_OK ? 0 : 1;
}}
"""


def in_comment(header: str) -> list[str]:
    """The examples of a header's comments: lines set in by three blanks or more, one example up to the next other line of text."""
    found = re.findall(r"(?:^(?: \*|//) {3}.*\n)+(?:^(?: \*|//)\n(?:^(?: \*|//) {3}.*\n)+)*", header, re.MULTILINE)
    return [re.sub(r"^(?: \*|//)(?: {3})?", "", example, flags=re.MULTILINE) for example in found]


def in_document(text: str) -> list[str]:
    return re.findall(r"^```c\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def program() -> p.Program:
    """One whose rows can be pushed, of several phases."""
    programs = (streamed(ladder(seed), seed) for seed in range(40))
    return next(q for q in programs if q.pushed is not None and q.op_phases[-1] > 0 and q.inputs[0].height > 2)


def answers(program: p.Program, example: str, directory: Path, *flags: str, declared: str = "") -> None:
    """Compiles and runs an example that sets `scores` and `status`."""
    data, inputs = p.write(program), random_inputs(program, 1)
    render(program, data, directory, ports_of(program))
    assert program.pushed is not None
    size, edge = program.outputs[0].capacity, program.inputs[0]
    (directory / "example.c").write_text(
        CONTEXT.format(
            arena=program.internal.arena_size, pushed=program.pushed.arena_size, height=edge.height, row=edge.row_values,
            program=", ".join(map(str, data)), image=", ".join(map(str, flat(inputs))), declared=declared, example=example, size=size,
        )
    )  # fmt: skip
    includes = [f"-I{path}" for path in (directory, *executor_includes())]
    executor = shared_library("dqa", executor_sources(), executor_includes())
    sources = [directory / "example.c", directory / "model.c", executor]
    command = ["gcc", *WARNINGS, *flags, *includes, *map(str, sources), "-o", str(directory / "example")]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, f"{example}\n{compiled.stderr}"
    printed = subprocess.run([directory / "example"], capture_output=True, check=False)
    assert printed.returncode == 0, f"{example}\n{printed.stderr.decode()}"
    np.testing.assert_array_equal(np.frombuffer(printed.stdout, np.uint8), flat(mirror.run(program, inputs).outputs[:1]))


@needs_gcc
def test_the_example_of_the_public_header_runs(program: p.Program, tmp_path: Path) -> None:
    (example,) = in_comment((LIBRARY / "dqa" / "include" / "dqa.h").read_text())
    answers(program, example, tmp_path, declared="static uint8_t arena[ARENA_SIZE] __attribute__((aligned(4)));")


@needs_gcc
@pytest.mark.parametrize("pushed", [0, 1], ids=["whole", "pushed"])
def test_the_examples_of_a_rendered_header_run(pushed: int, program: p.Program, tmp_path: Path) -> None:
    render(program, p.write(program), tmp_path, ports_of(program))
    examples = "\n".join(in_comment((tmp_path / "model.h").read_text()))
    parts = [part for part in re.split(r"(?=const int8_t \*scores)", examples) if part.strip()]
    assert len(parts) == 2
    answers(program, parts[pushed], tmp_path, f"-DDQA_MODEL_PUSHED={pushed}")


@needs_gcc
def test_the_examples_of_the_documents_run(program: p.Program, tmp_path: Path) -> None:
    found = [(path, example) for path in documents() for example in in_document(path.read_text())]
    assert len(found) >= 2
    for number, (_, example) in enumerate(found):
        answers(program, example, tmp_path / str(number))


def test_no_header_has_an_example_that_nobody_runs() -> None:
    headers = [path for path in (ROOT / "firmware").rglob("*.h") if ".pio" not in path.parts]
    assert len(headers) > 10
    assert {path.name for path in headers if in_comment(path.read_text())} == {"dqa.h", "dqa_tflm.h"}


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("moved", [False, True], ids=["global names", "moved to tflite::micro"])
def test_the_example_of_the_adapter_compiles(moved: bool, tmp_path: Path) -> None:
    """Against the test double of the interpreter's interface, and a resolver of the same signature as the real one."""
    (example,) = in_comment((LIBRARY / "dqa_tflm" / "include" / "dqa_tflm.h").read_text())
    micro = tmp_path / "tensorflow" / "lite" / "micro"
    micro.mkdir(parents=True)
    for name in ("micro_common.h", "micro_context.h"):
        (micro / name).write_text(f'#include "{ROOT / "tests" / "c" / "tflm" / "interface.h"}"\n')
    registration = "micro::TFLMRegistration" if moved else "::TFLMRegistration"
    resolver = f"template <unsigned> struct MicroMutableOpResolver {{ int AddCustom(const char *, {registration} *) {{ return 0; }} }};"
    source = f'#include "dqa_tflm.h"\nnamespace tflite {{ {resolver} }}\n'
    source += "using namespace tflite;\nusing namespace tflite::micro;\n" if moved else ""
    (tmp_path / "example.cc").write_text(f"{source}void set_up() {{\n{example}}}\n")
    includes = [f"-I{path}" for path in (tmp_path, LIBRARY / "dqa_tflm" / "include", LIBRARY / "dqa" / "include")]
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *(["-DTFLM_MOVED"] if moved else []), *includes]
    compiled = subprocess.run(
        [*command, "-c", tmp_path / "example.cc", "-o", tmp_path / "example.o"], capture_output=True, text=True, check=False
    )
    assert compiled.returncode == 0, compiled.stderr
