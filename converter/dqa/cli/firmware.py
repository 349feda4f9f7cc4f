"""What the commands that build firmware are asked: whose, for which board, with what in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from dqa.cli.common import board_option, out_argument, protocol_option, runtime_options
from dqa.support.settings import DQA_ONLY

F = TypeVar("F", bound=Callable[..., Any])


class FirmwareOptions(TypedDict):
    """As given; all but OUT and the board as dqa.api.build takes them."""

    out: Path
    board: str
    runtime: str | None
    tflm: Path | None
    protocol: str
    profile: bool


def firmware_options(function: F) -> F:
    """OUT and the options of FirmwareOptions."""
    profile = click.option("--profile", is_flag=True, help="Firmware for dqa profile.")
    return out_argument(board_option(runtime_options(protocol_option(DQA_ONLY)(profile(function)))))


def verbose_option(function: F) -> F:
    return click.option("-v", "--verbose", is_flag=True, help="Show PlatformIO's output.")(function)
