"""Runs a dqa command in this process as a shell would."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dqa.cli import main


@dataclass(frozen=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str


class Shell:
    """Calls `dqa ARGUMENTS`; output is captured at the file descriptors, so that noise of libraries counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capfd = capfd

    def __call__(self, *arguments: str | Path) -> Done:
        self.monkeypatch.setattr(sys, "argv", ["dqa", *map(str, arguments)])
        self.capfd.readouterr()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with pytest.raises(SystemExit) as exited:
                main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        captured = self.capfd.readouterr()
        return Done(int(exited.value.code or 0), captured.out, captured.err)

    def refuses(self, *arguments: str | Path, code: int = 2) -> Done:
        """The command must end with one error line, at most one hint, nothing else, and this exit code."""
        done = self(*arguments)
        lines = done.err.splitlines()
        assert lines, f"exit {done.code} without a word"
        assert lines[0].startswith("error: ") and len(lines[0]) > len("error: "), done.err
        assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: ")), done.err
        assert done.out == ""
        assert done.code == code, done.err
        return done
