"""SIGINT, SIGTERM and a closed terminal end a command in one line, with 128 + the signal as exit code, after it has cleaned up."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_PATIENCE_S = 20.0
"""How long the clean-up may take. Python drops exceptions in some places (a destructor, for one), and this one must not be lost."""


_received: list[int] = []


class Ended(BaseException):
    """A signal came; not an Exception, and no KeyboardInterrupt, for which libraries have ideas of their own."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Meanwhile, a signal raises Ended in the main thread, and what is raised out of here after one is only the exit.

    A second signal, or one that comes later, ends the process at once. A signal that is ignored (nohup) stays ignored.
    """
    _received.clear()

    def handle(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        if len(_received) > 1:
            _leave(_received[0])
        last_resort = threading.Timer(_PATIENCE_S, _leave, [number])
        last_resort.daemon = True
        last_resort.start()
        raise Ended

    numbers = [getattr(signal, name) for name in _SAID if hasattr(signal, name)]
    caught = [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    for number in caught:
        signal.signal(number, handle)
    try:
        yield
    except BaseException:
        if not _received:
            raise
        _say(_received[0])
        sys.exit(128 + _received[0])
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


def came() -> bool:
    """Whether a signal came; errors after it are not worth a word."""
    return bool(_received)


def _say(number: int) -> None:
    with contextlib.suppress(OSError):
        print(_SAID[signal.Signals(number).name], file=sys.stderr, flush=True)


def _leave(number: int) -> None:
    _say(number)
    os._exit(128 + number)
