"""A board in Renode: started, asked and stopped over its monitor, its serial port a pseudo terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from dqa.device.boards import Board
from dqa.device.renode import platform
from dqa.device.renode.find import Renode, find
from dqa.device.renode.monitor import Monitor
from dqa.errors import ToolError
from dqa.support import processes

_FATAL = re.compile(r"^.*(?:non existing peripheral|CPU abort|Lockup).*$", re.IGNORECASE | re.MULTILINE)
"""Of the log: Renode goes on after an access to nothing, where the board's processor would fault."""
_LOOK_S = 0.5
_PTY_S = 10.0


class RenodeSimulator:
    """`elf` on a board in Renode; use it as a context manager, or start and stop it. port: its serial port, a pseudo terminal.

    Raises BoardError for a board that Renode has no models for, ToolError where Renode is missing, refuses a command, or the firmware
    touches what the board does not have; InputError where `renode` names none.
    """

    def __init__(self, board: Board, elf: Path, *, renode: Path | None = None) -> None:
        self.board, self._elf, self._named = board, elf, renode
        self._files = platform.render(board)
        self._open = ExitStack()
        self._monitor: Monitor | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def available(self) -> Renode:
        """The Renode that is used; errors as dqa.device.renode.find."""
        return find(self._named)

    @property
    def port(self) -> str:
        return str(self._place("serial"))

    def start(self) -> None:
        """Until the board runs and its port is there."""
        renode = self.available()
        try:
            self._start(renode)
        except BaseException:
            self._open.close()
            raise

    def _start(self, renode: Renode) -> None:
        self._folder = self._open.enter_context(processes.folder())
        for name, text in self._files.items():
            self._place(name).write_text(text, encoding="utf-8")
        shutil.copyfile(self._elf, self._place("firmware.elf"))
        command = [str(renode.path), "--plain", "--console", "--disable-gui", "--hide-log"]
        pipe = subprocess.PIPE
        self._process = self._open.enter_context(processes.child(command, stdin=pipe, stdout=pipe, cwd=self._folder))
        assert self._process.stdin is not None and self._process.stdout is not None
        self._monitor = Monitor(self._process.stdin, self._process.stdout)
        self._monitor.wait_prompt()
        self._monitor.ask(f"logFile @{_escaped(self._place('log'))} true")
        self._monitor.ask(f'$pty="{self.port}"')
        for name, file in (("elf", "firmware.elf"), ("repl", platform.REPL)):
            self._monitor.ask(f"${name}=@{_escaped(self._place(file))}")
        for line in script(self._files[platform.RESC]):
            self._monitor.ask(line)
        deadline = time.monotonic() + _PTY_S
        while not self._place("serial").exists():
            if time.monotonic() > deadline:
                raise ToolError(f"Renode opened no serial port for {self.board.name}: {self._monitor.said[-300:]}")
            time.sleep(0.05)
        self.check()

    def check(self) -> None:
        """ToolError if Renode ended, or the firmware did what it could not do on the board."""
        if self._process is not None and self._process.poll() is not None:
            raise ToolError(f"Renode ended by itself, with status {self._process.returncode}")
        if match := _FATAL.search(self._log()):
            raise ToolError(f"the firmware failed on {self.board.name}: {match[0].strip()}", hint="such an access faults on the board")

    def instructions(self) -> int:
        """Those executed since the start; not cycles. ToolError if Renode does not tell."""
        assert self._monitor is not None
        reply = self._monitor.ask("cpu ExecutedInstructions")
        match = re.search(r"0x[0-9a-fA-F]+|\d+", reply)
        if match is None:
            raise ToolError(f"Renode does not tell the executed instructions: {reply or 'no answer'}")
        return int(match[0], 0)

    def wait(self) -> None:
        """Until Renode ends, which is a failure, as are those of `check`."""
        while True:
            self.check()
            time.sleep(_LOOK_S)

    def stop(self) -> int | None:
        """Ends it and gives the instructions executed; None if it was not running. ToolError if it did not come to this end."""
        try:
            if self._monitor is None:
                return None
            self.check()
            self._monitor.ask("pause")
            count = self.instructions()
            self.check()
            return count
        finally:
            self._monitor = self._process = None
            self._open.close()

    def __enter__(self) -> RenodeSimulator:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.stop()
        else:
            self._monitor = self._process = None
            self._open.close()

    def _place(self, name: str) -> Path:
        if self._folder is None:
            raise RuntimeError("the simulator is not running")
        return self._folder / name

    def _log(self) -> str:
        try:
            return self._place("log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def script(text: str) -> list[str]:
    """The commands of a .resc but for the defaults of its variables, which the monitor gets beforehand."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#") and "?=" not in line]


def _escaped(path: Path) -> str:
    """Renode ends a path at a space."""
    return str(path).replace(" ", "\\ ")
