"""pyOCD, probe-rs and bossac: found, asked and called."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dqa.device.boards import Board
from dqa.device.flashing import probes
from dqa.device.flashing.errors import explained
from dqa.device.flashing.probes import Probe
from dqa.errors import BoardError, InputError, ToolError
from dqa.support import processes

_GET = {
    "pyocd": "pip install pyocd",
    "probe-rs": "https://probe.rs/docs/getting-started/installation",
    "bossac": "Debian/Ubuntu: apt-get install bossa-cli; Arduino's boards take Arduino's own bossac",
}
_ASK_S, _FLASH_S = 60.0, 600.0
_CPUID = 0xE000ED00
_PARTS = {
    0xC20: "cortex-m0", 0xC60: "cortex-m0plus", 0xC23: "cortex-m3", 0xC24: "cortex-m4", 0xC27: "cortex-m7",
    0xD20: "cortex-m23", 0xD21: "cortex-m33", 0xD22: "cortex-m55",
}  # fmt: skip
"""Cores by the part number in their CPUID."""


def program(tool: str) -> str:
    """Path of a tool; ToolError with a hint if it is not installed."""
    if found := shutil.which(tool):
        return found
    raise ToolError(f"{tool} is not installed", hint=_GET[tool])


class DebugTool:
    """pyOCD or probe-rs with a board; verbose: all that they say goes to stderr."""

    def __init__(self, name: str, board: Board, *, verbose: bool = False) -> None:
        """BoardError for a board whose chip has no name with the tool; ToolError where it is not installed."""
        if name not in board.chips:
            raise BoardError(f"board {board.name} has no name with {name}", hint="flash it with another tool: --with")
        self.name, self.board, self.chip, self._verbose = name, board, board.chips[name], verbose
        self._program = program(name)

    def probe(self, named: str | None) -> Probe:
        """The probe to use; errors as dqa.device.flashing.probes.one."""
        if self.name == "pyocd":
            found = probes.of_pyocd(self._call(["json", "--probes"], _ASK_S))
        else:
            found = probes.of_probe_rs(self._call(["list"], _ASK_S))
        return probes.one(self.board, found, named)

    def check_name(self) -> None:
        """ToolError where the tool, as it is installed, does not know the board's chip."""
        if self.name == "probe-rs":
            self._call(["chip", "info", self.chip], _ASK_S)
        elif f'"{self.chip}"' not in self._call(["json", "--targets"], _ASK_S).lower():
            raise explained("pyocd", self.board, f"Target type {self.chip} not recognized")

    def check_chip(self, probe: Probe) -> None:
        """InputError where the probe's processor is of another kind than the board's; ToolError where it does not answer."""
        if self.name == "pyocd":
            said = self._call(["commander", *self._at(probe, "cortex_m"), "-c", f"read32 {_CPUID:#x}"], _ASK_S)
        else:
            said = self._call(["read", *self._at(probe, self.chip), "b32", f"{_CPUID:#x}", "1"], _ASK_S)
        words = [int(word, 16) for word in re.findall(r"\b(?:0x)?([0-9a-fA-F]{8})\b", said)]
        cores = [_PARTS.get(word >> 4 & 0xFFF, f"a part {word >> 4 & 0xFFF:#x}") for word in words if word >> 24 == 0x41]
        if not cores:
            raise ToolError(f"{self.name} does not tell which processor probe {probe} is connected to: {' '.join(said.split())[-200:]}")
        if self.board.core not in cores:
            raise InputError(
                f"probe {probe} is connected to {cores[-1]}, board {self.board.name} has {self.board.core}",
                hint="connect the other board, or name its probe with --probe",
            )

    def recover(self, probe: Probe) -> None:
        """Erases all of a locked chip's flash, which unlocks it."""
        if self.name == "pyocd":
            self._call(["erase", "--mass", *self._at(probe, self.chip, unlock=True)], _FLASH_S)
        else:
            self._call(["erase", *self._at(probe, self.chip), "--allow-erase-all"], _FLASH_S)

    def flash(self, probe: Probe, elf: Path) -> None:
        """Writes, verifies as the tool does, and starts the firmware."""
        if self.name == "pyocd":
            self._call(["load", *self._at(probe, self.chip), str(elf.with_suffix(".hex"))], _FLASH_S)
        else:
            self._call(["download", *self._at(probe, self.chip), "--verify", str(elf)], _FLASH_S)
            self._call(["reset", *self._at(probe, self.chip)], _ASK_S)

    def _at(self, probe: Probe, chip: str, *, unlock: bool = False) -> list[str]:
        if self.name == "pyocd":
            # pyOCD would wait for a probe that is gone, and erase a locked chip without being told to
            return ["--no-wait", "-O", f"auto_unlock={str(unlock).lower()}", "--target", chip, "--uid", probe.selector]
        return ["--chip", chip, "--probe", probe.selector]

    def _call(self, arguments: Sequence[str], patience: float) -> str:
        return call(self.name, [self._program, *arguments], self.board, patience, verbose=self._verbose)


def bossac(board: Board, port: str, image: Path, *, verbose: bool = False) -> None:
    """Writes an image through the SAM-BA boot loader at a serial port."""
    command = [program("bossac"), "-d", f"--port={port}", "-U", "-i", "-e", "-w", str(image), "-R"]
    call("bossac", command, board, _FLASH_S, verbose=verbose)


def call(name: str, command: Sequence[str], board: Board, patience: float, *, verbose: bool) -> str:
    """What a tool says; what it complains of as an error."""
    try:
        run = processes.run(command, stderr=subprocess.STDOUT, timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} did not end in {patience:g} s", hint="reconnect the board") from error
    if verbose:
        sys.stderr.write(run.stdout)
    if run.returncode != 0:
        raise explained(name, board, run.stdout)
    return run.stdout
