"""The executor's C for tests: as a library with its inner functions, and as programs built with sanitizers."""

from __future__ import annotations

import atexit
import ctypes
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from builders.programs import same
from dqa import program as p
from dqa.engine.compile import build, executor_includes, executor_sources, shared_library
from dqa.errors import ProgramError

SOURCES = Path(__file__).resolve().parents[1] / "c"
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
OK, TRUNCATED, MAGIC, VERSION, CHECKSUM, HEADER, EDGE, TABLE, OPERATOR, UNKNOWN_OPERATOR, LAYOUT, ARENA, ARGUMENT, STALLED = range(14)
"""Statuses of the executor, by their numbers."""
VARIANTS = {"readable": ("-DDQA_PORTABLE",), "fast": (), "clang": ("-DDQA_PORTABLE",)}
"""Of the inner loops: the readable ones, those of this processor, and the readable ones with clang's sanitizer, which alone finds
arithmetic on null pointers."""


@cache
def exports() -> ctypes.CDLL:
    """All functions of the executor and those of tests/c/exports.c."""
    library = ctypes.CDLL(str(shared_library("dqa-test", [*executor_sources(), SOURCES / "exports.c"], executor_includes())))
    pointer, u32, size = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t
    library.dqa_test_write.argtypes = [pointer, size, u32, pointer, pointer, pointer]
    library.dqa_test_read.argtypes = [pointer, size, u32, pointer, u32, pointer]
    library.dqa_test_scratch_bytes.argtypes = [pointer, size, u32]
    for function in (library.dqa_test_write, library.dqa_test_read, library.dqa_test_scratch_bytes):
        function.restype = ctypes.c_int64
    library.dqa_plane_pack.argtypes = [pointer, u32, u32, pointer]
    library.dqa_plane_unpack.argtypes = [pointer, u32, u32, u32, ctypes.c_int32, pointer]
    library.dqa_plane_bytes.argtypes = [u32, u32]
    library.dqa_plane_bytes.restype = u32
    library.dqa_requantize.argtypes = [ctypes.c_int32, ctypes.c_int32, ctypes.c_uint]
    library.dqa_requantize.restype = ctypes.c_int32
    library.dqa_crc32.argtypes = [u32, pointer, size]
    library.dqa_crc32.restype = u32
    library.dqa_load.argtypes = [pointer, pointer, size, pointer, ctypes.c_int]
    library.dqa_run.argtypes = [pointer, pointer, size, pointer, pointer, pointer]
    library.dqa_status_name.restype = ctypes.c_char_p
    return library


def load(data: bytes, layout: int = 0) -> int:
    """The status of dqa_load."""
    model = ctypes.create_string_buffer(64)
    operators = ctypes.addressof(ctypes.c_void_p.in_dll(exports(), "dqa_all_operators"))
    return int(exports().dqa_load(model, data, len(data), operators, layout))


@cache
def sanitized(name: str, variant: str = "readable") -> Path:
    """tests/c/<name>.c and the executor, built with AddressSanitizer and UndefinedBehaviorSanitizer, clang's with the latter only.

    variant: of VARIANTS; skips the test if it needs clang and that is not installed.
    """
    sources = [SOURCES / f"{name}.c", *executor_sources()]
    if variant != "clang":
        return build(name, "", sources, executor_includes(), [*WARNINGS, *SANITIZERS, *VARIANTS[variant]])
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    made = Path(tempfile.mkdtemp(prefix="dqa-clang-")) / name
    atexit.register(shutil.rmtree, made.parent)
    flags = [flag.replace("address,", "") for flag in (*WARNINGS, *SANITIZERS, *VARIANTS[variant])]
    subprocess.run(["clang", *flags, *(f"-I{path}" for path in executor_includes()), *sources, "-o", made], check=True)
    return made


@dataclass(frozen=True)
class Case:
    """A program's bytes, the bytes of its inputs, and the layout (0 internal, 1 external, 2 pushed)."""

    program: bytes
    inputs: bytes
    layout: int = 0


def run_sanitized(cases: Sequence[Case], directory: Path) -> bytes:
    """What tests/c/run_programs.c writes for the cases, with each variant; fails with the sanitizer's report, or if they differ."""
    path = directory / "cases"
    path.write_bytes(b"".join(struct.pack("<III", len(c.program), len(c.inputs), c.layout) + c.program + c.inputs for c in cases))
    answers = []
    for variant in VARIANTS if shutil.which("clang") else ("readable", "fast"):
        result = subprocess.run([sanitized("run_programs", variant), path], capture_output=True, check=False, timeout=600)
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        answers.append(result.stdout)
    assert len(set(answers)) == 1, "the variants do not agree"
    return answers[0]


def flat(arrays: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.uint8]:
    """Arrays one after the other, as bytes."""
    return np.concatenate([np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays])


def sealed(data: bytes) -> bytes:
    """The same program with the CRC of its present bytes."""
    return data[:12] + struct.pack("<I", zlib.crc32(data[16:])) + data[16:]


def check_corrupt(program: p.Program, seed: int) -> None:
    """Of a program with a few bytes changed and a right checksum: it is refused, or it is a program that is written and read."""
    data = p.write(program)
    rng = np.random.default_rng(seed)
    for _ in range(60):
        changed = bytearray(data)
        for at in rng.integers(16, len(data), rng.integers(1, 4)):
            changed[at] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        try:
            found = p.read(sealed(bytes(changed)))
        except ProgramError as error:
            assert error.message and error.hint
        else:
            assert same(p.read(p.write(found)), found)


def patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    """A program with values written over it and the CRC made right again."""
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *values)
    return sealed(bytes(changed))


def edge_at(data: bytes, number: int) -> int:
    """Where the record of an edge begins."""
    return int(struct.unpack_from("<I", data, 24)[0]) + 40 * number


def operator_at(data: bytes, number: int) -> int:
    """Where the record of an operator begins."""
    return int(struct.unpack_from("<I", data, 28)[0]) + 24 * number


def parameters_at(data: bytes, kind: p.Kind) -> int:
    """Where the parameters of the program's first operator of a kind begin."""
    count = struct.unpack_from("<H", data, 18)[0]
    record = next(at for at in (operator_at(data, i) for i in range(count)) if data[at] == kind)
    return int(struct.unpack_from("<I", data, record + 8)[0])
