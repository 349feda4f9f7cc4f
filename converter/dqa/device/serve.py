"""A board's serial port for programs that want a port of their own: a pseudo-terminal and a TCP port, open again and again."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from dqa.device.link import SocketLink
from dqa.errors import InputError, ToolError
from dqa.support import processes

_PIECE = 1 << 12
_UNREAD = 1 << 16
"""Bytes that are kept for a program that does not read."""
_LAP = re.compile(rb"m-lap-us-(\d+)\r")
_LINE = 64
"""Bytes of a line that are looked at; a line of time has at most 30."""
LONGEST_LAP_S = 20.0
"""The benchmark's runner waits 30 s for an inference."""


@contextmanager
def program(command: Path) -> Iterator[SocketLink]:
    """The firmware as a program of this machine (dqa.device.host_board), for as long as the context."""
    ours, theirs = socket.socketpair()
    port = theirs.fileno()
    with (
        contextlib.closing(SocketLink(ours, "host firmware")) as link,
        theirs,
        processes.child([str(command)], stdin=port, stdout=port, stderr=subprocess.DEVNULL),
    ):
        theirs.close()  # so that the program's end is noticed
        yield link


class Pace:
    """Holds lines of time back until as much time of the host has passed, at most LONGEST_LAP_S between two."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._before: tuple[int, float] | None = None
        self._line = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What came from the board, each piece when it is time for it; only the end of a line of time may wait."""
        *ended, rest = data.split(b"\n")
        for end in ended:
            lap = _LAP.fullmatch(self._line + end)
            self._line = b""
            yield end
            if lap:
                self._wait(int(lap[1]))
            yield b"\n"
        self._line = (self._line + rest)[-_LINE:]
        yield rest

    def _wait(self, microseconds: int) -> None:
        if self._before is not None:
            then, heard = self._before
            left = min((microseconds - then) / 1e6, LONGEST_LAP_S) - (self._clock() - heard)
            if left > 0:
                self._sleep(left)
        self._before = microseconds, self._clock()


class Server:
    """Serves a board's port until the board ends; use it as a context manager.

    link: the board's port. port: a TCP port of 127.0.0.1, 0 for a free one. name: None, or a symbolic link to make to the pseudo-terminal.
    pace: whether timed inferences take as long here as the board says. Raises InputError if the TCP port or the name is taken, ToolError
    on a system without pseudo-terminals.

    Whoever wrote last is answered. Nothing ends when a program closes either port: the next one opens it again. Of TCP one at a time.
    """

    def __init__(self, link: SocketLink, *, port: int = 0, name: Path | None = None, pace: bool = False) -> None:
        self._link = link
        self._wanted = port
        self._name = name
        self._pace = Pace() if pace else None
        self._open = ExitStack()
        self._client: socket.socket | None = None
        self._unsent = {"terminal": b"", "client": b""}
        self._speaker = "terminal"

    def __enter__(self) -> Server:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hang_up()
        self._open.close()

    def _start(self) -> None:
        try:
            import pty
            import tty
        except ImportError as error:
            raise ToolError("this system has no pseudo-terminals", hint="dqa simulate serves a board on a TCP port") from error
        try:
            self._listener = self._open.enter_context(socket.create_server(("127.0.0.1", self._wanted), backlog=1))
        except OSError as error:
            raise InputError(
                f"TCP port {self._wanted} cannot be served: {error.strerror}", hint="choose another --port, or none"
            ) from error
        self.port = int(self._listener.getsockname()[1])
        self._terminal, theirs = pty.openpty()
        # our own end of it stays open, so that the port outlives the programs that close theirs
        for handle in (self._terminal, theirs):
            self._open.callback(os.close, handle)
        tty.setraw(theirs)
        os.set_blocking(self._terminal, False)
        self.terminal = os.ttyname(theirs)
        if self._name is not None:
            try:
                self._name.symlink_to(self.terminal)
            except OSError as error:
                raise InputError(f"'{self._name}' cannot be made: {error.strerror}", hint="choose another --link") from error
            self._open.enter_context(processes.unfinished(self._name))  # also gone if this process is killed
            self._open.callback(self._name.unlink, missing_ok=True)
        self._selector = self._open.enter_context(selectors.DefaultSelector())
        self._selector.register(self._link, selectors.EVENT_READ)

    def run(self) -> None:
        """Until the board ends (ToolError) or the caller is interrupted."""
        while True:
            self._watch("terminal", self._terminal)
            if self._client is None:
                self._watch("listener", self._listener)
            else:
                self._watch("client", self._client)
            for key, events in self._selector.select():
                if key.fileobj is self._link:
                    self._from_board()
                elif key.fileobj is self._listener:
                    self._answer_call()
                elif events & selectors.EVENT_WRITE:
                    self._flush(key.data)
                else:
                    self._from_host(key.data)

    def _watch(self, who: str, place: int | socket.socket) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent.get(who) else 0)
        known = self._selector.get_map().get(place)
        if known is None:
            self._selector.register(place, events, who)
        elif known.events != events:
            self._selector.modify(place, events, who)

    def _answer_call(self) -> None:
        self._client, _ = self._listener.accept()
        self._client.setblocking(False)
        self._selector.unregister(self._listener)
        self._unsent["client"] = b""

    def _hang_up(self) -> None:
        if self._client is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._client)
            self._client.close()
            self._client = None

    def _from_host(self, who: str) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            try:
                data = self._client.recv(_PIECE) if who == "client" and self._client else os.read(self._terminal, _PIECE)
            except ConnectionError:
                data = b""
            if not data and who == "client":
                self._hang_up()
        if data:
            self._speaker = who
            self._link.send(data)

    def _from_board(self) -> None:
        data = self._link.receive(0)
        for piece in self._pace.pieces(data) if self._pace else (data,):
            self._unsent[self._speaker] = (self._unsent[self._speaker] + piece)[-_UNREAD:]
            self._flush(self._speaker)

    def _flush(self, who: str) -> None:
        if who == "client" and self._client is None:
            self._unsent[who] = b""
        with contextlib.suppress(BlockingIOError):
            try:
                while self._unsent[who]:
                    rest = self._unsent[who]
                    sent = self._client.send(rest) if who == "client" and self._client else os.write(self._terminal, rest)
                    self._unsent[who] = rest[sent:]
            except ConnectionError:
                self._hang_up()
