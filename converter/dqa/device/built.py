"""Firmware that was built: its files and figures, and their place in OUT/build."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dqa.device import stack
from dqa.device.sizes import Sizes, measure
from dqa.report import program_sha256
from dqa.support import manifest
from dqa.support.directories import staged
from dqa.support.settings import DQA_ONLY
from dqa.support.version import __version__

BARE, PLATFORMIO = "bare", "platformio"
"""Who builds: the compiler called directly, or PlatformIO."""
_ABOUT = "build.json"
_IMAGES = (".bin", ".hex")


@dataclass(frozen=True)
class BuildResult:
    """The firmware, its sizes in bytes (see Sizes), and the most stack that loading or an inference takes (see dqa.device.stack).

    program_sha256: of the program it was built for. notes: what a user should know: sources that were changed, a report left as it was,
    PlatformIO out of reach, an arena that is an estimate. builder: BARE or PLATFORMIO.
    """

    elf: Path
    flash_code: int
    flash_model: int
    ram_static: int
    ram_model: int
    stack: int | None
    map_file: Path
    program_sha256: str | None = None
    notes: tuple[str, ...] = ()
    builder: str = PLATFORMIO

    def figures(self) -> dict[str, dict[str, int]]:
        """The sizes as the report and `dqa build --json` give them; stack_bound is absent where no bound is known."""
        ram = {"static": self.ram_static, "model": self.ram_model}
        if self.stack is not None:
            ram["stack_bound"] = self.stack
        return {"flash": {"code": self.flash_code, "model": self.flash_model}, "ram": ram}

    def images(self) -> list[Path]:
        """The files for a board's programmer that lie beside the ELF file."""
        return [image for image in map(self.elf.with_suffix, _IMAGES) if image.is_file()]


def result(elf: Path, builder: str = PLATFORMIO) -> BuildResult:
    """The figures of a firmware already built, beside the compiler's notes on its objects."""
    sizes: Sizes = measure(elf)
    figures = sizes.flash_code, sizes.flash_model, sizes.ram_static, sizes.ram_model
    return BuildResult(elf, *figures, stack.bound(elf), elf.with_suffix(".map"), builder=builder)


def variant(runtime: str, pushed: bool, protocol: str = DQA_ONLY, profile: bool = False) -> str:
    """The name of a kind of firmware."""
    return runtime + "-pushed" * pushed + f"-{protocol}" * (protocol != DQA_ONLY) + "-profile" * profile


def elf_path(
    out: Path, board: str, runtime: str = "standalone", *, pushed: bool = False, protocol: str = DQA_ONLY, profile: bool = False
) -> Path:
    """Where `publish` puts the firmware."""
    return out / "build" / board / variant(runtime, pushed, protocol, profile) / "firmware.elf"


def found(out: Path, board: str, runtime: str = "standalone", *, pushed: bool = False) -> BuildResult | None:
    """What was published for the program that is in OUT now; None if nothing was."""
    elf = elf_path(out, board, runtime, pushed=pushed)
    try:
        about = json.loads((elf.parent / _ABOUT).read_text(encoding="utf-8"))
        flash, ram, program = about["flash"], about["ram"], about["program_sha256"]
        if program != program_sha256(out):
            return None
        sizes = int(flash["code"]), int(flash["model"]), int(ram["static"]), int(ram["model"])
        return BuildResult(elf, *sizes, ram.get("stack_bound"), elf.with_suffix(".map"), program, builder=about["builder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def publish(
    out: Path, board: str, runtime: str, pushed: bool, made: BuildResult, protocol: str = DQA_ONLY, profile: bool = False
) -> BuildResult:
    """Puts what was made, and what is known of it, in the place of an earlier build."""
    elf = elf_path(out, board, runtime, pushed=pushed, protocol=protocol, profile=profile)
    program = program_sha256(out)
    about: dict[str, Any] = {"dqa": __version__, "program_sha256": program, "board": board, "runtime": runtime, "pushed": pushed}
    about |= {"protocol": protocol, "builder": made.builder}
    with staged(elf.parent, manifest.users) as new:
        for file in (made.elf, made.map_file, *made.images()):
            shutil.copyfile(file, new / file.name)
        (new / _ABOUT).write_text(json.dumps(about | made.figures(), indent=1) + "\n", encoding="utf-8")
        manifest.create(new, "build", program)
        manifest.check_room(new, manifest.users(elf.parent))
    return replace(made, elf=elf, map_file=elf.with_suffix(".map"), program_sha256=program)
