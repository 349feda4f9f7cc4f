"""dqa simulate: the firmware of a converted model on a simulated board, for as long as one likes to talk to it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dqa.cli.common import board_option, out_argument, output_options, progress, runtime_options, talk, write_json
from dqa.errors import InputError, RecipeError
from dqa.support.files import failure
from dqa.support.settings import BACKENDS, firmware_runtime

if TYPE_CHECKING:
    from dqa.device.boards import Board


@click.command()
@out_argument
@board_option
@runtime_options
@click.option("--backend", type=click.Choice(BACKENDS), default=BACKENDS[0], show_default=True, help="The simulator.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="QEMU's TCP port for the serial port.  [default: a free one]")
@click.option("--renode", type=click.Path(path_type=Path), metavar="FILE", help="Renode.  [default: $DQA_RENODE, PATH, PlatformIO's]")
@click.option("--files", type=click.Path(path_type=Path), metavar="DIR", help="Write Renode's files of the board to DIR, and run nothing.")
@output_options
def simulate(
    out: Path,
    board: str,
    runtime: str | None,
    tflm: Path | None,
    backend: str,
    port: int | None,
    renode: Path | None,
    files: Path | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Build the firmware of OUT and run it on a simulated board until Ctrl-C.

    The board's serial port is served on a TCP port of this machine, to one client at a time (QEMU), or is a pseudo
    terminal (Renode).
    """
    from dqa import api
    from dqa.device import backends
    from dqa.device.boards import load_board
    from dqa.device.renode.find import find

    runtime, target = firmware_runtime(runtime, tflm), load_board(board)
    in_renode = backend == backends.RENODE
    for option, value, wanted in (("--port", port, "qemu"), ("--renode", renode, "renode"), ("--files", files, "renode")):
        if value is not None and backend != wanted:
            raise RecipeError(f"{option} has an effect only with --backend {wanted}")
    if renode is not None and files is not None:
        raise RecipeError("--renode has no effect with --files, which runs nothing")
    backends.check(target, backend)
    if in_renode and files is None:
        find(renode)  # before the work
    port = None if in_renode else usable_port(port)
    with progress(quiet).task(f"Building for {board}", None):
        firmware = api.build(out, board, runtime=runtime, tflm=tflm)
    if files is not None:
        _write_files(target, firmware.elf, files, quiet, json_path)
        return
    simulator = backends.backend(backend, target, firmware.elf, tcp_port=port, renode=renode)
    try:
        simulator.start()
        if port is not None:
            wait_until_served(port)
        write_json({"board": board, "backend": backend, "serial": simulator.port}, json_path)
        if talk(quiet, json_path):
            print(
                f"{board} runs; Ctrl-C ends it; in another terminal: dqa evaluate {out} --data TEST.npz --target serial:{simulator.port}",
                flush=True,
            )
        simulator.wait()
    finally:
        simulator.stop()


def _write_files(board: Board, elf: Path, folder: Path, quiet: bool, json_path: Path | None) -> None:
    """Renode's description, script and test of a board, and its firmware, into a new or empty folder."""
    from dqa.device.renode import platform

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' is there already", hint="name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in platform.render(board).items():
            (folder / name).write_text(text, encoding="utf-8")
        shutil.copyfile(elf, folder / elf.name)
    except OSError as error:
        raise failure(folder, error) from error
    write_json({"board": board.name, "backend": "renode", "files": str(folder)}, json_path)
    if talk(quiet, json_path):
        print(f"wrote {folder}; next: renode {folder / platform.RESC}")


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
