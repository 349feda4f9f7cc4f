"""Firmware that was built: its files and figures, and where they lie in OUT/firmware."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dqa.device import stack
from dqa.device.sizes import Sizes, measure

BARE, PLATFORMIO = "bare", "platformio"
"""Who builds: the compiler called directly, or PlatformIO."""


@dataclass(frozen=True)
class BuildResult:
    """The firmware, its sizes in bytes (see Sizes), and the most stack that loading or an inference takes (see dqa.device.stack).

    builder: BARE or PLATFORMIO. note: what the user should know of how it was built, or "".
    """

    elf: Path
    flash_code: int
    flash_model: int
    ram_static: int
    ram_model: int
    stack: int | None
    map_file: Path
    builder: str = PLATFORMIO
    note: str = ""

    def figures(self) -> dict[str, dict[str, int]]:
        """The sizes as the report and `dqa build --json` give them; stack_bound is absent where no bound is known."""
        ram = {"static": self.ram_static, "model": self.ram_model}
        if self.stack is not None:
            ram["stack_bound"] = self.stack
        return {"flash": {"code": self.flash_code, "model": self.flash_model}, "ram": ram}

    def images(self) -> list[Path]:
        """The files for a board's programmer that lie beside the ELF file."""
        found = (self.elf.with_suffix(suffix) for suffix in (".bin", ".hex"))
        return [file for file in found if file.is_file()]


def result(elf: Path, builder: str = PLATFORMIO, note: str = "") -> BuildResult:
    """The figures of a firmware already built."""
    sizes: Sizes = measure(elf)
    map_file = elf.with_suffix(".map")
    return BuildResult(
        elf, sizes.flash_code, sizes.flash_model, sizes.ram_static, sizes.ram_model, stack.bound(elf), map_file, builder, note
    )


def build_folder(project: Path, runtime: str, pushed: bool, builder: str = PLATFORMIO) -> Path:
    """Where builds of OUT/firmware lie, a folder for each board in it."""
    name = builder if builder == BARE and runtime == "standalone" else f"{builder}-{runtime}" if builder == BARE else runtime
    return project / ".pio" / (f"{name}-pushed" if pushed else name)


def elf_path(out: Path, board: str, runtime: str = "standalone", builder: str = PLATFORMIO, *, pushed: bool = False) -> Path:
    """Where a build puts the firmware."""
    return build_folder(out / "firmware", runtime, pushed, builder) / board / "firmware.elf"


def newest(out: Path, board: str, runtime: str, *, pushed: bool) -> Path | None:
    """The firmware built last, by whichever builder; None if there is none."""
    found = [elf_path(out, board, runtime, builder, pushed=pushed) for builder in (BARE, PLATFORMIO)]
    return max((elf for elf in found if elf.is_file()), key=lambda elf: elf.stat().st_mtime, default=None)
