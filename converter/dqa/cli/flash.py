"""dqa flash: the firmware of a converted model onto a connected board."""

from __future__ import annotations

from pathlib import Path

import click

from dqa.cli.common import board_option, out_argument, output_options, progress, rows_pushed, runtime_options, talk, write_json
from dqa.support.settings import firmware_runtime


@click.command()
@out_argument
@board_option
@runtime_options
@click.option("--port", metavar="PORT", help="Of the programmer, where it has one.  [default: found by PlatformIO]")
@click.option("--profile", is_flag=True, help="Firmware for dqa profile.")
@click.option("-v", "--verbose", is_flag=True, help="Show PlatformIO's output.")
@output_options
def flash(
    out: Path,
    board: str,
    runtime: str | None,
    tflm: Path | None,
    port: str | None,
    profile: bool,
    verbose: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Build the firmware of OUT and write it to the connected board."""
    from dqa.device.flash import flash as flash_firmware

    runtime = firmware_runtime(runtime, tflm)
    with progress(quiet or verbose).task(f"Building for {board} and flashing", None):
        pushed = rows_pushed(out, board, runtime)
        flash_firmware(out, board, port, runtime, tflm, quiet=not verbose, pushed=pushed, profile=profile)
    write_json({"board": board, "runtime": runtime, "flashed": True}, json_path)
    if talk(quiet, json_path):
        print(f"flashed {board}; next: dqa evaluate {out} --data TEST.npz --target serial:PORT")
