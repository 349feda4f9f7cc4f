"""Renode's description of a board, its start script and a Robot Framework test, from the board table."""

from __future__ import annotations

from dataclasses import dataclass

from dqa.device.boards import Board
from dqa.errors import BoardError
from dqa.support import templates

REPL, RESC, ROBOT = "board.repl", "run.resc", "board.robot"


@dataclass(frozen=True)
class Part:
    """A peripheral: Renode's model of it, its address, or address and size, and the lines of its description."""

    name: str
    model: str
    place: str
    lines: tuple[str, ...] = ()


def _memory(name: str, base: int, size: int) -> Part:
    """Registers that read as they were written."""
    return Part(name, "Memory.ArrayMemory", f"{base:#010x}", (f"size: {size:#x}",))


_PARTS: dict[str, tuple[Part, ...]] = {
    "plain": (),
    "stm32f4": (
        Part("rtc", "Timers.STM32F4_RTC", "0x40002800"),
        Part("rcc", "Miscellaneous.STM32F4_RCC", "0x40023800", ("rtcPeripheral: rtc",)),
        _memory("flash_registers", 0x40023C00, 0x400),
        _memory("power", 0x40007000, 0x400),
        _memory("ports", 0x40020000, 0x2400),
    ),
    "nrf52": (
        Part("clock", "Miscellaneous.NRF52840_CLOCK", "0x40000000", ("-> nvic@0",)),
        Part("port0", "GPIOPort.NRF52840_GPIO", "0x50000500"),
        Part("port1", "GPIOPort.NRF52840_GPIO", "0x50000800"),
        _memory("configuration", 0x10000000, 0x2000),
        _memory("flash_registers", 0x4001E000, 0x1000),
    ),
}
"""What the start-up code of each kind of part (firmware/bsp/board_*.c) touches."""


def _uart(board: Board) -> Part | None:
    base, irq = board.uart.base, board.uart.irq
    clock = f"frequency: {board.clock_hz // board.uart.clock_divider}"
    known = {
        "cmsdk": Part("uart", "UART.CMSDK_APB_UART", f"{base:#010x}", (clock, f"RxInterrupt -> nvic@{irq}")),
        "stm32_usart": Part("uart", "UART.STM32_UART", f"<{base:#010x}, +0x100>", (f"-> nvic@{irq}",)),
        "nrf_uarte": Part("uart", "UART.NRF52840_UART", f"{base:#010x}", ("easyDMA: true", f"-> nvic@{irq}")),
    }
    return known.get(board.uart.driver)


def supported(board: Board) -> bool:
    """Whether Renode has models of all that the board's firmware touches."""
    return board.soc in _PARTS and _uart(board) is not None and board.core in ("cortex-m3", "cortex-m4", "cortex-m7")


def render(board: Board) -> dict[str, str]:
    """The files by name: REPL, RESC and ROBOT. Raises BoardError for a board that Renode has no models for."""
    uart = _uart(board)
    if not supported(board) or uart is None:
        raise BoardError(f"board {board.name} cannot be simulated in Renode: it lacks its core, UART or clocks", hint="see dqa boards")
    counter = board.counter
    parts = [*_PARTS[board.soc], *([_memory("counter", counter.base, 0x1000)] if counter.base is not None else [])]
    values = {"board": board, "uart": uart, "parts": parts, "mips": board.clock_hz // 1_000_000}
    files = {REPL: "renode.repl.j2", RESC: "renode.resc.j2", ROBOT: "renode.robot.j2"}
    environment = templates.environment()
    return {name: environment.get_template(template).render(**values) for name, template in files.items()}
