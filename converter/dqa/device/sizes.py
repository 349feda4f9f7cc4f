"""What a firmware takes of a board's memory, read from its ELF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from dqa.errors import ToolError
from dqa.support import resources

_STACK = ".stack"
_MODELS = ("dqa_model_program", "dqa_model_tflite")
"""Constant arrays that hold the model: the program, or the whole .tflite file."""


@dataclass(frozen=True)
class Sizes:
    """Bytes: flash = code (with constants and the initial .data) + model; RAM = .data + .bss, without the stack.

    ram_model: what of the RAM any program needs to run the model: the arena, the variables of model.c and of the libraries and, where rows
    are pushed, one row; the rest is the firmware's own (serial port, protocol) and gaps for alignment.
    """

    flash_code: int
    flash_model: int
    ram_static: int
    ram_model: int


def measure(elf: Path) -> Sizes:
    """Sizes of an ELF file linked by firmware/bsp/link.ld; ToolError if it is not one."""
    flash = ram = model = variables = 0
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            writable = set()
            for index, section in enumerate(file.iter_sections()):
                header = section.header
                if not header.sh_flags & SH_FLAGS.SHF_ALLOC or section.name == _STACK:
                    continue
                if header.sh_type != "SHT_NOBITS":
                    flash += header.sh_size
                if header.sh_flags & SH_FLAGS.SHF_WRITE and not section.name.startswith(".init"):
                    writable.add(index)
                    ram += header.sh_size
            harness = _harness()
            for source, name, where, size in _objects(file.get_section_by_name(".symtab")):
                model += size if name in _MODELS else 0
                variables += size if where in writable and source not in harness else 0
    except (OSError, ELFError) as error:
        raise ToolError(f"cannot read {elf}: {error}", hint="build the firmware again") from error
    return Sizes(flash - model, model, ram, variables)


def _harness() -> set[str]:
    """The sources of the device under test that are not the model's: all but the runtime. Their variables are static."""
    sources = resources.path("firmware")
    return {file.name for folder in ("src", "bsp") for file in (sources / folder).iterdir() if not file.name.startswith("runtime_")}


def _objects(table: Section | None) -> Iterator[tuple[str, str, int | str, int]]:
    """Source ("" for a global), name, section and size of every variable and constant array."""
    source = ""
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        entry = symbol.entry
        kind = entry.st_info.type
        if kind == "STT_FILE":
            source = symbol.name
        elif kind == "STT_OBJECT":
            yield source if entry.st_info.bind == "STB_LOCAL" else "", symbol.name, entry.st_shndx, entry.st_size
