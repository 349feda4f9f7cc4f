"""The public functions of the executor, called wrongly: a status, NULL or 0, never a crash or a pointer to nowhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from builders.c_tools import SANITIZERS, SOURCES, VARIANTS, WARNINGS, sanitized
from builders.ports import ports_of
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.codegen import render
from dqa.engine.compile import build, executor_includes, executor_sources

HEADER = executor_includes()[0] / "dqa.h"


def programs() -> Iterator[p.Program]:
    """Programs of one input and one output whose rows can be pushed: of one phase, of several, and with coded maps."""
    found = [program for program in (streamed(ladder(seed), seed, cut=0.2) for seed in range(60)) if program.pushed]
    ends = [program for program in found if (program.input_count, program.output_count) == (1, 1) and program.inputs[0].height > 1]
    yield next(program for program in ends if program.op_phases[-1] == 0)
    yield next(program for program in ends if program.op_phases[-1] > 1)
    yield next(program for program in ends if any(edge.coding is not None for edge in program.edges))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_function_answers_misuse_with_a_status(variant: str, tmp_path: Path) -> None:
    executable, path = sanitized("misuse", variant), tmp_path / "program"
    for program in programs():
        path.write_bytes(p.write(program))
        result = subprocess.run([executable, path], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert re.search(r"^[1-9]\d\d+ answers, 0 wrong$", result.stderr, re.MULTILINE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_calls_in_any_order_for_models_that_change_places_do_no_harm(variant: str, tmp_path: Path) -> None:
    """Two programs whose arenas are nearly of one size: what one of them left there is no state of the other."""
    executable = sanitized("misuse_random", variant)
    found = [program for program in (streamed(ladder(seed), seed, cut=0.2) for seed in range(16)) if program.pushed]
    found.sort(key=lambda program: program.internal.arena_size)
    paths = [tmp_path / str(number) for number in range(len(found))]
    for path, program in zip(paths, found, strict=True):
        path.write_bytes(p.write(program))
    for seed, pair in enumerate(pairwise(paths)):
        result = subprocess.run([executable, "20000", str(seed), *pair], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert re.fullmatch(r"[1-9]\d+ went well, [1-9]\d+ rows, \d+ ends\n", result.stderr)


def test_no_function_of_the_header_is_left_out() -> None:
    functions = set(re.findall(r"\b(dqa_\w+)\([^;]*\);", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)))
    called = set(re.findall(r"\b(dqa_\w+)\(", (SOURCES / "misuse.c").read_text()))
    assert len(functions) >= 12
    assert functions <= called


@pytest.mark.parametrize("pushed", [0, 1], ids=["whole", "pushed"])
def test_a_rendered_model_answers_misuse_with_a_status(pushed: int, tmp_path: Path) -> None:
    program = list(programs())[-1]
    render(program, p.write(program), tmp_path, ports_of(program))
    sources = [SOURCES / "misuse_model.c", tmp_path / "model.c", *executor_sources()]
    flags = [*WARNINGS, *SANITIZERS, f"-DDQA_MODEL_PUSHED={pushed}"]
    executable = build("misuse_model", "", sources, [tmp_path, *executor_includes()], flags)
    result = subprocess.run([executable], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"misuse_model.c, about line {result.returncode}: {result.stderr}"
