"""What a firmware takes of a board's memory, read from its ELF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from dqa.errors import ToolError

_STACK = ".stack"
_MODELS = ("dqa_model_program", "dqa_model_tflite")
"""Constant arrays that hold the model: the program, or the whole .tflite file."""


@dataclass(frozen=True)
class Sizes:
    """Bytes: flash = code (with constants and the initial .data) + model; RAM = .data + .bss, without the stack."""

    flash_code: int
    flash_model: int
    ram_static: int


def measure(elf: Path) -> Sizes:
    """Sizes of an ELF file linked by firmware/bsp/link.ld; ToolError if it is not one."""
    flash = ram = model = 0
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            for section in file.iter_sections():
                header = section.header
                if isinstance(section, SymbolTableSection):
                    model += sum(s.entry.st_size for s in section.iter_symbols() if s.name in _MODELS)
                if not header.sh_flags & SH_FLAGS.SHF_ALLOC or section.name == _STACK:
                    continue
                if header.sh_type != "SHT_NOBITS":
                    flash += header.sh_size
                if header.sh_flags & SH_FLAGS.SHF_WRITE and not section.name.startswith(".init"):
                    ram += header.sh_size
    except (OSError, ELFError) as error:
        raise ToolError(f"cannot read {elf}: {error}", hint="build the firmware again") from error
    return Sizes(flash - model, model, ram)
