"""SIGINT, SIGTERM and a closed terminal end a command in one line, with 128 + the signal as exit code, after it has cleaned up."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_PATIENCE_S = 20.0
"""How long the clean-up may take; what it leaves is cleared up behind this process (dqa.support.processes)."""


_received: list[int] = []


class Ended(BaseException):
    """A signal came; not an Exception, and no KeyboardInterrupt, for which libraries have ideas of their own."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Meanwhile, a signal raises Ended in the main thread, and what is raised out of here after one ends the process, cleaned up.

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

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        """Python would drop what is raised in a destructor and go on."""
        if event.exc_type is Ended:
            _leave(_received[0])
        before(event)

    before, sys.unraisablehook = sys.unraisablehook, unraisable
    numbers = [getattr(signal, name) for name in _SAID if hasattr(signal, name)]
    caught = [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    for number in caught:
        signal.signal(number, handle)
    try:
        yield
    except BaseException:
        if not _received:
            raise
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        _leave(_received[0])  # not by Python's own end, in which threads of libraries that still run may crash
    finally:
        sys.unraisablehook = before
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


def came() -> bool:
    """Whether a signal came; errors after it are not worth a word."""
    return bool(_received)


def _say(number: int) -> None:
    with contextlib.suppress(OSError):  # not print: the signal may have come inside of one
        os.write(2, f"{_SAID[signal.Signals(number).name]}\n".encode())


def _leave(number: int) -> None:
    _say(number)
    os._exit(128 + number)
