"""What the commands that build firmware are asked: whose, for which board, with what in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from dqa.cli.common import board_option, out_argument, protocol_option, runtime_options
from dqa.support.settings import DQA_ONLY, firmware_runtime

F = TypeVar("F", bound=Callable[..., Any])


class FirmwareOptions(TypedDict):
    """As given."""

    out: Path
    board: str
    runtime: str | None
    tflm: Path | None
    protocol: str
    profile: bool


class FirmwareSettings(TypedDict):
    """As dqa.device takes them."""

    out: Path
    board: str
    runtime: str
    tflm: Path | None
    protocol: str
    profile: bool
    pushed: bool


def firmware_options(function: F) -> F:
    """OUT and the options of FirmwareOptions."""
    profile = click.option("--profile", is_flag=True, help="Firmware for dqa profile.")
    return out_argument(board_option(runtime_options(protocol_option(DQA_ONLY)(profile(function)))))


def verbose_option(function: F) -> F:
    return click.option("-v", "--verbose", is_flag=True, help="Show PlatformIO's output.")(function)


def rows_pushed(out: Path, board: str, runtime: str) -> bool:
    """Whether the firmware of OUT takes its input row by row.

    Raises BoardError for an unknown board, InputError where OUT holds no model.
    """
    from dqa.device.boards import load_board
    from dqa.report import load_interface

    load_board(board)
    return load_interface(out).pushed_on(runtime)


def settings(options: FirmwareOptions) -> FirmwareSettings:
    """Raises BoardError for an unknown board, InputError where OUT holds no model or options exclude each other."""
    runtime = firmware_runtime(options["runtime"], options["tflm"])
    pushed = rows_pushed(options["out"], options["board"], runtime)
    return {
        "out": options["out"],
        "board": options["board"],
        "runtime": runtime,
        "tflm": options["tflm"],
        "protocol": options["protocol"],
        "profile": options["profile"],
        "pushed": pushed,
    }
