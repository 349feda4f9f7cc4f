"""A TensorFlow Lite Micro tree in which the user ran TFLM's own `microlite` target: found, checked, never built here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from elftools.common.exceptions import ELFError

from dqa.device.boards import Board
from dqa.device.toolchain import Architecture, architecture, architecture_of
from dqa.errors import InputError, ToolError
from dqa.support import processes

VARIABLE = "DQA_TFLM_DIR"
_HEADER = Path("tensorflow/lite/micro/micro_interpreter.h")
_RESOLVER = Path("tensorflow/lite/micro/micro_mutable_op_resolver.h")
_DOWNLOADS = Path("tensorflow/lite/micro/tools/make/downloads")
_FLATBUFFERS = _DOWNLOADS / "flatbuffers/include/flatbuffers/flatbuffers.h"
_INCLUDES = (Path(), _DOWNLOADS / "flatbuffers/include", _DOWNLOADS / "gemmlowp", _DOWNLOADS / "ruy")
_DEFINES = ("TF_LITE_STATIC_MEMORY", "CMSIS_NN")
"""TFLM's headers must be compiled as its library was."""
_LIBRARY = "libtensorflow-microlite.a"


@dataclass(frozen=True)
class TflmTree:
    """Where TFLM is, and its library for a board; `version` is the tree's commit, or "unknown"."""

    root: Path
    library: Path
    built_for: Architecture
    version: str


@dataclass(frozen=True)
class Tflm:
    """What a firmware that runs inside TFLM is built with; arena: its bytes, None for an estimate that is surely enough."""

    tree: TflmTree
    arena: int | None = None


def find(board: Board, directory: Path | None) -> TflmTree:
    """The tree in `directory` (or DQA_TFLM_DIR) and its library for the board's core; InputError says what is missing.

    A library for exactly the board's core and FPU is preferred to one that also runs there. ToolError: the compiler is not installed.
    """
    named = directory or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise InputError("runtime tflm needs a TensorFlow Lite Micro tree", hint=f"give it with --tflm DIR or {VARIABLE}")
    root = named.resolve()
    for file in (_HEADER, _RESOLVER, _FLATBUFFERS):
        if not (root / file).is_file():
            raise InputError(f"{root} is no built TensorFlow Lite Micro tree: {file} is missing", hint=_make_hint(board))
    libraries = sorted(root.glob(f"gen/*/lib/{_LIBRARY}"))
    if not libraries:
        raise InputError(f"{root} holds no gen/*/lib/{_LIBRARY}", hint=_make_hint(board))
    found = {library: built_for(library) for library in libraries}
    wanted = architecture_of(board)
    usable = {library: is_for for library, is_for in found.items() if is_for.runs_on(wanted)}
    if usable:
        library = max(usable, key=lambda path: (usable[path] == wanted, usable[path].fpu, usable[path].doubles))
        return TflmTree(root, library, usable[library], _version(root))
    others = "; ".join(f"{library.parent.parent.name}: {is_for}" for library, is_for in found.items())
    raise InputError(f"no {_LIBRARY} for {board.core} ({wanted}) in {root / 'gen'}; found {others}", hint=_make_hint(board))


def check_builtins(tree: TflmTree, names: Sequence[str]) -> None:
    """InputError where the tree's resolver does not know a builtin by its name: Conv2D for AddConv2D."""
    text = (tree.root / _RESOLVER).read_text(encoding="utf-8", errors="replace")
    lacking = [name for name in names if not re.search(rf"\bAdd{name}\(", text)]
    if lacking:
        raise InputError(
            f"TensorFlow Lite Micro in {tree.root} (version {tree.version}) does not have {', '.join(lacking)}, which the model uses",
            hint="take a newer TensorFlow Lite Micro, or replace these operators in the model",
        )


def environment(tflm: Tflm, project: Path) -> dict[str, str]:
    """The variables by which firmware/build_board.py gets the tree."""
    return {"DQA_TFLM_LIBRARY": str(tflm.tree.library), "DQA_TFLM_FLAGS": shlex.join(flags(tflm, project))}


def flags(tflm: Tflm, project: Path) -> list[str]:
    """What compiles the firmware of `project` with TFLM."""
    defines = [f"-D{name}" for name in ("DQA_RUNTIME_TFLM", *_DEFINES)]
    defines += [f"-DDQA_TFLM_ARENA_SIZE={tflm.arena}"] if tflm.arena is not None else []
    includes = [word for place in _INCLUDES for word in ("-isystem", str(tflm.tree.root / place))]
    # the assembler finds model.tflite in the project
    return [*defines, *includes, f"-I{project / 'lib' / 'dqa_tflm' / 'include'}", f"-Wa,-I{project}"]


def link_flags(tflm: Tflm) -> list[str]:
    """What links the firmware with TFLM, after the objects."""
    libraries = (str(tflm.tree.library), "-lstdc++", "-lm", "-lc", "-lgcc", "-lnosys")
    return ["-Wl,--start-group", *libraries, "-Wl,--end-group"]


def built_for(archive: Path) -> Architecture:
    """What the objects of a static library need; InputError if it holds no Arm object."""
    try:
        objects = [architecture(member) for member in _objects(archive.read_bytes())]
        if not objects:
            raise ValueError("no object in it")
        return reduce(Architecture.joined, objects)
    except (OSError, ValueError, ELFError, UnicodeDecodeError) as error:
        raise InputError(
            f"{archive} is not a library of Arm objects: {error}", hint="build it again with TFLM's microlite target"
        ) from error


def _objects(data: bytes) -> Iterator[bytes]:
    if not data.startswith(b"!<arch>\n"):
        raise ValueError("no ar archive")
    at = 8
    while at + 60 <= len(data):
        size = int(data[at + 48 : at + 58].decode())
        member = data[at + 60 : at + 60 + size]
        if member.startswith(b"\x7fELF"):
            yield member
        at += 60 + size + size % 2


def _version(root: Path) -> str:
    try:
        run = processes.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], timeout=10)
    except (ToolError, subprocess.TimeoutExpired):
        return "unknown"
    return run.stdout.strip() or "unknown"


def _make_hint(board: Board) -> str:
    has_fpu = "-mfloat-abi=hard" in board.cpu_flags
    # TFLM names the FPU of these two only; its cortex-m7+fp computes doubles, which a single-precision FPU cannot
    single_m7 = board.core == "cortex-m7" and "-mfpu=fpv5-sp-d16" in board.cpu_flags
    target = "cortex-m4+fp" if single_m7 else f"{board.core}+fp" if board.core in ("cortex-m4", "cortex-m7") and has_fpu else board.core
    return (
        "in the tree run, with numpy in its Python and an arm-none-eabi-gcc in /usr/bin: make -f tensorflow/lite/micro/tools/make/Makefile "
        f"TARGET=cortex_m_generic TARGET_ARCH={target} OPTIMIZED_KERNEL_DIR=cmsis_nn TARGET_TOOLCHAIN_ROOT=/usr/bin/ microlite"
    )
