"""Start-up code and drivers of real boards, off the boards: every wait ends, and the clock that came of it is told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import SOURCES
from builders.firmware import needs_compiler, needs_qemu, random_samples, write_out
from builders.programs import random_program
from dqa.cli.simulate import usable_port, wait_until_served
from dqa.device import bare, boards, evaluate
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.support import resources

REAL = [board.name for board in boards.list_boards() if not board.simulated]
HARNESS = SOURCES / "board_registers.c"


def follows(on: int, mask: int, value: int, ready: int, bits: int, set_to: int) -> str:
    return "{" + ", ".join(f"{number:#x}u" for number in (on, mask, value, ready, bits, set_to)) + "},"


def oscillator(register: int, on: int) -> str:
    """An oscillator's ready bit next to its enable bit, as in the RCC of most STM32."""
    return follows(register, 1 << on, 1 << on, register, 1 << on + 1, 1 << on + 1)


def switch(register: int, source: int, at: int = 2) -> str:
    """The clock that runs follows the clock that is selected."""
    width = (1 << at) - 1
    return follows(register, width, source, register, width << at, source << at)


def released(block: int) -> str:
    return follows(0x40020000, 1 << block, 0, 0x40020008, 1 << block, 1 << block)


F4 = [oscillator(0x40023800, 24), switch(0x40023808, 2)]
HARDWARE = {
    "stm32f4": F4,
    "stm32f7": [*F4, *(follows(0x40007000, 1 << bit, 1 << bit, 0x40007004, 1 << bit, 1 << bit) for bit in (16, 17))],
    "stm32h7": [
        follows(0x5802480C, 7, 2, 0x58024804, 1 << 13, 1 << 13),
        follows(0x58024818, 3 << 14, 3 << 14, 0x58024818, 1 << 13, 1 << 13),
        oscillator(0x58024400, 24),
        switch(0x58024410, 3, 3),
    ],
    "stm32l4": [follows(0x40021000, 1 << 8, 1 << 8, 0x40021000, 1 << 10, 1 << 10), oscillator(0x40021000, 24), switch(0x40021008, 3)],
    "stm32u5": [
        follows(0x46020C00, 1 << 8, 1 << 8, 0x46020C00, 1 << 10, 1 << 10),
        follows(0x4602080C, 3 << 16, 3 << 16, 0x4602080C, 1 << 15, 1 << 15),
        follows(0x4602080C, 1 << 18, 1 << 18, 0x4602080C, 1 << 14, 1 << 14),
        oscillator(0x46020C00, 24),
        switch(0x46020C1C, 3),
    ],
    "nrf52": [follows(0x40000000, 1, 1, 0x40000100, 1, 1)],
    "nrf53": [follows(0x50005000, 1, 1, 0x50005100, 1, 1)],
    "rp2350": [
        *map(released, (6, 9, 14, 26)),
        follows(0x4001003C, 1, 0, 0x40010044, 3, 1),
        follows(0x4001003C, 1, 1, 0x40010044, 3, 2),
        follows(0x40048000, 0xFFFFFF, 0xFABAA0, 0x40048004, 1 << 31, 1 << 31),
        follows(0x40010030, 3, 2, 0x40010038, 1 << 2, 1 << 2),
        follows(0x40050004, 1 << 5 | 1, 0, 0x40050000, 1 << 31, 1 << 31),
    ],
}
"""What the clocks of a chip do when they are asked, from its reference manual."""
DEAD = {"stm32f4": 16, "stm32f7": 16, "stm32h7": 64, "stm32l4": 4, "stm32u5": 4, "nrf52": 64, "nrf53": 128, "rp2350": 11}
"""MHz of a chip whose clocks never come up: that of its reset."""
READY_TO_SEND = {"stm32_usart": (0x00, 1 << 7), "stm32_usart_v2": (0x1C, 1 << 7), "stm32_lpuart": (0x1C, 1 << 7), "nrf_uarte": (0x120, 1)}
"""The bit of a UART that a driver waits for before or after it sends; without it the port takes nothing."""
PORTS = {"stm32f4": 0x40020000, "stm32f7": 0x40020000, "stm32h7": 0x58020000, "stm32l4": 0x48000000, "stm32u5": 0x42020000}

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def run(board: boards.Board, rules: list[str], folder: Path) -> tuple[int, bool, dict[int, int]]:
    """The core's clock, whether the port took what was sent, and the registers."""
    bsp = resources.path("firmware") / "bsp"
    program = folder / "registers"
    sources = [*bsp.glob("board_*.c"), *bsp.glob("uart_*.c")]
    force: list[str | Path] = ["-include", HARNESS.with_name("board_registers.h")]
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", f"-I{bsp}", *board.defines(), f"-DRULES={''.join(rules)}"]
    subprocess.run(["gcc", *flags, *force, HARNESS, *sources, "-o", program], check=True)
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    registers = {int(a, 0): int(b, 0) for a, b in map(str.split, lines[2:])}
    return int(lines[0]), lines[1] == "1", registers


@needs_gcc
@pytest.mark.parametrize("name", REAL)
def test_a_board_whose_clocks_and_port_are_dead_ends_every_wait_and_says_so(name: str, tmp_path: Path) -> None:
    board = boards.load_board(name)
    core_hz, sent, _ = run(board, [], tmp_path)
    assert core_hz == DEAD[board.soc] * 10**6
    assert sent == (board.uart.driver == "pl011")  # whose transmitter is full, or it is not: here it never is


@needs_gcc
@pytest.mark.parametrize("name", REAL)
def test_a_board_whose_clocks_come_up_runs_at_full_speed_and_at_the_ports_rate(name: str, tmp_path: Path) -> None:
    board, rules = boards.load_board(name), HARDWARE[boards.load_board(name).soc]
    uart = board.uart
    if uart.driver in READY_TO_SEND:
        offset, bit = READY_TO_SEND[uart.driver]
        rules = [*rules, follows(0, 0, 0, uart.base + offset, bit, bit)]
    core_hz, sent, registers = run(board, rules, tmp_path)
    assert (core_hz, sent) == (board.clock_hz, True)
    bus = board.clock_hz / uart.clock_divider
    if uart.driver == "pl011":
        divider = registers[uart.base + 0x24] + registers[uart.base + 0x28] / 64
        assert bus / 16 / divider == pytest.approx(uart.baud, rel=0.001)
    elif uart.driver.startswith("stm32"):
        divider = registers[uart.base + (0x08 if uart.driver == "stm32_usart" else 0x0C)]
        assert bus * (256 if uart.driver == "stm32_lpuart" else 1) / divider == pytest.approx(uart.baud, rel=0.002)
        for pin in (uart.tx_pin, uart.rx_pin):
            assert pin is not None
            port, at = PORTS[board.soc] + 0x400 * (pin // 16), pin % 16
            assert registers[port] >> 2 * at & 3 == 2  # its alternate function
            assert registers[port + (0x20 if at < 8 else 0x24)] >> 4 * (at % 8) & 15 == uart.alternate
    elif uart.driver == "nrf_uarte":
        assert (registers[uart.base + 0x50C], registers[uart.base + 0x514]) == (uart.tx_pin, uart.rx_pin)


def holds(register: int, value: int) -> str:
    return follows(0, 0, 0, register, 0xFFFFFFFF, value)


@needs_gcc
@pytest.mark.parametrize(("revision", "handled"), [(2, False), (3, True), (4, True)])
def test_an_nrf52840_leaves_the_debug_port_as_its_configuration_says(revision: int, handled: bool, tmp_path: Path) -> None:
    wanted = [holds(0x10000130, 8), holds(0x10000134, revision), holds(0x10001208, 0xFFFFFF5A)]
    registers = run(boards.load_board("nano33ble"), [*HARDWARE["nrf52"], *wanted], tmp_path)[2]
    assert registers.get(0x40000558) == (0xFFFFFF5A if handled else None)
    assert registers[0x4001E540] == 1  # the cache
    # TX is P1.03: a pin of the second port, high, an output
    assert (registers[0x50000808], registers[0x50000818]) == (1 << 3, 1 << 3)


@needs_gcc
def test_an_nrf5340_takes_its_trimming_and_leaves_the_debug_port_as_its_configuration_says(tmp_path: Path) -> None:
    trims = [holds(0x00FF0300, 0x50005A00), holds(0x00FF0304, 77), holds(0x00FF0308, 0xFFFFFFFF)]
    wanted = [holds(0x00FF8000, 0x50FA50FA), holds(0x00FF801C, 0x50FA50FA)]
    registers = run(boards.load_board("nrf5340_dk"), [*HARDWARE["nrf53"], *trims, *wanted], tmp_path)[2]
    assert registers[0x50005A00] == 77 and 0xFFFFFFFF not in registers
    assert (registers[0x50006544], registers[0x5000654C]) == (0x50FA50FA, 0x50FA50FA)
    assert (registers[0x50005558], registers[0x50001500]) == (0, 1)  # full clock, cache


class OnSecondPort(Simulator):
    """Serves the machine's second serial port, USART2 of the STM32F405."""

    def _command(self, serial: str) -> list[str]:
        command = super()._command(serial)
        at = command.index("-serial")
        return [*command[:at], "-serial", "null", *command[at:]]


@needs_compiler
@needs_qemu
def test_the_firmware_of_an_stm32f446_runs_where_no_clock_comes_up(tmp_path: Path) -> None:
    """QEMU's STM32F405 has no clock controller: the firmware boots, falls back to 16 MHz, says so, and answers."""
    out = tmp_path / "out"
    write_out(out, random_program(3))
    host = HostModel((out / "model.dqa").read_bytes())
    samples = random_samples(2, sum(host.input_sizes))
    port = usable_port(None)
    with OnSecondPort(boards.load_board("netduinoplus2"), bare.build(out, "nucleo_f446re").elf, port=port):
        wait_until_served(port)
        found = evaluate.run_samples(f"serial:socket://127.0.0.1:{port}", out, samples)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert found.notes == ("nucleo_f446re runs at 16 MHz, not at 168: its fast clock did not come up",)
