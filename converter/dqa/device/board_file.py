"""What a board's file may say: each field of its kind, no field that means nothing, drivers that exist, banks that lie side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dqa.support import resources

CORES = ("m0", "m0plus", "m1", "m3", "m4", "m7", "m23", "m33", "m35p", "m55", "m85")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}
_ADDRESSES = 1 << 32
_ORDER = ("flash", "ram", "arena")
_FIELDS = {"title", "cpu_flags", "clock_hz", "memory", "uart", "counter"}
_MORE = {"soc", "proven", "note", "chips", "qemu", "platformio"}
_UART = {"driver", "base", "irq", "baud"}
_UART_MORE = {"clock_divider", "tx_pin", "rx_pin", "alternate"}
_PINS = (("stm32", ("tx_pin", "rx_pin", "alternate")), ("nrf", ("tx_pin", "rx_pin")))
"""What drivers of these names need beside, where start-up code opens pins."""


def check(name: str, data: object, stack: int) -> None:
    """ValueError, naming the field, unless `data` is the content of a board's file; stack: bytes that RAM must have at least."""
    if not re.fullmatch(r"\w+", name, re.ASCII):
        raise ValueError("its name is the board's: letters, digits and _")
    board = _fields("", data, _FIELDS, _MORE)
    for text in ("title", "note", "proven"):
        if text in board:
            _text(text, board[text])
    _core(board["cpu_flags"])
    _whole("clock_hz", board["clock_hz"], 1)
    _memory(board["memory"], stack)
    uart = _fields("uart.", board["uart"], _UART, _UART_MORE)
    _one_of("uart.driver", uart["driver"], _drivers("UART", _UART | _UART_MORE))
    address("uart.base", uart["base"])
    for number, least in (("irq", 0), ("baud", 1), ("clock_divider", 1), ("alternate", 0)):
        if number in uart:
            _whole(f"uart.{number}", uart[number], least)
    counter = _fields("counter.", board["counter"], {"driver"}, {"base", "hz"})
    _one_of("counter.driver", counter["driver"], _drivers("COUNTER", {"base", "hz", "kind"}))
    if counter["driver"] == "fpgaio":
        address("counter.base", _fields("counter.", counter, {"driver", "base", "hz"}, set())["base"])
        _whole("counter.hz", counter["hz"], 1)
    soc = board.get("soc", "plain")
    _one_of("soc", soc, _drivers("SOC", set()))
    if soc != "plain":
        _fields("uart.", uart, _UART.union(*(pins for start, pins in _PINS if uart["driver"].startswith(start))), _UART_MORE)
    if "qemu" in board:
        qemu = _fields("qemu.", board["qemu"], {"machine", "icount_shift"}, set())
        _text("qemu.machine", qemu["machine"])
        _whole("qemu.icount_shift", qemu["icount_shift"], 0)
    if "platformio" in board:
        for key, value in _fields("platformio.", board["platformio"], {"platform", "board", "upload_protocol"}, set()).items():
            _text(f"platformio.{key}", value)


def size(name: str, value: object) -> int:
    """Bytes of "512K", "4M" or "1024"; ValueError for another text, and for none at all."""
    match = re.fullmatch(r"(\d{1,10})([KM]?)", value) if isinstance(value, str) else None
    if not match or int(match[1]) == 0:
        raise ValueError(f'{name}: expected a number of bytes as "512K", "4M" or "1024", got {value!r}')
    return int(match[1]) * _UNITS[match[2]]


def address(name: str, value: object) -> int:
    """The number of "0x20000000"; ValueError for another text."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,8}", value):
        raise ValueError(f'{name}: expected an address as "0x20000000", got {value!r}')
    return int(value, 16)


def _fields(place: str, data: object, needed: set[str], more: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{place.removesuffix('.') or 'the file'}: expected an object with {', '.join(sorted(needed))}")
    if absent := sorted(needed - set(data)):
        raise ValueError(f"{place}{absent[0]} is missing")
    if unknown := sorted(set(data) - needed - more):
        raise ValueError(f"{place}{unknown[0]}: no such field; there are {', '.join(sorted(needed | more))}")
    return data


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, got {value!r}")


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _ADDRESSES:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")


def _one_of(name: str, value: object, known: set[str]) -> None:
    if value not in known if isinstance(value, str) else True:
        raise ValueError(f"{name}: {value!r} is not known; one of {', '.join(sorted(known))}")


def _core(flags: object) -> None:
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise ValueError("cpu_flags: expected a list of the compiler's flags")
    cores = [flag.removeprefix("-mcpu=") for flag in flags if flag.startswith("-mcpu=")]
    if len(cores) != 1:
        raise ValueError("cpu_flags: expected one -mcpu=")
    _one_of("cpu_flags: -mcpu", cores[0].split("+")[0], {f"cortex-{name}" for name in CORES})


def _memory(data: object, stack: int) -> None:
    memory = _fields("memory.", data, {"flash", "ram"}, {"arena"})
    regions = []
    for name in _ORDER:
        if name in memory:
            region = _fields(f"memory.{name}.", memory[name], {"origin", "size"}, set())
            regions.append((name, address(f"memory.{name}.origin", region["origin"]), size(f"memory.{name}.size", region["size"])))
    for name, origin, length in regions:
        if origin + length > _ADDRESSES:
            raise ValueError(f"memory.{name}: {length} bytes from {origin:#x} on end beyond the last address")
        if name == "ram" and length <= stack:
            raise ValueError(f"memory.ram: {length} bytes hold no stack of {stack}")
    for number, (one, start, length) in enumerate(regions):
        for other, begin, more in regions[number + 1 :]:
            one_bank = (one, other) == ("ram", "arena") and (start, length) == (begin, more)
            if start < begin + more and begin < start + length and not one_bank:
                raise ValueError(f"memory.{one} and memory.{other} overlap")


def _drivers(kind: str, fields: set[str]) -> set[str]:
    """Those that the sources in firmware/bsp have, by their guards."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((resources.path("firmware") / "bsp").glob("*.[ch]")))
    return {name.lower() for name in re.findall(rf"\bDQA_{kind}_([A-Z0-9_]+)", text)} - fields
