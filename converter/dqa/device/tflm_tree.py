"""A TensorFlow Lite Micro tree in which the user ran TFLM's own `microlite` target: found, checked, never built here."""

from __future__ import annotations

import io
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from dqa import processes
from dqa.device.boards import Board
from dqa.errors import InputError, ToolError

VARIABLE = "DQA_TFLM_DIR"
_HEADER = Path("tensorflow/lite/micro/micro_interpreter.h")
_FLATBUFFERS = Path("tensorflow/lite/micro/tools/make/downloads/flatbuffers/include/flatbuffers/flatbuffers.h")
_LIBRARY = "libtensorflow-microlite.a"
_ARCHITECTURES = {"cortex-m4": 13, "cortex-m7": 13, "cortex-m55": 21}
"""Tag_CPU_arch of each core: v7E-M, v8.1-M.mainline."""
_NAMES = {
    2: "Armv6",
    11: "Armv6-M",
    12: "Armv6S-M",
    10: "Armv7-M",
    13: "Armv7E-M",
    16: "Armv8-M.base",
    17: "Armv8-M.main",
    21: "Armv8.1-M.main",
}
_HARD_FLOAT = 1


@dataclass(frozen=True)
class TflmTree:
    """Where TFLM is; `version` is the tree's commit, or "unknown"."""

    root: Path
    library: Path
    version: str


@dataclass(frozen=True)
class Architecture:
    """Build attributes of an Arm object: Tag_CPU_arch and Tag_ABI_VFP_args."""

    cpu: int
    float_abi: int

    def __str__(self) -> str:
        return f"{_NAMES.get(self.cpu, f'architecture {self.cpu}')}, {'hard' if self.float_abi == _HARD_FLOAT else 'soft'} float"


def find(board: Board, directory: Path | None) -> TflmTree:
    """The tree in `directory` (or DQA_TFLM_DIR) and its library for the board's core; InputError says what is missing."""
    named = directory or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise InputError("runtime tflm needs a TensorFlow Lite Micro tree", hint=f"give it with --tflm DIR or {VARIABLE}")
    root = named.resolve()
    for file in (_HEADER, _FLATBUFFERS):
        if not (root / file).is_file():
            raise InputError(f"{root} is no built TensorFlow Lite Micro tree: {file} is missing", hint=_make_hint(board))
    libraries = sorted(root.glob(f"gen/*/lib/{_LIBRARY}"))
    if not libraries:
        raise InputError(f"{root} holds no gen/*/lib/{_LIBRARY}", hint=_make_hint(board))
    wanted = Architecture(_ARCHITECTURES[board.core], _HARD_FLOAT)
    found = {library: architecture(library) for library in libraries}
    for library, is_for in found.items():
        if is_for == wanted:
            return TflmTree(root, library, _version(root))
    others = "; ".join(f"{library.parent.parent.name}: {is_for}" for library, is_for in found.items())
    raise InputError(f"no {_LIBRARY} for {board.core} ({wanted}) in {root / 'gen'}; found {others}", hint=_make_hint(board))


def environment(board: Board, directory: Path | None) -> dict[str, str]:
    """The variables by which firmware/build_board.py finds the tree; errors as find."""
    tree = find(board, directory)
    return {VARIABLE: str(tree.root), "DQA_TFLM_LIBRARY": str(tree.library)}


def architecture(archive: Path) -> Architecture:
    """What the objects of a static library were compiled for, by the first of them; InputError if it holds no Arm object."""
    try:
        return _first_object(archive.read_bytes())
    except (OSError, ValueError, ELFError, UnicodeDecodeError) as error:
        raise InputError(
            f"{archive} is not a library of Arm objects: {error}", hint="build it again with TFLM's microlite target"
        ) from error


def _first_object(data: bytes) -> Architecture:
    if not data.startswith(b"!<arch>\n"):
        raise ValueError("no ar archive")
    at = 8
    while at + 60 <= len(data):
        size = int(data[at + 48 : at + 58].decode())
        member = data[at + 60 : at + 60 + size]
        if member.startswith(b"\x7fELF"):
            return _attributes(member)
        at += 60 + size + size % 2
    raise ValueError("no object in it")


def _attributes(member: bytes) -> Architecture:
    file = ELFFile(io.BytesIO(member))
    if file["e_machine"] != "EM_ARM":
        raise ValueError(f"its objects are for {file['e_machine'].removeprefix('EM_')}")
    section = file.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        raise ValueError("its objects have no build attributes")
    values = {
        attribute.tag: attribute.value
        for subsection in section.iter_subsections()
        for part in subsection.iter_subsubsections()
        for attribute in part.iter_attributes()
    }
    return Architecture(int(values.get("TAG_CPU_ARCH", 0)), int(values.get("TAG_ABI_VFP_ARGS", 0)))


def _version(root: Path) -> str:
    try:
        run = processes.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], timeout=10)
    except (ToolError, subprocess.TimeoutExpired):
        return "unknown"
    return run.stdout.strip() or "unknown"


def _make_hint(board: Board) -> str:
    return (
        "in the tree run: make -f tensorflow/lite/micro/tools/make/Makefile TARGET=cortex_m_generic "
        f"TARGET_ARCH={board.core}+fp OPTIMIZED_KERNEL_DIR=cmsis_nn microlite"
    ).replace("cortex-m55+fp", "cortex-m55")
