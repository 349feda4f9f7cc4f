"""A stack that overflows is reported as such by every simulated board, at once and to every later request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from builders.firmware import insert, needs_compiler, needs_qemu, write_out
from builders.programs import random_program
from dqa.device import bare, boards
from dqa.device.boards import Board, Region
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.errors import ToolError
from dqa.support import resources

pytestmark = [needs_compiler, needs_qemu]

SIMULATED = [board.name for board in boards.list_boards() if board.simulated]
RUN = "dqa_status dqa_model_run(const int8_t **output) {"
OVERFLOWS = {
    "small frames": "volatile uint32_t frame[4] = {depth}; return frame[depth % 4] + (depth ? deeper(depth - 1) : 0) + frame[1];",
    "one frame beyond any guard": "volatile uint32_t frame[16384]; frame[0] = depth; return frame[0] + (depth ? deeper(0) : 0) + frame[1];",
    "floats to be saved": "volatile float frame = (float)depth * 1.5f; return (depth ? deeper(depth - 1) : 0) + (uint32_t)frame;",
}


def firmware(directory: Path, board: str, statement: str, function: str = "") -> Path:
    """The firmware of a small model with a statement at the beginning of its run."""
    write_out(directory, random_program(3))
    insert(directory, RUN, statement)
    source = directory / "src" / "model.c"
    source.write_text(source.read_text().replace(RUN, f"{function}\n{RUN}"))
    return bare.build(directory, board).elf


def overflow_is_reported(board: Board, elf: Path, size: int, *, at_load: bool = False) -> None:
    message = rf"stack overflow on the board: its stack has {size} bytes"
    with Simulator(board, elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        if not at_load:
            hello = device.hello()
            with pytest.raises(ToolError, match=message):
                device.infer(hello, bytes(hello.input_size))
        for request in (device.stats, device.hello):  # it stays so, and says so, until the board is reset
            with pytest.raises(ToolError, match=message) as caught:
                request()
            assert "larger stack" in caught.value.hint


@pytest.mark.parametrize("board", boards.list_boards(), ids=lambda board: board.name)
def test_nothing_in_use_lies_where_the_guard_is(board: Board) -> None:
    guard = re.search(r"GUARD = (\d+)", (resources.path("firmware") / "bsp" / "stack.c").read_text())
    assert guard is not None
    low, bytes_ = board.ram.origin, int(guard[1])
    assert low % bytes_ == 0
    used = [region for region in vars(board).values() if isinstance(region, Region)]
    assert len(used) >= 2
    assert all(region.origin >= low or region.origin + region.size <= low - bytes_ for region in used)


@pytest.mark.parametrize("board", SIMULATED)
@pytest.mark.parametrize("kind", [kind if kind == "small frames" else pytest.param(kind, marks=pytest.mark.slow) for kind in OVERFLOWS])
def test_an_overflow_is_reported(kind: str, board: str, tmp_path: Path) -> None:
    function = f"static uint32_t __attribute__((noinline)) deeper(uint32_t depth) {{ {OVERFLOWS[kind]} }}"
    elf = firmware(tmp_path / "out", board, "if (deeper(1000000) == 7) { return DQA_ERROR_STALLED; }", function)
    overflow_is_reported(boards.load_board(board), elf, boards.STACK_SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("board", SIMULATED)
@pytest.mark.parametrize("size", [256, 512])
def test_a_stack_too_small_for_loading_is_reported(size: int, board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "STACK_SIZE", size)
    write_out(tmp_path / "out", random_program(3))
    overflow_is_reported(boards.load_board(board), bare.build(tmp_path / "out", board).elf, size, at_load=True)


@pytest.mark.slow
@pytest.mark.parametrize("board", SIMULATED)
def test_a_call_that_came_back_but_used_the_last_word_is_reported(board: str, tmp_path: Path) -> None:
    """What is left where a core has no means to find an overflow when it happens."""
    elf = firmware(tmp_path / "out", board, "link_stack_low[0] = 0;", "extern volatile uint32_t link_stack_low[];")
    overflow_is_reported(boards.load_board(board), elf, boards.STACK_SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("board", SIMULATED)
def test_another_fault_is_none_of_the_stack(board: str, tmp_path: Path) -> None:
    elf = firmware(tmp_path / "out", board, "for (volatile int once = 1; once;) { __builtin_trap(); }")
    with Simulator(boards.load_board(board), elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        for _ in range(2):
            with pytest.raises(ToolError, match="processor faulted"):
                device.infer(hello, bytes(hello.input_size))
