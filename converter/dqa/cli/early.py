"""What a signal does before a command has begun: one line, and 128 + the signal as exit code.

The entry points import and call this first of all, before what takes a moment in which a signal may come: it must not import much.
Only while Python itself is starting a signal still ends it as it ends any Python program.
"""

from __future__ import annotations

import os
import signal

_SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}


def watched() -> list[int]:
    """The signals that end a command; one that is ignored (nohup) stays ignored."""
    numbers = [getattr(signal, name) for name in _SAID if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def watch() -> None:
    """From now on a signal ends this process at once: there is nothing to clean up yet."""
    for number in watched():
        signal.signal(number, lambda number, _frame: leave(number))


def leave(number: int) -> None:
    """Ends this process for a signal."""
    try:  # not print: the signal may have come inside of one
        os.write(2, f"{_SAID[signal.Signals(number).name]}\n".encode())
    finally:
        os._exit(128 + number)
