"""Writes firmware to real boards: one probe, looked at before anything is written."""

from __future__ import annotations

import time
from pathlib import Path

from dqa.device import mlperf, project
from dqa.device.boards import Board, load_board
from dqa.device.build import build, check_profile, check_reach, upload
from dqa.device.flashing import probes, tools, uf2
from dqa.device.flashing.errors import explained
from dqa.errors import BoardError, InputError, RecipeError, ToolError
from dqa.support.settings import DQA_ONLY, FLASH_TOOLS

_TOUCH_BAUD = 1200
"""Opening its port at this rate makes an Arduino start its boot loader."""
_TOUCH_S = 10.0


def flash(
    out: Path,
    board: str,
    port: str | None = None,
    runtime: str = "standalone",
    tflm: Path | None = None,
    quiet: bool = True,
    *,
    pushed: bool = False,
    protocol: str = DQA_ONLY,
    profile: bool = False,
    tool: str = "pio",
    probe: str | None = None,
    recover: bool = False,
) -> str | None:
    """Builds OUT's firmware as dqa.device.build does and flashes it; the serial number of the probe, or the port or drive, that took it.

    tool: one of FLASH_TOOLS. port: a boot loader's serial port (sam-ba) or drive (uf2), None for the only one. probe: the serial number of
    the one to use, or an end of it; None for the only one. recover: erase all of a locked chip before (pyocd, probe-rs).
    Port, probe and, with pyocd and probe-rs, processor are looked at before the build. BoardError: unknown or simulated board, or the tool
    does not know it. InputError: no such probe or port, or it is another board's. ToolError: the build or the tool failed.
    """
    chosen = load_board(board)
    if chosen.simulated:
        raise BoardError(f"board {board} is simulated: there is nothing to flash", hint=f"run it with: dqa simulate {out} --board {board}")
    _check_options(tool, port, probe, recover)
    if profile:
        check_profile(runtime, protocol)
    project.check(out, interpreter=runtime == "tflm")  # before a chip is erased
    mlperf.defines(out, protocol)

    def built() -> Path:
        return build(out, board, runtime, tflm, quiet, pushed=pushed, bare=True, protocol=protocol, profile=profile).elf

    if tool in ("pyocd", "probe-rs"):
        debugger = tools.DebugTool(tool, chosen, verbose=not quiet)
        found = debugger.probe(probe)
        debugger.check_name()
        if recover:
            debugger.recover(found)
        debugger.check_chip(found)
        debugger.flash(found, built())
        return str(found)
    if tool == "uf2":
        place = uf2.drive(chosen, Path(port) if port is not None else None)
        data = built().with_suffix(".bin").read_bytes()
        uf2.write(place, uf2.image(data, chosen.flash.origin, uf2.FAMILIES[chosen.soc][0]))
        return str(place)
    if tool == "sam-ba":
        _check_boot_loader(chosen, "sam-ba")
        tools.program("bossac")
        place_of = _serial_port(chosen, port)
        image = built().with_suffix(".bin")
        tools.bossac(chosen, _touched(chosen, place_of), image, verbose=not quiet)
        return place_of
    return _with_platformio(out, chosen, port, probe, runtime, tflm, quiet, pushed, protocol, profile)


def _check_options(tool: str, port: str | None, probe: str | None, recover: bool) -> None:
    if tool not in FLASH_TOOLS:
        raise InputError(f"unknown tool '{tool}'", hint=f"one of {', '.join(FLASH_TOOLS)}")
    if recover and tool not in ("pyocd", "probe-rs"):
        raise RecipeError(f"--recover has no effect with {tool}", hint="give --with pyocd or probe-rs")
    if probe is not None and tool in ("uf2", "sam-ba"):
        raise RecipeError(f"--probe has no effect with {tool}, which takes --port")
    if port is not None and tool in ("pyocd", "probe-rs"):
        raise RecipeError(f"--port has no effect with {tool}, which takes --probe")


def _check_boot_loader(board: Board, protocol: str) -> None:
    if board.platformio is None or board.platformio.upload_protocol != protocol:
        raise BoardError(f"board {board.name} has no {protocol} boot loader", hint="flash it --with pio, pyocd or probe-rs")


def _with_platformio(
    out: Path,
    board: Board,
    port: str | None,
    probe: str | None,
    runtime: str,
    tflm: Path | None,
    quiet: bool,
    pushed: bool,
    protocol: str,
    profile: bool,
) -> str | None:
    """PlatformIO's upload tool takes the first probe it sees: the serial number is handed to it."""
    if board.platformio is None:
        others = " or ".join([*board.chips, *(["uf2"] if board.soc in uf2.FAMILIES else [])])
        hint = f"dqa flash ... --with {others}, or write the .hex or .bin that dqa build makes with the board's own tools"
        raise BoardError(f"no official platform of PlatformIO knows board {board.name}", hint=hint)
    check_reach(board)
    upload_protocol = board.platformio.upload_protocol
    if upload_protocol == "sam-ba":
        if probe is not None:
            raise RecipeError(f"--probe has no effect with {board.name}, whose boot loader is at a --port")
        port, flags, used = _serial_port(board, port), "", None
    else:
        if port is not None:
            raise RecipeError(
                f"--port has no effect with {board.name}, which is flashed through a probe", hint="name it with --probe SERIAL"
            )
        found = probes.one(board, probes.of_ports(board), probe)
        number = found.serial
        flags = f"-SelectEmuBySN\n{number}" if upload_protocol == "jlink" else f"-c\nadapter serial {number}"
        used, flags = str(found), flags if number else ""
    upload(
        out,
        board,
        port,
        runtime,
        tflm,
        quiet,
        pushed,
        protocol,
        profile,
        flags=flags,
        explain=lambda log: explained(upload_protocol, board, log),
    )
    return used or port


def _serial_port(board: Board, named: str | None) -> str:
    """The named port, which must be there, or that of the only board of its maker. InputError, ToolError."""
    from serial.tools import list_ports

    if named is None:
        found = probes.one(board, probes.of_ports(board), None).port
        assert found is not None
        return found
    there = [str(port.device) for port in list_ports.comports()]
    if named not in there and not Path(named).exists():
        raise InputError(f"--port {named}: there is no such port", hint=f"ports: {', '.join(there) or 'none'}")
    return named


def _touched(board: Board, port: str) -> str:
    """The port of the boot loader that the board starts once its port was opened at 1200 baud; it may have another name."""
    import serial
    from serial.tools import list_ports

    before = {known.device for known in list_ports.comports()}
    try:
        serial.Serial(port, _TOUCH_BAUD).close()
    except OSError as error:
        raise explained("sam-ba", board, str(error)) from error
    deadline = time.monotonic() + _TOUCH_S
    while time.monotonic() < deadline:
        time.sleep(0.25)
        now = {known.device for known in list_ports.comports()}
        if new := sorted(now - before):
            return str(new[0])
        if port in now or Path(port).exists():
            return port
        before = now
    raise ToolError(f"the boot loader of {board.name} does not show up at {port}", hint="press its reset button twice, then flash again")
