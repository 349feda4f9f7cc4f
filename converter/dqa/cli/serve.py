"""dqa serve: the firmware of a converted model on a serial port of its own, for the benchmark's runner and any serial tool."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from dqa.cli.common import out_argument, output_options, progress, protocol_option, runtime_options, talk, warn, write_json
from dqa.errors import BoardError, InputError, RecipeError
from dqa.support.settings import BOTH, firmware_runtime


@click.command()
@out_argument
@click.option("--board", metavar="BOARD", help="A simulated board of `dqa boards`.")
@click.option("--host", is_flag=True, help="This machine: the same firmware, with the host's engine behind it.")
@runtime_options
@protocol_option(BOTH)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="TCP port.  [default: a free one]")
@click.option("--link", type=click.Path(path_type=Path), metavar="PATH", help="Make this symbolic link to the pseudo-terminal.")
@click.option("--pace", is_flag=True, help="Let a timed run last as long as the board says, at most 20 s.")
@output_options
def serve(
    out: Path,
    board: str | None,
    host: bool,
    runtime: str | None,
    tflm: Path | None,
    protocol: str,
    port: int | None,
    link: Path | None,
    pace: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Serve OUT's firmware as a serial port: a pseudo-terminal and a TCP port of this machine, until Ctrl-C.

    Programs may close and open the port again. A simulated board's time is that of its instructions.
    """
    from dqa import api
    from dqa.device import host_board
    from dqa.device.boards import load_board
    from dqa.device.serve import Server, program
    from dqa.device.simulate import Simulator
    from dqa.report import load_interface

    if (board is None) != host:
        raise InputError("serve: expected either --board BOARD or --host", hint="dqa boards lists the simulated ones")
    if host and (runtime is not None or tflm is not None):
        raise RecipeError("--runtime and --tflm have no effect with --host", hint="--board BOARD has a runtime")
    runtime = firmware_runtime(runtime, tflm)
    with ExitStack() as stack:
        if board is None:
            with progress(quiet).task("Building for this machine", None):
                binary = host_board.firmware(out, pushed=load_interface(out).push_rows, protocol=protocol)
            device = stack.enter_context(program(binary))
        else:
            target = load_board(board)
            if not target.simulated:
                raise BoardError(f"board '{board}' is not a simulated one", hint="a real one has a serial port; it takes dqa flash")
            with progress(quiet).task(f"Building for {board}", None):
                built = api.build(out, board, runtime=runtime, tflm=tflm, protocol=protocol)
            warn(built.notes)
            device = stack.enter_context(Simulator(target, built.elf, icount=True)).link
        server = stack.enter_context(Server(device, port=port or 0, name=link, pace=pace))
        address, name = f"socket://127.0.0.1:{server.port}", str(link or server.terminal)
        write_json({"board": board or "host", "protocol": protocol, "terminal": name, "serial": address}, json_path)
        if talk(quiet, json_path):
            print(f"{board or 'this machine'} is served as {name} and as {address}; Ctrl-C ends it")
        sys.stdout.flush()
        server.run()
