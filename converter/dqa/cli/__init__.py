"""The entry points. They see to signals before they import more than that takes: a signal may come in that moment, too."""

from __future__ import annotations

import os
import sys

from dqa.cli import early

TYPE_CHECKING = False  # of typing, which takes as long to import as all of this
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """`dqa`."""
    early.watch()
    _open_streams()
    from dqa.cli import signals

    with signals.ending():
        from dqa.cli.commands import cli
        from dqa.cli.common import run

        run(cli)


def convert_main() -> NoReturn:
    """`dqa-convert`, the same as `dqa convert`."""
    early.watch()
    _open_streams()
    from dqa.cli import signals

    with signals.ending():
        from dqa.cli.commands import CONTEXT, cli
        from dqa.cli.common import run

        convert = cli.commands["convert"]
        convert.context_settings = CONTEXT
        run(convert)


def _open_streams() -> None:
    """Opens standard streams that the caller closed, on nothing: else the next file or pipe that is opened gets their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
