"""The board table: boards/<name>.json as typed objects, and the compiler flags that follow from them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from dqa import resources
from dqa.errors import BoardError

STACK_SIZE = 4096
"""Bytes reserved for the stack; its use is measured and reported apart from static RAM."""

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


@dataclass(frozen=True)
class Region:
    """A block of memory, in bytes."""

    origin: int
    size: int


@dataclass(frozen=True)
class Uart:
    driver: str
    base: int
    irq: int
    baud: int
    clock_divider: int = 1
    tx_pin: int | None = None
    rx_pin: int | None = None


@dataclass(frozen=True)
class Counter:
    """`base` and `hz` are None where the core's own counter and clock are meant."""

    driver: str
    base: int | None = None
    hz: int | None = None


@dataclass(frozen=True)
class Qemu:
    """With `-icount shift=icount_shift` one instruction takes 2^icount_shift ns."""

    machine: str
    icount_shift: int


@dataclass(frozen=True)
class PlatformIO:
    platform: str
    board: str
    upload_protocol: str


@dataclass(frozen=True)
class Board:
    """A board of the table. Exactly one of `qemu` (simulated) and `platformio` (real) is set."""

    name: str
    title: str
    cpu_flags: tuple[str, ...]
    clock_hz: int
    flash: Region
    ram: Region
    uart: Uart
    counter: Counter
    soc: str = "plain"
    qemu: Qemu | None = None
    platformio: PlatformIO | None = None

    @property
    def simulated(self) -> bool:
        return self.qemu is not None

    @property
    def core(self) -> str:
        """The CPU, e.g. cortex-m4."""
        return next(flag.removeprefix("-mcpu=") for flag in self.cpu_flags if flag.startswith("-mcpu="))

    @property
    def counter_hz(self) -> int:
        return self.counter.hz or self.clock_hz

    def defines(self) -> tuple[str, ...]:
        """The -D flags that firmware/bsp/board.h speaks of."""
        values: dict[str, object] = {
            "DQA_BOARD": self.name,
            "DQA_CLOCK_HZ": self.clock_hz,
            f"DQA_SOC_{self.soc.upper()}": 1,
            f"DQA_UART_{self.uart.driver.upper()}": 1,
            "DQA_UART_BASE": hex(self.uart.base),
            "DQA_UART_IRQ": self.uart.irq,
            "DQA_UART_BAUD": self.uart.baud,
            "DQA_UART_CLOCK_DIVIDER": self.uart.clock_divider,
            f"DQA_COUNTER_{self.counter.driver.upper()}": 1,
            "DQA_COUNTER_KIND": f"COUNTER_{self.counter.driver.upper()}",
        }
        optional = {
            "DQA_UART_TX_PIN": self.uart.tx_pin,
            "DQA_UART_RX_PIN": self.uart.rx_pin,
            "DQA_COUNTER_BASE": self.counter.base,
            "DQA_COUNTER_HZ": self.counter.hz,
        }
        values.update({name: hex(value) for name, value in optional.items() if value is not None})
        return tuple(f"-D{name}={value}" for name, value in values.items())

    def symbols(self) -> tuple[str, ...]:
        """The linker flags that give firmware/bsp/link.ld its numbers."""
        values = {
            "board_flash_origin": self.flash.origin,
            "board_flash_size": self.flash.size,
            "board_ram_origin": self.ram.origin,
            "board_ram_size": self.ram.size,
            "board_stack_size": STACK_SIZE,
        }
        return tuple(f"-Wl,--defsym={name}={value:#x}" for name, value in values.items())


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KM]?)", text)
    if not match:
        raise ValueError(f"size {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def _region(data: dict[str, str]) -> Region:
    return Region(int(data["origin"], 0), _size(data["size"]))


def _with_base(data: dict[str, Any]) -> dict[str, Any]:
    return data | ({"base": int(data["base"], 0)} if "base" in data else {})


def _board(name: str, data: dict[str, Any]) -> Board:
    fields = {key: data[key] for key in data if key not in ("memory", "uart", "counter", "qemu", "platformio", "cpu_flags")}
    board = Board(
        name=name,
        **fields,
        cpu_flags=tuple(data["cpu_flags"]),
        flash=_region(data["memory"]["flash"]),
        ram=_region(data["memory"]["ram"]),
        uart=Uart(**_with_base(data["uart"])),
        counter=Counter(**_with_base(data["counter"])),
        qemu=Qemu(**data["qemu"]) if "qemu" in data else None,
        platformio=PlatformIO(**data["platformio"]) if "platformio" in data else None,
    )
    if (board.qemu is None) == (board.platformio is None):
        raise ValueError("needs one of qemu and platformio")
    return board


@cache
def list_boards() -> tuple[Board, ...]:
    """All boards, simulated ones first, then by name; BoardError if a file of the table is broken."""
    boards = []
    for file in resources.path("boards").glob("*.json"):
        try:
            boards.append(_board(file.stem, json.loads(file.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BoardError(f"board file {file} is broken: {error}", hint="see docs/boards.md for its fields") from error
    return tuple(sorted(boards, key=lambda board: (not board.simulated, board.name)))


def load_board(name: str) -> Board:
    """The board called `name`; BoardError if there is none."""
    boards = {board.name: board for board in list_boards()}
    if name not in boards:
        raise BoardError(f"unknown board {name!r}", hint=f"known boards: {', '.join(boards)}")
    return boards[name]
