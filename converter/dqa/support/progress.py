"""Progress of long work: a protocol, the silent one, and one drawn by rich on stderr."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

_log = logging.getLogger(__name__)


class Progress(Protocol):
    def task(self, title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A piece of work of `total` steps (None: unknown). The function it gives is called with the number of steps just done."""
        ...


class SilentProgress:
    """Shows nothing."""

    @contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        yield lambda _done: None


class LoggedProgress:
    """A line of the log for each task that begins, and ends."""

    @contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        start = time.monotonic()
        _log.debug("%s ...", title)
        yield lambda _done: None
        _log.debug("%s: %.1f s", title, time.monotonic() - start)


class RichProgress:
    """A bar for each task on stderr; on something that is not a terminal, rich draws it once, at the end."""

    @contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        text = TextColumn("{task.description}", markup=False)
        steps = () if total is None else (BarColumn(), MofNCompleteColumn())
        columns = (SpinnerColumn(finished_text="✓"), text, *steps, TimeElapsedColumn())
        with Bars(*columns, console=Console(stderr=True)) as bars:
            number = bars.add_task(title, total=total)
            try:
                yield lambda done: bars.advance(number, done)
            except BaseException:
                bars.live.transient = True  # what went wrong is said by the error alone
                raise
            if total is None:
                bars.update(number, total=1, completed=1)
