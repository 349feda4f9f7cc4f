"""The cross compiler: where it is, what its objects are for, what its linker says when a model does not fit."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from dqa.device.boards import Board
from dqa.errors import BoardError, ToolError
from dqa.support import processes

COMPILER = "arm-none-eabi-gcc"
_OVERFLOW = re.compile(r"region [`'](RAM|ARENA|FLASH)' overflowed by (\d+) bytes?")
_MEMORY = {"RAM": "RAM", "ARENA": "RAM for the arena", "FLASH": "flash"}
_CORES = {
    2: "Armv6",
    10: "Armv7-M",
    11: "Armv6-M",
    12: "Armv6S-M",
    13: "Armv7E-M",
    16: "Armv8-M.base",
    17: "Armv8-M.main",
    21: "Armv8.1-M.main",
}
_FPUS = {0: "no FPU", 6: "FPv4", 8: "FPv5"}
_HARD_FLOAT, _SINGLE_ONLY = 1, 1


@dataclass(frozen=True)
class Architecture:
    """Build attributes of Arm objects: Tag_CPU_arch, Tag_ABI_VFP_args, Tag_FP_arch, doubles in its registers, Tag_DSP and Tag_MVE_arch."""

    cpu: int
    float_abi: int = 0
    fpu: int = 0
    doubles: bool = False
    dsp: int = 0
    mve: int = 0

    def runs_on(self, board: Architecture) -> bool:
        """Whether code for this runs in the firmware of a board: the same core and calls, and no instruction that the board lacks."""
        same = (self.cpu, self.float_abi) == (board.cpu, board.float_abi)
        return same and self.fpu <= board.fpu and self.doubles <= board.doubles and self.dsp <= board.dsp and self.mve <= board.mve

    def joined(self, other: Architecture) -> Architecture:
        """What both need."""
        return Architecture(
            max(self.cpu, other.cpu),
            max(self.float_abi, other.float_abi),
            max(self.fpu, other.fpu),
            self.doubles or other.doubles,
            max(self.dsp, other.dsp),
            max(self.mve, other.mve),
        )

    def __str__(self) -> str:
        fpu = _FPUS.get(self.fpu, f"FPU {self.fpu}") + (("-DP" if self.doubles else "-SP") if self.fpu else "")
        abi = "hard" if self.float_abi == _HARD_FLOAT else "soft"
        return f"{_CORES.get(self.cpu, f'architecture {self.cpu}')}, {abi} float, {fpu}{', MVE' if self.mve else ''}"


def compiler(name: str = COMPILER) -> str:
    """Path of the cross compiler, or of another program of it; ToolError with a hint if it is not installed."""
    found = shutil.which(name)
    if not found:
        hint = (
            "Debian/Ubuntu: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib; "
            "macOS: brew install --cask gcc-arm-embedded; Windows: winget install Arm.GnuArmEmbeddedToolchain"
        )
        raise ToolError(f"{name} is not installed", hint=hint)
    return found


def overflow(log: str, board: Board) -> BoardError | None:
    """The error for a linker's output that says the model does not fit, None for any other output."""
    found = {region: int(count) for region, count in _OVERFLOW.findall(log)}
    if not found:
        return None
    needs = " and ".join(f"{count} bytes of {_MEMORY[region]} more" for region, count in found.items())
    ram = " + ".join(str(bank.size) for bank in board.banks)
    return BoardError(
        f"model does not fit board {board.name}: needs {needs}",
        hint=f"it has {ram} bytes of RAM and {board.flash.size} of flash; convert with fewer --bits, or use a larger board",
    )


def architecture_of(board: Board) -> Architecture:
    """What the compiler makes for a board; ToolError if it is not installed."""
    with processes.folder() as folder:
        source, made = folder / "empty.c", folder / "empty.o"
        source.touch()
        run = processes.run([compiler(), *board.cpu_flags, "-mthumb", "-c", str(source), "-o", str(made)])
        if run.returncode != 0:
            raise ToolError(f"{COMPILER} does not compile for {board.core}", hint=run.stderr.strip()[-500:])
        return architecture(made.read_bytes())


def architecture(content: bytes) -> Architecture:
    """Of an Arm object; ValueError or ELFError if it is none."""
    file = ELFFile(io.BytesIO(content))
    if file["e_machine"] != "EM_ARM":
        raise ValueError(f"its objects are for {str(file['e_machine']).removeprefix('EM_')}")
    section = file.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        raise ValueError("its objects have no build attributes")
    values = {
        attribute.tag: attribute.value
        for subsection in section.iter_subsections()
        for part in subsection.iter_subsubsections()
        for attribute in part.iter_attributes()
    }
    fpu = int(values.get("TAG_FP_ARCH", 0))
    return Architecture(
        cpu=int(values.get("TAG_CPU_ARCH", 0)),
        float_abi=int(values.get("TAG_ABI_VFP_ARGS", 0)),
        fpu=fpu,
        doubles=fpu > 0 and int(values.get("TAG_ABI_HARDFP_USE", 0)) != _SINGLE_ONLY,
        dsp=int(values.get("TAG_DSP_EXTENSION", 0)),
        mve=int(values.get("TAG_MVE_ARCH", 0)),
    )
