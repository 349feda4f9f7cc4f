"""The simulators of boards behind one interface."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from dqa.device.boards import Board, list_boards
from dqa.device.renode import platform
from dqa.device.renode.simulator import RenodeSimulator
from dqa.device.simulate import Simulator
from dqa.errors import BoardError
from dqa.support.settings import BACKENDS

QEMU, RENODE = BACKENDS


class Backend(Protocol):
    """A simulator of a board and its firmware. Methods raise ToolError where the simulator fails."""

    @property
    def port(self) -> str:
        """The board's serial port, as pyserial names it, while it runs."""

    def available(self) -> object:
        """What runs it; ToolError with a hint where it is not installed."""

    def start(self) -> None:
        """Until it runs."""

    def instructions(self) -> int | None:
        """Those executed since the start; None where they are not counted."""

    def wait(self) -> None:
        """Until it ends."""

    def stop(self) -> object:
        """Ends it."""


def check(board: Board, backend: str) -> None:
    """BoardError where a backend does not simulate a board."""
    if backend == QEMU and not board.simulated:
        known = "; Renode simulates it: --backend renode" if platform.supported(board) else ""
        raise BoardError(f"board '{board.name}' is not a simulated one", hint=f"see dqa boards; a real one takes dqa flash{known}")
    if backend == RENODE and not platform.supported(board):
        names = ", ".join(known.name for known in list_boards() if platform.supported(known))
        raise BoardError(f"board '{board.name}' cannot be simulated in Renode", hint=f"Renode simulates: {names}")


def backend(name: str, board: Board, elf: Path, *, tcp_port: int | None, renode: Path | None = None) -> Backend:
    """A simulator, not started. tcp_port: QEMU's, for the serial port. renode: where Renode is, None to look for it."""
    check(board, name)
    return RenodeSimulator(board, elf, renode=renode) if name == RENODE else Simulator(board, elf, port=tcp_port)
