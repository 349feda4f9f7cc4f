"""Rendered C holds the program's bytes, compiles without a warning, and no name in a model can write C."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from builders.ports import ports_of
from builders.programs import operator_program, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.codegen import render
from dqa.errors import ProgramError
from dqa.support import resources

INCLUDE = resources.path("firmware") / "lib" / "dqa" / "include"
FLAGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic"]
HOSTILE = "x */ int hack; /* \" ' \\\n#error ??/ \\\r\n // \u2028 \x00 %s {{ 7 * 7 }} {% raw %}"

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def compiled(directory: Path, standard: str = "c99", *defines: str) -> ELFFile:
    """model.c as an object file."""
    command = ["gcc", f"-std={standard}", *FLAGS, *defines, f"-I{INCLUDE}", "-c", "model.c", "-o", "model.o"]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return ELFFile(io.BytesIO((directory / "model.o").read_bytes()))


def symbol(elf: ELFFile, name: str) -> tuple[bytes, int]:
    """A variable's bytes and the alignment of its section."""
    (found,) = elf.get_section_by_name(".symtab").get_symbol_by_name(name)
    section = elf.get_section(found["st_shndx"])
    data = section.data() if section["sh_type"] == "SHT_PROGBITS" else bytes(section["sh_size"])
    return data[found["st_value"] : found["st_value"] + found["st_size"]], section["sh_addralign"]


@needs_gcc
@pytest.mark.parametrize("seed", [0, 5, 11])
def test_the_compiled_array_is_the_program(seed: int, tmp_path: Path) -> None:
    program = random_program(seed)
    data = p.write(program)
    render(program, data, tmp_path, ports_of(program))
    for standard in ("c99", "c11"):
        elf = compiled(tmp_path, standard)
        array, alignment = symbol(elf, "dqa_model_program")
        assert array == data
        assert alignment % 16 == 0
        arena, alignment = symbol(elf, "dqa_model_arena")
        assert len(arena) == program.internal.arena_size
        assert alignment % 16 == 0


@needs_gcc
def test_only_operators_in_use_are_linked(tmp_path: Path) -> None:
    program = operator_program(p.Kind.MAX_POOL_2D)
    render(program, p.write(program), tmp_path, ports_of(program))
    names = {entry.name for entry in compiled(tmp_path).get_section_by_name(".symtab").iter_symbols()}
    assert {name for name in names if name.startswith("dqa_op_")} == {"dqa_op_max_pool_2d", "dqa_op_lut"}


@needs_gcc
def test_the_smaller_arena_and_the_functions_for_pushed_rows_are_chosen_by_a_macro(tmp_path: Path) -> None:
    program = next(q for q in (streamed(ladder(seed), seed) for seed in range(100)) if q.pushed is not None)
    assert program.pushed is not None and program.pushed.arena_size < program.internal.arena_size
    render(program, p.write(program), tmp_path, ports_of(program))
    for defines, layout, own in (
        ([], program.internal, {"input", "run"}),
        (["-DDQA_MODEL_PUSHED=0"], program.internal, {"input", "run"}),
        (["-DDQA_MODEL_PUSHED=1"], program.pushed, {"begin", "push_row", "end"}),
    ):
        elf = compiled(tmp_path, "c99", *defines)
        assert len(symbol(elf, "dqa_model_arena")[0]) == layout.arena_size
        functions = {s.name for s in elf.get_section_by_name(".symtab").iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
        assert {name for name in functions if name.startswith("dqa_model_")} == {f"dqa_model_{name}" for name in own | {"load"}}


@needs_gcc
def test_a_model_that_takes_no_pushed_rows_says_so_when_compiled(tmp_path: Path) -> None:
    program = operator_program(p.Kind.ADD)
    render(program, p.write(program), tmp_path, ports_of(program))
    with pytest.raises(AssertionError, match="without a layout for pushed rows"):
        compiled(tmp_path, "c99", "-DDQA_MODEL_PUSHED=1")


@needs_gcc
def test_hostile_names_stay_in_their_comments(tmp_path: Path) -> None:
    program = operator_program(p.Kind.CONV_2D)
    hostile = replace(
        program,
        edges=tuple(replace(edge, name=f"{HOSTILE}{i}") for i, edge in enumerate(program.edges)),
        ops=tuple(replace(op, name=HOSTILE) for op in program.ops),
    )
    ports = ports_of(hostile)
    render(hostile, p.write(hostile), tmp_path / "hostile", ports)
    render(program, p.write(program), tmp_path / "plain", ports_of(program))
    array, _ = symbol(compiled(tmp_path / "hostile"), "dqa_model_program")
    assert array == p.write(program)
    for name in ("model.h", "model.c"):
        texts = [(tmp_path / kind / name).read_text() for kind in ("hostile", "plain")]
        without_comments = [re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) for text in texts]
        plain = [re.sub(r"(?m)^(#define DQA_MODEL_(?:IN|OUT)PUT_INDEX_)[A-Z0-9_]+( \d+u)$", r"\1\2", text) for text in without_comments]
        assert plain[0] == plain[1]
        assert "{{ 7 _ 7 }}" in texts[0]  # shown, not evaluated


@needs_gcc
def test_the_header_says_what_goes_in_and_out(tmp_path: Path) -> None:
    program = operator_program(p.Kind.MEAN)
    data = p.write(program)
    ports = ports_of(program)
    many = replace(ports.outputs[0], scale=(0.5, 0.25), zero_point=(3.0,))
    render(program, data, tmp_path, replace(ports, outputs=(many,)))
    header = (tmp_path / "model.h").read_text()
    assert f"#define DQA_MODEL_INPUT_SIZE {program.inputs[0].values}u\n" in header
    assert f"#define DQA_MODEL_OUTPUT_SIZE {program.outputs[0].values}u\n" in header
    assert f"#define DQA_MODEL_ARENA_SIZE {program.internal.arena_size}u\n" in header
    assert f"#define DQA_MODEL_CRC32 0x{int.from_bytes(data[12:16], 'little'):08x}u\n" in header
    assert "#define DQA_MODEL_INPUT_SCALE 0.25f\n" in header
    assert "scales 0.5, 0.25; zero points 3" in header
    assert "DQA_MODEL_OUTPUT_SCALE" not in header


@needs_gcc
def test_each_end_has_a_constant_of_its_name(tmp_path: Path) -> None:
    program = next(p for p in map(random_program, range(50)) if p.output_count == 2)
    ports = ports_of(program)
    names = [("zeta", "alpha"), ("a-b", "a b"), ("", "1"), ("size", "x" * 80), ("größe", "gr__e")]
    words = [("ZETA", "ALPHA"), ("A_B", "A_B_2"), ("UNNAMED", "1"), ("SIZE", "X" * 32), ("GR__E", "GR__E_2")]
    for pair, expected in zip(names, words, strict=True):
        given = tuple(replace(port, name=name) for port, name in zip(ports.outputs, pair, strict=True))
        render(program, p.write(program), tmp_path, replace(ports, outputs=given))
        header = (tmp_path / "model.h").read_text()
        found = re.findall(r"(?m)^#define DQA_MODEL_OUTPUT_INDEX_(\w+) (\d)u$", header)
        assert found == [(expected[0], "0"), (expected[1], "1")]
        compiled(tmp_path)


def test_rendering_is_reproducible_and_refuses_what_does_not_belong_together(tmp_path: Path) -> None:
    program, other = operator_program(p.Kind.ADD), operator_program(p.Kind.PAD)
    for directory in ("a", "b"):
        render(program, p.write(program), tmp_path / directory, ports_of(program))
    assert (tmp_path / "a" / "model.c").read_bytes() == (tmp_path / "b" / "model.c").read_bytes()
    with pytest.raises(ProgramError, match="bytes"):
        render(program, p.write(other), tmp_path / "c", ports_of(program))
    with pytest.raises(ProgramError, match="port"):
        render(program, p.write(program), tmp_path / "c", replace(ports_of(program), outputs=()))
    with pytest.raises(ProgramError, match="scale"):
        port = replace(ports_of(program).inputs[0], scale=(float("nan"),))
        render(program, p.write(program), tmp_path / "c", replace(ports_of(program), inputs=(port,)))
    assert not (tmp_path / "c").exists()
