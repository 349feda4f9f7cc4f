"""SIGINT, SIGTERM and a closed terminal end a command in one line, with 128 + the signal as exit code, after it has cleaned up."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType

from dqa.cli.early import leave, watched

_PATIENCE_S = 20.0
"""How long the clean-up may take; what it leaves is cleared up behind this process (dqa.support.processes)."""


_received: list[int] = []


class Ended(BaseException):
    """A signal came; not an Exception, and no KeyboardInterrupt, for which libraries have ideas of their own."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Meanwhile, a signal raises Ended in the main thread, and what is raised out of here after one ends the process, cleaned up.

    A second signal ends the process at once. One that comes after this changes nothing any more: what was asked for is there, or refused,
    and the process is ending. A signal that is ignored (nohup) stays ignored.
    """
    _received.clear()
    over = False

    def handle(number: int, _frame: FrameType | None) -> None:
        if over:
            return
        _received.append(number)
        if len(_received) > 1:
            leave(_received[0])
        warnings.simplefilter("ignore")  # what libraries notice while they are ended is worth no word
        last_resort = threading.Timer(_PATIENCE_S, leave, [number])
        last_resort.daemon = True
        last_resort.start()
        raise Ended

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        """Python would drop what is raised in a destructor and go on."""
        if event.exc_type is Ended:
            leave(_received[0])
        before(event)

    before, sys.unraisablehook = sys.unraisablehook, unraisable
    caught = watched()
    for number in caught:
        signal.signal(number, handle)
    try:
        yield
        over = True
    except BaseException:
        if not _received:
            over = True
            raise
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        leave(_received[0])  # not by Python's own end, in which threads of libraries that still run may crash
    finally:
        sys.unraisablehook = before
        for number in caught:
            signal.signal(number, signal.SIG_IGN)


def came() -> bool:
    """Whether a signal came; errors after it are not worth a word."""
    return bool(_received)
