"""The entry points. They see to signals before they import anything else: that, too, takes a moment in which one may come."""

from __future__ import annotations

from typing import NoReturn

from dqa.cli import signals


def main() -> NoReturn:
    """`dqa`."""
    with signals.ending():
        from dqa.cli.commands import cli
        from dqa.cli.common import run

        run(cli)


def convert_main() -> NoReturn:
    """`dqa-convert`, the same as `dqa convert`."""
    with signals.ending():
        from dqa.cli.commands import CONTEXT
        from dqa.cli.common import run
        from dqa.cli.convert import convert

        convert.context_settings = CONTEXT
        run(convert)
