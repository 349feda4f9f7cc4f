"""dqa build: the firmware of a converted model for a board."""

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
    table,
    talk,
    warn,
    write_json,
)
from dqa.support.settings import DQA_ONLY, firmware_runtime
from dqa.support.version import __version__


@click.command()
@out_argument
@board_option
@runtime_options
@protocol_option(DQA_ONLY)
@click.option("--bare", is_flag=True, help="With the compiler alone, without PlatformIO: firmware.elf, .bin and .hex.")
@click.option("--profile", is_flag=True, help="Firmware for dqa profile.")
@click.option("-v", "--verbose", is_flag=True, help="Show PlatformIO's output.")
@output_options
def build(
    out: Path,
    board: str,
    runtime: str | None,
    tflm: Path | None,
    protocol: str,
    bare: bool,
    profile: bool,
    verbose: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Build the firmware of OUT, a directory of `dqa convert`, with PlatformIO, or with the compiler alone."""
    from dqa.device.build import build as build_firmware

    runtime = firmware_runtime(runtime, tflm)
    with progress(quiet or verbose).task(f"Building for {board}", None):
        pushed = rows_pushed(out, board, runtime)
        result = build_firmware(out, board, runtime, tflm, quiet=not verbose, pushed=pushed, bare=bare, protocol=protocol, profile=profile)
    data = {
        "dqa": __version__,
        "program_sha256": result.program_sha256,
        "board": board,
        "runtime": runtime,
        "protocol": protocol,
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
        table("\n".join(map(str, (result.elf, *result.images()))), ["bytes of", board], rows)
