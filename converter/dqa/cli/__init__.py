"""The entry points. They see to signals before they import anything else: that, too, takes a moment in which one may come."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from dqa.cli import signals


def main() -> NoReturn:
    """`dqa`."""
    _open_streams()
    with signals.ending():
        from dqa.cli.commands import cli
        from dqa.cli.common import run

        run(cli)


def convert_main() -> NoReturn:
    """`dqa-convert`, the same as `dqa convert`."""
    _open_streams()
    with signals.ending():
        from dqa.cli.commands import CONTEXT
        from dqa.cli.common import run
        from dqa.cli.convert import convert

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
