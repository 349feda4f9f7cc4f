"""Renode's monitor over the standard input and output of its process: no port is opened for it."""

from __future__ import annotations

import re
import threading
import time
from typing import IO

from dqa.errors import ToolError

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROMPT = re.compile(r"\((?:monitor|dqa)\) ?$")
_ERRORS = re.compile(r"There was an error executing command.*|(?:Parameters did not match|No such command or device|Could not tokenize).*")
START_S = 60.0
"""Seconds until the first prompt: Renode takes 3 to 10 to start."""
REPLY_S = 30.0


class Monitor:
    """Asks one command after the other. `said` is what came of it all."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._more = threading.Condition()
        self._text, self._read, self._ended = "", 0, False
        threading.Thread(target=self._listen, daemon=True, name="renode-monitor").start()

    @property
    def said(self) -> str:
        return self._text

    def wait_prompt(self, timeout: float = START_S) -> str:
        """What came before the next prompt. ToolError if none comes in time, or Renode ends."""
        deadline = time.monotonic() + timeout
        with self._more:
            while not _PROMPT.search(self._text[self._read :]):
                if self._ended:
                    raise ToolError(f"Renode ended: {self._tail()}")
                if (left := deadline - time.monotonic()) <= 0 or not self._more.wait(left):
                    raise ToolError(f"Renode's monitor did not answer in {timeout:g} s: {self._tail()}")
            text, self._read = self._text[self._read :], len(self._text)
        return _PROMPT.sub("", text)

    def ask(self, command: str, timeout: float = REPLY_S) -> str:
        """The reply, without the command's echo. ToolError where Renode reports an error, says nothing, or ends."""
        try:
            self._stdin.write(command.encode() + b"\n")
            self._stdin.flush()
        except (OSError, ValueError) as error:
            raise ToolError(f"Renode ended: {self._tail()}") from error
        reply = self.wait_prompt(timeout).replace(command, "", 1).strip()
        if match := _ERRORS.search(reply):
            raise ToolError(f"Renode refused '{command}': {' '.join(reply[match.start() :].split())[:500]}")
        return reply

    def _tail(self) -> str:
        return " ".join(self._text[-300:].split()) or "without a word"

    def _listen(self) -> None:
        while chunk := self._receive():
            with self._more:
                self._text += _ESCAPE.sub("", chunk.decode("utf-8", "replace")).replace("\r", "")
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._stdout.read1(1 << 16)  # type: ignore[attr-defined, no-any-return]
        except (OSError, ValueError):
            return b""
