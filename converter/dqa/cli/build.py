"""dqa build: the firmware of a converted model for a board."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from dqa.cli.common import output_options, progress, table, talk, warn, write_json
from dqa.cli.firmware import FirmwareOptions, firmware_options, verbose_option
from dqa.support.settings import firmware_runtime
from dqa.support.version import __version__


@click.command()
@firmware_options
@click.option("--bare", is_flag=True, help="With the compiler alone, without PlatformIO: firmware.elf, .bin and .hex.")
@verbose_option
@output_options
def build(bare: bool, verbose: bool, quiet: bool, json_path: Path | None, **asked: Unpack[FirmwareOptions]) -> None:
    """Build the firmware of OUT, a directory of `dqa convert`, with PlatformIO, or with the compiler alone."""
    from dqa import api

    with progress(quiet or verbose).task(f"Building for {asked['board']}", None):
        result = api.build(**asked, bare=bare, verbose=verbose)
    data = {
        "dqa": __version__,
        "program_sha256": result.program_sha256,
        "board": asked["board"],
        "runtime": firmware_runtime(asked["runtime"], asked["tflm"]),
        "protocol": asked["protocol"],
        "builder": result.builder,
        "elf": str(result.elf),
        "map": str(result.map_file),
        "images": [str(image) for image in result.images()],
        "notes": list(result.notes),
        **result.figures(),
    }
    write_json(data, json_path)
    warn(result.notes)
    if talk(quiet, json_path):
        rows = [
            ["flash, code", f"{result.flash_code:,}"],
            ["flash, model", f"{result.flash_model:,}"],
            ["RAM, static", f"{result.ram_static:,}"],
            ["of it the model's", f"{result.ram_model:,}"],
        ]
        if result.stack is not None:
            rows.append(["stack, at most", f"{result.stack:,}"])
        table("\n".join(map(str, (result.elf, *result.images()))), ["bytes of", asked["board"]], rows)
