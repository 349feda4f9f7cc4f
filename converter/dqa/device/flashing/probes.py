"""Probes that are connected, and the one that is meant."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dqa.device.boards import Board
from dqa.device.flashing.errors import choose_one, none_found
from dqa.errors import InputError, ToolError

_PROBE_RS = re.compile(r"^\[\d+\]: (.+?) -- ([0-9a-fA-F]{4}:[0-9a-fA-F]{4}(?:-\d+)?):(\S*)", re.MULTILINE)
_VENDORS = {"stlink": (0x0483,), "jlink": (0x1366,), "sam-ba": (0x2341,)}
"""USB vendors of what each upload protocol of PlatformIO goes through."""


@dataclass(frozen=True)
class Probe:
    """serial: by which it is named. name: for people. selector: how its tool names it. port: its serial port, where it has one."""

    serial: str
    name: str
    selector: str
    port: str | None = None

    def __str__(self) -> str:
        return self.serial or self.port or self.selector


def of_probe_rs(listing: str) -> list[Probe]:
    """Of `probe-rs list`."""
    return [Probe(serial, name, f"{ids}:{serial}") for name, ids, serial in _PROBE_RS.findall(listing)]


def of_pyocd(listing: str) -> list[Probe]:
    """Of `pyocd json --probes`. ToolError for what is none."""
    try:
        found = json.loads(listing[listing.index("{") :])["boards"]
        return [Probe(str(one["unique_id"]), str(one.get("info", "")), str(one["unique_id"])) for one in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"pyocd does not list its probes: {listing.strip()[:200] or 'it says nothing'}", hint="update pyOCD") from error


def of_ports(board: Board) -> list[Probe]:
    """By the serial ports of this machine: those of the vendor that PlatformIO's upload protocol of the board goes through."""
    from serial.tools import list_ports

    protocol = board.platformio.upload_protocol if board.platformio else "sam-ba"
    vendors = _VENDORS.get(protocol, ())
    ports = [port for port in list_ports.comports() if port.vid in vendors]
    probes: dict[str, Probe] = {}
    for port in ports:  # a probe may have several ports
        probes.setdefault(
            port.serial_number or port.device,
            Probe(port.serial_number or "", port.description or "", port.serial_number or "", port.device),
        )
    return list(probes.values())


def one(board: Board, probes: Sequence[Probe], named: str | None) -> Probe:
    """The probe that is named by its serial number, or an end of it that no other has; without a name the only one.

    InputError where the name is none of them, or several are there and none is named; ToolError where there is none.
    """
    if named is None:
        if len(probes) > 1:
            raise choose_one(board, [str(probe) for probe in probes])
        if not probes:
            raise none_found(board)
        return probes[0]
    exact = [probe for probe in probes if named.lower() in (str(probe).lower(), (probe.port or "").lower())]
    ends = exact or [probe for probe in probes if str(probe).lower().endswith(named.lower())]
    if len(ends) == 1 and named:
        return ends[0]
    if not probes:
        raise none_found(board)
    connected = ", ".join(f"{probe} ({probe.name})" for probe in probes)
    raise InputError(f"--probe {named}: {'several probes' if ends else 'no probe'} of that number", hint=f"connected: {connected}")
