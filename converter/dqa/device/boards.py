"""The board table: boards/<name>.json as typed objects, and the compiler flags that follow from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dqa.device import board_file
from dqa.errors import BoardError
from dqa.support import resources

STACK_SIZE = 4096
"""Bytes reserved for the stack; its use is measured and reported apart from static RAM."""

PROOFS = {"qemu": "run in QEMU", "renode": "run in Renode", "linked": "linked, not run"}

CHIP_NAMES = {"pyocd", "probe-rs"}
"""The tools that name chips."""

_PINS = ((re.compile(r"P([A-K])(\d+)"), 16, "A"), (re.compile(r"P(\d)\.(\d+)"), 32, "0"), (re.compile(r"GP()(\d+)"), 0, ""))
"""How pins are written: STM32's PG7, Nordic's P1.03, Raspberry Pi's GP0; pins per port, and the first port."""


@dataclass(frozen=True)
class Region:
    """A block of memory, in bytes."""

    origin: int
    size: int


@dataclass(frozen=True)
class Uart:
    """`clock_divider`: from the core's clock to the UART's. Pins are numbered through the ports; `alternate` is their function (STM32)."""

    driver: str
    base: int
    irq: int
    baud: int
    clock_divider: int = 1
    tx_pin: int | None = None
    rx_pin: int | None = None
    alternate: int | None = None


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
    """A board of the table.

    `ram` holds stack and variables, `arena` the model's arena: the same region, or another bank. `qemu` is set if the board is simulated;
    of real ones `platformio` is set if an official platform knows the board. `proven`: how far its start-up code and drivers were tried,
    one of PROOFS. `chips`: names of its part with pyocd and probe-rs. `note`: what somebody who connects the board must know.
    """

    name: str
    title: str
    cpu_flags: tuple[str, ...]
    clock_hz: int
    flash: Region
    ram: Region
    arena: Region
    uart: Uart
    counter: Counter
    soc: str = "plain"
    proven: str = "linked"
    note: str = ""
    chips: Mapping[str, str] = field(default_factory=dict)
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

    @property
    def banks(self) -> tuple[Region, ...]:
        """The RAM that the firmware uses: one bank, or that of stack and variables and that of the arena."""
        return (self.ram,) if self.arena == self.ram else (self.ram, self.arena)

    @property
    def ram_size(self) -> int:
        """Bytes of all banks."""
        return sum(bank.size for bank in self.banks)

    @property
    def linker_script(self) -> str:
        """The file of firmware/bsp that begins the linking: memory, then link.ld."""
        return ("one_bank.ld", "two_banks.ld")[len(self.banks) - 1]

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
            "DQA_UART_ALTERNATE": self.uart.alternate,
            "DQA_COUNTER_BASE": self.counter.base,
            "DQA_COUNTER_HZ": self.counter.hz,
        }
        values.update({name: hex(value) for name, value in optional.items() if value is not None})
        return tuple(f"-D{name}={value}" for name, value in values.items())

    def symbols(self) -> tuple[str, ...]:
        """The linker flags that give the linker script its numbers."""
        regions = {"flash": self.flash, "ram": self.ram} | ({"arena": self.arena} if len(self.banks) > 1 else {})
        values: dict[str, int] = {}
        for name, region in regions.items():
            values |= {f"board_{name}_origin": region.origin, f"board_{name}_size": region.size}
        values["board_stack_size"] = STACK_SIZE
        return tuple(f"-Wl,--defsym={name}={value:#x}" for name, value in values.items())


def _region(data: dict[str, str]) -> Region:
    return Region(board_file.address("origin", data["origin"]), board_file.size("size", data["size"]))


def _pin(text: str) -> int:
    for pattern, pins, first in _PINS:
        if match := pattern.fullmatch(text):
            port = ord(match[1]) - ord(first) if match[1] else 0
            return port * pins + int(match[2])
    raise ValueError(f"pin {text!r}: expected one as PG7, P1.03 or GP0")


def _numbers(data: dict[str, Any]) -> dict[str, Any]:
    """A UART or counter with its address and pins as numbers."""
    readers = {"base": lambda text: int(text, 0), "tx_pin": _pin, "rx_pin": _pin}
    return {key: readers[key](value) if key in readers else value for key, value in data.items()}


def _board(name: str, data: dict[str, Any]) -> Board:
    board_file.check(name, data, STACK_SIZE)
    parsed = ("memory", "uart", "counter", "qemu", "platformio", "cpu_flags")
    fields = {key: data[key] for key in data if key not in parsed}
    memory = {key: _region(region) for key, region in data["memory"].items()}
    fields.setdefault("proven", "qemu" if "qemu" in data else "linked")
    board = Board(
        name=name,
        **fields,
        cpu_flags=tuple(data["cpu_flags"]),
        **({"arena": memory["ram"]} | memory),
        uart=Uart(**_numbers(data["uart"])),
        counter=Counter(**_numbers(data["counter"])),
        qemu=Qemu(**data["qemu"]) if "qemu" in data else None,
        platformio=PlatformIO(**data["platformio"]) if "platformio" in data else None,
    )
    if not isinstance(board.chips, dict) or set(board.chips) - CHIP_NAMES or not all(isinstance(v, str) for v in board.chips.values()):
        raise ValueError(f"chips {board.chips!r}: names with {', '.join(sorted(CHIP_NAMES))}")
    if board.qemu and board.platformio:
        raise ValueError("has both qemu and platformio: a board is simulated or real")
    if board.proven not in PROOFS:
        raise ValueError(f"proven {board.proven!r}: one of {', '.join(PROOFS)}")
    return board


@cache
def list_boards() -> tuple[Board, ...]:
    """All boards, simulated ones first, then by name; BoardError if a file of the table is broken."""
    boards = []
    for file in resources.path("boards").glob("*.json"):
        try:
            boards.append(_board(file.stem, json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BoardError(f"board file {file} is broken: {error}", hint="see docs/boards.md for its fields") from error
    return tuple(sorted(boards, key=lambda board: (not board.simulated, board.name)))


def load_board(name: str) -> Board:
    """The board called `name`; BoardError if there is none."""
    boards = {board.name: board for board in list_boards()}
    if name not in boards:
        raise BoardError(f"unknown board {name!r}", hint=f"known boards: {', '.join(boards)}")
    return boards[name]
