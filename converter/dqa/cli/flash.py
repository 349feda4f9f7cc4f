"""dqa flash: the firmware of a converted model onto a connected board."""

from __future__ import annotations

from pathlib import Path

import click

from dqa.cli.common import (
    board_option,
    out_argument,
    output_options,
    progress,
    protocol_option,
    rows_pushed,
    runtime_options,
    talk,
    write_json,
)
from dqa.support.settings import DQA_ONLY, FLASH_TOOLS, MLPERF_ONLY, firmware_runtime


@click.command()
@out_argument
@board_option
@runtime_options
@protocol_option(DQA_ONLY)
@click.option("--with", "tool", type=click.Choice(FLASH_TOOLS), default="pio", show_default=True, help="What writes it.")
@click.option("--probe", metavar="SERIAL", help="Serial number of the probe, or its end.  [default: the only one]")
@click.option("--port", metavar="PORT", help="Serial port (sam-ba) or drive (uf2) of the boot loader.  [default: the only one]")
@click.option("--recover", is_flag=True, help="Erase all of a locked chip before (pyocd, probe-rs).")
@click.option("--profile", is_flag=True, help="Firmware for dqa profile.")
@click.option("-v", "--verbose", is_flag=True, help="Show PlatformIO's output.")
@output_options
def flash(
    out: Path,
    board: str,
    runtime: str | None,
    tflm: Path | None,
    protocol: str,
    tool: str,
    probe: str | None,
    port: str | None,
    recover: bool,
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
        used = flash_firmware(
            out,
            board,
            port,
            runtime,
            tflm,
            quiet=not verbose,
            pushed=pushed,
            protocol=protocol,
            profile=profile,
            tool=tool,
            probe=probe,
            recover=recover,
        )
    write_json({"board": board, "runtime": runtime, "protocol": protocol, "flashed": True, "with": tool, "probe": used}, json_path)
    if talk(quiet, json_path):
        following = "the benchmark's runner" if protocol == MLPERF_ONLY else f"dqa evaluate {out} --data TEST.npz --target serial:PORT"
        print(f"flashed {board}; next: {following}")
