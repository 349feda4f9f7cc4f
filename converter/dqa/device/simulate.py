"""Simulated boards: QEMU as a child that never outlives its parent."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dqa.device.boards import Board
from dqa.device.link import SocketLink
from dqa.errors import BoardError, ToolError
from dqa.support import processes

_QEMU = "qemu-system-arm"
_CONTROL_S = 30.0
_QEMU_HINT = (
    "Debian/Ubuntu: apt-get install qemu-system-arm; macOS: brew install qemu; Windows: winget install SoftwareFreedomConservancy.QEMU"
)


def qemu() -> str:
    """Path of QEMU; ToolError with a hint if it is not installed."""
    found = shutil.which(_QEMU)
    if not found:
        raise ToolError(f"{_QEMU} is not installed", hint=_QEMU_HINT)
    return found


class Simulator:
    """A board in QEMU running `elf`; use it as a context manager, `link` is its serial port.

    icount: run one instruction per 2^shift ns of virtual time, so that the board's counter counts instructions exactly; slower.
    port: instead of `link`, serve the serial port on this TCP port of 127.0.0.1, as `port` names it.
    """

    def __init__(self, board: Board, elf: Path, *, icount: bool = False, port: int | None = None) -> None:
        if board.qemu is None:
            names = "a simulated board has a machine in boards/*.json"
            raise BoardError(f"board {board.name} cannot be simulated", hint=f"see: dqa boards ({names})")
        self._qemu = qemu()
        self.board = board
        self._elf = elf
        self._icount = icount
        self._tcp_port = port
        self._control: socket.socket | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the simulator
        self._open = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: SocketLink | None = None

    @property
    def link(self) -> SocketLink:
        if self._link is None:
            raise RuntimeError("the simulator is not running, or serves a port")
        return self._link

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the simulator is not running")
        return self._process.pid

    @property
    def port(self) -> str:
        """Where the serial port is served, as pyserial names it."""
        if self._tcp_port is None:
            raise RuntimeError("the simulator serves no port")
        return f"socket://127.0.0.1:{self._tcp_port}"

    def available(self) -> str:
        """Path of QEMU; ToolError with a hint if it is not installed."""
        return qemu()

    def instructions(self) -> int | None:
        """Those executed since the start, waiting included; None without icount."""
        if self._control is None:
            return None
        reply = self._ask("query-replay")
        return int(reply["icount"])

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Until QEMU runs, not until the firmware does. QEMU ends with the thread that calls this, at the latest (processes.child)."""
        ours, theirs = socket.socketpair()
        control, their_control = socket.socketpair()
        with theirs, their_control:
            served = f"host=127.0.0.1,port={self._tcp_port},server=on,wait=off"
            command = self._command(f"fd={theirs.fileno()}" if self._tcp_port is None else served)
            fds: tuple[int, ...] = (theirs.fileno(),) if self._tcp_port is None else ()
            if self._icount:
                command += ["-chardev", f"socket,id=control,fd={their_control.fileno()}", "-mon", "chardev=control,mode=control"]
                fds += (their_control.fileno(),)
            self._process = self._open.enter_context(processes.child(command, stdout=self._log, pass_fds=fds))
        if self._tcp_port is None:
            self._link = SocketLink(ours, f"simulated {self.board.name}")
        else:
            ours.close()
        if self._icount:
            self._control = control
        else:
            control.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends QEMU; may be called again."""
        self._open.close()
        if self._control:
            self._control.close()
            self._control = None
        # after QEMU's end, which wakes whoever waits for a byte
        if self._link:
            self._link.close()
            self._link = None

    def wait(self) -> None:
        """Until QEMU ends; ToolError if it fails."""
        if self._process and self._process.wait() != 0:
            raise ToolError(f"QEMU ended with status {self._process.returncode}: {self.messages()}")

    def messages(self) -> str:
        """The last lines QEMU wrote."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-2000:].strip()

    def _ask(self, command: str) -> dict[str, Any]:
        """QEMU's answer to a command of its control protocol."""
        assert self._control is not None
        self._control.settimeout(_CONTROL_S)
        try:
            file = self._control.makefile("rw", encoding="utf-8")
            file.write(json.dumps({"execute": "qmp_capabilities"}) + "\n" + json.dumps({"execute": command, "id": 1}) + "\n")
            file.flush()
            for line in file:
                answer = json.loads(line)
                if answer.get("id") == 1:
                    return dict(answer["return"])
        except (OSError, ValueError, KeyError) as error:
            raise ToolError(f"QEMU does not answer: {error}", hint=self.messages()) from error
        raise ToolError("QEMU closed its control connection", hint=self.messages())

    def _command(self, serial: str) -> list[str]:
        assert self.board.qemu is not None
        command = [self._qemu, "-M", self.board.qemu.machine, "-kernel", str(self._elf), "-display", "none", "-monitor", "none"]
        command += ["-chardev", f"socket,id=serial,{serial}", "-serial", "chardev:serial"]
        if self._icount:
            command += ["-icount", f"shift={self.board.qemu.icount_shift},sleep=off"]
        return command
