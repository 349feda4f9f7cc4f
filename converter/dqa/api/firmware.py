"""Firmware of a converted model, OUT, as `dqa build` and `dqa flash` make it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dqa.device import build as builds
from dqa.device import flash as flashes
from dqa.device.boards import load_board
from dqa.device.built import BuildResult
from dqa.report import load_interface
from dqa.support.settings import DQA_ONLY, firmware_runtime


def _pushed(out: Path, board: str, runtime: str) -> bool:
    """Whether the firmware of OUT takes its input row by row.

    Raises BoardError for an unknown board, InputError where OUT holds no model.
    """
    load_board(board)
    return load_interface(out).pushed_on(runtime)


def build(
    out: str | os.PathLike[str],
    board: str,
    *,
    runtime: str | None = None,
    tflm: Path | None = None,
    protocol: str = DQA_ONLY,
    profile: bool = False,
    bare: bool = False,
    verbose: bool = False,
) -> BuildResult:
    """Builds the firmware of a converted model for a board of `dqa boards`; its files lie in OUT/build.

    runtime: "standalone" (None: this) or "tflm", which `tflm`, a tree of TensorFlow Lite Micro, is of. protocol: of the serial port: dqa,
    mlperf or both. profile: firmware for `profile`. bare: with the compiler alone. verbose: the builder's output goes to stderr.
    Raises BoardError (unknown board, or the model does not fit), InputError, RecipeError, ToolError.
    """
    place, chosen = Path(out), firmware_runtime(runtime, tflm)
    rows = _pushed(place, board, chosen)
    return builds.build(place, board, chosen, tflm, not verbose, pushed=rows, bare=bare, protocol=protocol, profile=profile)


def flash(
    out: str | os.PathLike[str],
    board: str,
    *,
    port: str | None = None,
    runtime: str | None = None,
    tflm: Path | None = None,
    protocol: str = DQA_ONLY,
    profile: bool = False,
    tool: str = "pio",
    probe: str | None = None,
    recover: bool = False,
    verbose: bool = False,
) -> str | None:
    """Builds it as `build` and writes it to the connected board; the serial number of the probe, or the port or drive, that took it.

    tool: pio, pyocd, probe-rs, uf2 or sam-ba. port, probe, recover: as the options of `dqa flash`. Raises as `build`.
    """
    place, chosen = Path(out), firmware_runtime(runtime, tflm)
    given: dict[str, Any] = {"pushed": _pushed(place, board, chosen), "protocol": protocol, "profile": profile, "tool": tool}
    return flashes.flash(place, board, port, chosen, tflm, not verbose, **given, probe=probe, recover=recover)
