"""What an export takes of each converted model: its C under a name, its program, and the answer that a self-test must give."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dqa.codegen.names import DEFAULT, check_name, named
from dqa.device import project
from dqa.engine.host import HostModel
from dqa.errors import InputError
from dqa.program import Kind, Program, kind_of, read
from dqa.report import load_interface
from dqa.support.arrays import UInt8

MULTIPLIER, INCREMENT = 1664525, 1013904223
"""Of the made-up input: the top bytes of x = MULTIPLIER * x + INCREMENT modulo 2^32, from x = 1 on (Numerical Recipes, 7.1)."""
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Model:
    """A model of an export.

    header, source: texts of NAME.h and NAME.c. pushed: whether its rows are pushed. answer: CRC-32 as a C constant.
    """

    name: str
    header: str
    source: str
    program: Program
    data: bytes
    pushed: bool
    answer: str

    @property
    def prefix(self) -> str:
        """What the names of its C begin with."""
        return named("dqa_model_x", self.name).removesuffix("_x")

    @property
    def macro(self) -> str:
        return self.prefix.upper()

    @property
    def arena(self) -> int:
        """Bytes."""
        layout = self.program.pushed if self.pushed else self.program.internal
        assert layout is not None
        return layout.arena_size

    @property
    def kinds(self) -> set[Kind]:
        return {kind_of(op) for op in self.program.ops}

    @property
    def functions(self) -> list[str]:
        """The functions of the header."""
        return sorted({*re.findall(rf"\b({self.prefix}_\w+)\(", _COMMENTS.sub("", self.header))})

    @property
    def constants(self) -> list[str]:
        """The macros of the header."""
        return sorted({*re.findall(rf"#define ({self.macro}_\w+) ", self.header)})


def load(outs: Sequence[Path], names: Sequence[str] = ()) -> list[Model]:
    """The models of directories of dqa convert; names: others than those they were converted with, one each, in order.

    Raises InputError where a directory holds no model that runs alone, or names are not one for each or not different; ProgramError for
    a program that this dqa does not read; ToolError without a C compiler, which the host's answer takes.
    """
    if names and len(names) != len(outs):
        raise InputError(
            f"{len(names)} names for {len(outs)} models", hint="give --name once for each model, in their order, or not at all"
        )
    found = [_load(out, name) for out, name in zip(outs, names or [""] * len(outs), strict=True)]
    taken = [model.name for model in found]
    if twice := sorted({name for name in taken if taken.count(name) > 1}):
        raise InputError(f"two models are named '{twice[0]}'", hint="name them: --name wake --name face, in the order of the models")
    return found


def _load(out: Path, name: str) -> Model:
    project.check(out)
    name = name or project.model_name(out)
    check_name(name)
    pushed = load_interface(out).push_rows
    try:
        files = project.model_sources(out)
        header, source = (files[f"{DEFAULT}{suffix}"].decode() for suffix in (".h", ".c"))
        data = (out / "model.dqa").read_bytes()
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"'{out}' does not hold the C of a model and its program ({error})", hint="run dqa convert again") from error
    program = read(data)
    if f"_CRC32 0x{zlib.crc32(data[16:]):08x}u" not in header:
        raise InputError(f"'{out}': model.dqa is not the program in src", hint="run dqa convert again")
    if pushed:
        header = header.replace("#define DQA_MODEL_PUSHED 0", "#define DQA_MODEL_PUSHED 1")
    return Model(name, named(header, name), named(source, name), program, data, pushed, f"0x{_answer(data):08x}u")


def _answer(data: bytes) -> int:
    """CRC-32 of the outputs, one after the other, that the host's executor gives for the made-up input."""
    model = HostModel(data)
    return zlib.crc32(model.run(made_up(sum(model.input_sizes))[None]).outputs.tobytes())


def made_up(size: int) -> UInt8:
    """(size,) bytes of made-up input."""
    found, state = np.empty(size, np.uint8), 1
    for at in range(size):
        state = (state * MULTIPLIER + INCREMENT) & 0xFFFFFFFF
        found[at] = state >> 24
    return found
