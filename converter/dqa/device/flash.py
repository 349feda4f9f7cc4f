"""Writes firmware to real boards."""

from __future__ import annotations

from pathlib import Path

from dqa.device.boards import load_board
from dqa.device.build import upload
from dqa.errors import BoardError


def flash(
    out: Path,
    board: str,
    port: str | None = None,
    runtime: str = "standalone",
    tflm: Path | None = None,
    quiet: bool = True,
    *,
    pushed: bool = False,
    profile: bool = False,
) -> None:
    """Builds OUT's firmware as dqa.device.build does and flashes it; port: the upload tool's port, None to let it find the board.

    BoardError: unknown or simulated board. ToolError: the build or the upload tool failed.
    """
    chosen = load_board(board)
    if chosen.simulated:
        raise BoardError(f"board {board} is simulated: there is nothing to flash", hint=f"run it with: dqa simulate {out} --board {board}")
    upload(out, chosen, port, runtime, tflm, quiet, pushed, profile)
