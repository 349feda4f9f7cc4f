"""Programs with standard streams of the host on a simulated mps2_an386, without dqa's firmware around them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

COMPILER, SIMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
START = r"""
extern void _start(void);
__attribute__((section(".vectors"))) void *const vectors[16] = {(void *)0x00380000, (void *)_start};
"""
"""C beside a program: stack and first instruction."""
PROCESSOR = ("-mcpu=cortex-m4", "-mthumb", "--specs=rdimon.specs")
LINK = ("-Wl,--section-start=.vectors=0", "-Wl,-u,vectors", "-Wl,--gc-sections")


def command(program: Path) -> list[str]:
    """What runs it."""
    board = "-M mps2-an386 -nographic -monitor none -serial none -semihosting-config enable=on,target=native -kernel"
    return [SIMULATOR, *board.split(), str(program)]


needs_board = pytest.mark.skipif(not (shutil.which(COMPILER) and shutil.which(SIMULATOR)), reason=f"needs {COMPILER} and {SIMULATOR}")
