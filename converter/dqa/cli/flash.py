"""dqa flash: the firmware of a converted model onto a connected board."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from dqa.cli.common import output_options, progress, talk, write_json
from dqa.cli.firmware import FirmwareOptions, firmware_options, verbose_option
from dqa.support.settings import FLASH_TOOLS, MLPERF_ONLY, firmware_runtime


@click.command()
@firmware_options
@click.option("--with", "tool", type=click.Choice(FLASH_TOOLS), default="pio", show_default=True, help="What writes it.")
@click.option("--probe", metavar="SERIAL", help="Serial number of the probe, or its end.  [default: the only one]")
@click.option("--port", metavar="PORT", help="Serial port (sam-ba) or drive (uf2) of the boot loader.  [default: the only one]")
@click.option("--recover", is_flag=True, help="Erase all of a locked chip before (pyocd, probe-rs).")
@verbose_option
@output_options
def flash(
    tool: str,
    probe: str | None,
    port: str | None,
    recover: bool,
    verbose: bool,
    quiet: bool,
    json_path: Path | None,
    **asked: Unpack[FirmwareOptions],
) -> None:
    """Build the firmware of OUT and write it to the connected board."""
    from dqa import api

    with progress(quiet or verbose).task(f"Building for {asked['board']} and flashing", None):
        used = api.flash(**asked, port=port, tool=tool, probe=probe, recover=recover, verbose=verbose)
    out, board, protocol = asked["out"], asked["board"], asked["protocol"]
    made = {"board": board, "runtime": firmware_runtime(asked["runtime"], asked["tflm"]), "protocol": protocol}
    write_json({**made, "flashed": True, "with": tool, "probe": used}, json_path)
    if talk(quiet, json_path):
        following = "the benchmark's runner" if protocol == MLPERF_ONLY else f"dqa evaluate {out} --data TEST.npz --target serial:PORT"
        print(f"flashed {board}; next: {following}")
