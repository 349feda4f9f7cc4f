"""dqa simulate: the firmware of a converted model on a simulated board, for as long as one likes to talk to it."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import click

from dqa.cli.common import board_option, out_argument, output_options, progress, rows_pushed, runtime_options, talk, write_json
from dqa.errors import BoardError, InputError
from dqa.support.settings import firmware_runtime


@click.command()
@out_argument
@board_option
@runtime_options
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="TCP port for the board's serial port.  [default: a free one]")
@output_options
def simulate(out: Path, board: str, runtime: str | None, tflm: Path | None, port: int | None, quiet: bool, json_path: Path | None) -> None:
    """Build the firmware of OUT and run it on a simulated board until Ctrl-C.

    The board's serial port is served on a TCP port of this machine, to one client at a time.
    """
    from dqa.device.boards import load_board
    from dqa.device.build import build
    from dqa.device.simulate import Simulator

    runtime, target = firmware_runtime(runtime, tflm), load_board(board)
    if not target.simulated:
        raise BoardError(f"board '{board}' is not a simulated one", hint="see dqa boards; a real one takes dqa flash")
    port = usable_port(port)
    with progress(quiet).task(f"Building for {board}", None):
        firmware = build(out, board, runtime, tflm, pushed=rows_pushed(out, board, runtime))
    with Simulator(target, firmware.elf, port=port) as simulator:
        wait_until_served(port)
        address = f"socket://127.0.0.1:{port}"
        write_json({"board": board, "serial": address}, json_path)
        if talk(quiet, json_path):
            print(
                f"{board} runs; Ctrl-C ends it; in another terminal: dqa evaluate {out} --data TEST.npz --target serial:{address}",
                flush=True,
            )
        simulator.wait()


def usable_port(port: int | None) -> int:
    """A TCP port of 127.0.0.1 nothing listens on now: the one given, else a free one. InputError if the given one is taken."""
    try:
        with socket.create_server(("127.0.0.1", port or 0)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise InputError(f"TCP port {port} cannot be served: {error.strerror}", hint="choose another --port, or none") from error


def wait_until_served(port: int, patience: float = 10) -> None:
    """Until something listens on the port, or `patience` seconds; the board starts with the simulator, not with a client."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
