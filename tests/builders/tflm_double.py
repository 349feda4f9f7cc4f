"""A tree that looks like a built one of TensorFlow Lite Micro, with the test double of its interpreter (tests/c/tflm) as its library."""

from __future__ import annotations

import subprocess
from pathlib import Path

from builders.c_tools import SOURCES
from dqa.device import boards

DOUBLE = SOURCES / "tflm"
_HEADERS = (
    *(f"micro/{name}.h" for name in ("micro_common", "micro_context", "micro_log", "micro_interpreter", "micro_mutable_op_resolver")),
    "micro/debug_log.h",
    "micro/micro_time.h",
    "schema/schema_generated.h",
    "micro/tools/make/downloads/flatbuffers/include/flatbuffers/flatbuffers.h",
)


def make_tree(root: Path) -> Path:
    """The tree, in the folder root, with a library for Cortex-M4F."""
    for name in _HEADERS:
        header = root / "tensorflow" / "lite" / name
        header.parent.mkdir(parents=True, exist_ok=True)
        # as it is, for dqa looks into the resolver's
        header.write_text((DOUBLE / "interpreter.h").read_text().replace("interface.h", str(DOUBLE / "interface.h")))
    add_library(root, "cortex-m4+fp", boards.load_board("mps2_an386"))
    return root


def add_library(root: Path, name: str, board: boards.Board) -> Path:
    """The double as a library for a board's core."""
    library = root / "gen" / f"cortex_m_generic_{name}_default" / "lib" / "libtensorflow-microlite.a"
    library.parent.mkdir(parents=True)
    flags = ["-std=c++17", "-O2", "-mthumb", "-fno-rtti", "-fno-exceptions", *board.cpu_flags]
    member = library.with_name("interpreter.o")
    subprocess.run(["arm-none-eabi-g++", *flags, "-c", DOUBLE / "interpreter.cc", "-o", member], check=True)
    subprocess.run(["arm-none-eabi-gcc-ar", "rc", library, member], check=True)
    return library
