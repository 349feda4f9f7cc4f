"""Firmware that takes its input row by row: the same answers, less RAM, and no way to confuse it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from builders.firmware import Raw, insert, needs_compiler, needs_qemu, random_samples, write_out
from builders.programs import random_program
from builders.streams import pushed_with
from dqa import program as p
from dqa.cli.simulate import usable_port, wait_until_served
from dqa.device import bare, boards, build, built, evaluate, protocol, stack
from dqa.device.protocol import REPLY, Command, Refusal
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.errors import RecipeError, ToolError
from dqa.operators.add import Add
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D
from dqa.operators.fully_connected import FullyConnected

pytestmark = [needs_compiler, needs_qemu]

SIMULATED = [board.name for board in boards.list_boards() if board.simulated]
BOARD = boards.load_board("mps2_an386")
INSTANCE = 24
"""Bytes of dqa_model on a 32-bit machine."""
COUNT = 4
"""Bytes of dqa_model_dropped_rows, and of a counter of an edge."""


def counters(program: p.Program) -> int:
    """Bytes that count dropped rows."""
    return COUNT + (COUNT * len(program.edges) if any(map(p.may_drop, program.edges)) else 0)


def convolutions() -> p.Program:
    """Both convolutions and a sum."""
    return pushed_with(Conv2D, DepthwiseConv2D, Add)


def dense() -> p.Program:
    """A convolution, whose path is the deepest, a sum and a fully connected layer."""
    return pushed_with(Conv2D, Add, FullyConnected)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pushed") / "out"
    write_out(directory, convolutions())
    return directory


@pytest.fixture(scope="module")
def host(out: Path) -> HostModel:
    return HostModel((out / "model.dqa").read_bytes(), "pushed")


@pytest.fixture(scope="module")
def elf(out: Path) -> Path:
    return bare.build(out, BOARD.name, pushed=True).elf


@pytest.fixture
def raw(elf: Path) -> Iterator[Raw]:
    with Simulator(BOARD, elf) as simulator:
        yield Raw(simulator)


@pytest.fixture
def bare_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "build", lambda out, board, runtime, tflm, *, pushed: bare.build(out, board, pushed=pushed))


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("program", [convolutions, dense])
@pytest.mark.usefixtures("bare_build")
def test_pushed_rows_give_the_answers_of_the_whole_input_on_every_board(
    name: str, program: Callable[[], p.Program], tmp_path: Path
) -> None:
    data = write_out(tmp_path, program())
    whole, pushed = HostModel(data), HostModel(data, "pushed")
    samples = random_samples(3, sum(whole.input_sizes))
    found = evaluate.run_samples(f"sim:{name}", tmp_path, samples, pushed=True)
    assert np.array_equal(found.outputs.view(np.int8), whole.run(samples).outputs)
    row = whole.input_sizes[0] // program().inputs[0].height
    assert found.ram_model == pushed.arena_size + row + INSTANCE + counters(program())
    # what the compiler says is never less than what is measured, and hardly more, but for an interrupt that comes where it likes
    interrupt = 108 if boards.load_board(name).counter.driver == "systick" else 0
    assert found.stack_bound is not None and found.stack <= found.stack_bound
    assert found.stack_bound - interrupt <= 1.1 * found.stack


@pytest.mark.usefixtures("bare_build")
def test_the_whole_input_takes_more_ram_and_about_the_same_instructions(out: Path, host: HostModel) -> None:
    samples = random_samples(1, sum(host.input_sizes))
    whole, pushed = (evaluate.run_samples(f"sim:{BOARD.name}", out, samples, pushed=rows) for rows in (False, True))
    assert np.array_equal(whole.outputs, pushed.outputs)
    assert whole.ram_model == HostModel((out / "model.dqa").read_bytes()).arena_size + INSTANCE + counters(convolutions())
    assert pushed.ram_model is not None and pushed.ram_model < whole.ram_model
    # the firmware around the model is the same
    assert abs((whole.ram_static - whole.ram_model) - (pushed.ram_static - pushed.ram_model)) <= 32
    assert whole.stack_bound is not None and whole.stack <= whole.stack_bound <= 1.1 * whole.stack
    # the traffic between the rows is not counted
    assert whole.instructions is not None and pushed.instructions is not None
    assert 0.8 * whole.instructions < pushed.instructions < 1.3 * whole.instructions


def test_counters_of_dropped_rows_are_the_models_ram(tmp_path: Path) -> None:
    program = random_program(3)
    data = write_out(tmp_path, program)
    assert bare.build(tmp_path, BOARD.name).ram_model == HostModel(data).arena_size + INSTANCE + counters(program)


def sent(raw: Raw, sequence: int, offset: int, data: bytes, run: int = 7) -> int:
    """Bytes in place after a write that succeeds."""
    reply = raw.ask(Command.WRITE_INPUT, sequence, protocol.write_input(run, offset, data))
    assert reply.type == Command.WRITE_INPUT | REPLY
    return int(struct.unpack("<I", reply.payload)[0])


def output(raw: Raw, sequence: int, sample: npt.NDArray[np.uint8], run: int = 7) -> npt.NDArray[np.int8]:
    crc = protocol.input_crc(raw.hello.program_crc, sample.tobytes())
    assert raw.run(sequence, protocol.run(run, crc)).type == Command.RUN | REPLY
    data = b""
    while len(data) < raw.hello.output_size:
        sequence += 1
        count = min(protocol.DATA_MAX, raw.hello.output_size - len(data))
        data += raw.ask(Command.READ_OUTPUT, sequence, protocol.read_output(run, len(data), count)).payload
    return np.frombuffer(data, np.int8)


def test_a_board_says_that_its_rows_are_pushed_and_takes_them_in_any_pieces(raw: Raw, host: HostModel) -> None:
    size = raw.hello.input_size
    assert raw.hello.row_size == size // convolutions().inputs[0].height
    assert raw.hello.arena_size == host.arena_size
    sample = random_samples(1, size)
    at = sequence = 0
    for piece in (1, raw.hello.row_size - 1, raw.hello.row_size + 1, protocol.DATA_MAX, *[37] * size):
        part = sample[0, at : at + piece].tobytes()
        at += len(part)
        if part:
            assert sent(raw, sequence := sequence + 1, at - len(part), part) == at
    assert at == size
    assert np.array_equal(output(raw, sequence + 1, sample[0]), host.run(sample).outputs[0])


def test_rows_out_of_turn_are_refused_and_the_input_may_begin_anew(raw: Raw, host: HostModel) -> None:
    size, row = raw.hello.input_size, raw.hello.row_size
    first, second = random_samples(2, size)

    def refusal(sequence: int, offset: int, data: bytes) -> tuple[int, int]:
        return raw.refusal(Command.WRITE_INPUT, sequence, protocol.write_input(7, offset, data))

    nothing = protocol.run(7, 0)
    assert raw.refusal(Command.RUN, 1, nothing) == (Refusal.NO_INPUT, 0)
    assert sent(raw, 2, 0, first[: row + 3].tobytes()) == row + 3
    assert sent(raw, 3, row, first[row : row + 3].tobytes()) == row + 3  # once more
    assert refusal(3, row, b"wxyz") == (Refusal.RANGE, row + 3)  # half of it once more
    assert refusal(4, row + 4, b"xyz") == (Refusal.RANGE, row + 3)  # a hole
    assert refusal(5, 0xFFFFFFFF, b"xyz") == (Refusal.RANGE, size)
    assert raw.refusal(Command.RUN, 6, nothing) == (Refusal.NO_INPUT, row + 3)
    assert raw.refusal(Command.READ_OUTPUT, 7, protocol.read_output(7, 0, 1)) == (Refusal.NO_OUTPUT, 0)
    # a repeated request is not done again
    assert sent(raw, 8, row + 3, b"x") == sent(raw, 8, row + 3, b"x") == row + 4
    # another host, or another run, begins anew
    assert raw.refusal(Command.WRITE_INPUT, 9, protocol.write_input(8, row + 4, b"x")) == (Refusal.RANGE, 0)
    sequence = 10
    for at in range(0, size, 100):
        part = second[at : at + 100].tobytes()
        assert sent(raw, sequence := sequence + 1, at, part, 8) == at + len(part)
    assert refusal(sequence + 1, size, b"x") == (Refusal.RANGE, size)  # a row too many
    assert np.array_equal(output(raw, sequence + 2, second, 8), host.run(second[None]).outputs[0])
    assert raw.refusal(Command.RUN, 200, nothing) == (Refusal.NO_INPUT, 0)


def test_a_row_the_executor_refuses_is_an_error_of_its_write(tmp_path: Path) -> None:
    write_out(tmp_path, convolutions())
    guard = "static int rows; if (++rows == 3) return DQA_ERROR_STALLED;"
    source = tmp_path / "src" / "model.c"
    head = "dqa_status dqa_model_push_row(const void *row) {"
    source.write_text(source.read_text().replace(f"{head} ", f"{head}\n"))
    insert(tmp_path, head, guard)
    with Simulator(BOARD, bare.build(tmp_path, BOARD.name, pushed=True).elf) as simulator:
        raw = Raw(simulator)
        row = raw.hello.row_size
        assert sent(raw, 1, 0, bytes(2 * row)) == 2 * row
        assert raw.refusal(Command.WRITE_INPUT, 2, protocol.write_input(7, 2 * row, bytes(row))) == (Refusal.RUN, 13)
        assert raw.refusal(Command.WRITE_INPUT, 3, protocol.write_input(7, 2 * row, bytes(row))) == (Refusal.RANGE, 0)
        assert sent(raw, 4, 0, bytes(row)) == row


def test_a_serial_port_tells_that_rows_are_pushed(out: Path, elf: Path, host: HostModel) -> None:
    made = build.build(out, BOARD.name, pushed=True)
    samples = random_samples(2, sum(host.input_sizes))
    port = usable_port(None)
    with Simulator(BOARD, elf, port=port):
        wait_until_served(port)
        found = evaluate.run_samples(f"serial:socket://127.0.0.1:{port}", out, samples)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert (found.ram_model, found.stack_bound) == (made.ram_model, made.stack)


def test_platformio_builds_for_pushed_rows_beside_the_other_build(out: Path, elf: Path) -> None:
    reference = built.result(elf)
    found = build.build(out, BOARD.name, pushed=True)
    assert found.elf == built.elf_path(out, BOARD.name, pushed=True) != built.elf_path(out, BOARD.name)
    assert (found.ram_model, found.stack) == (reference.ram_model, reference.stack)
    whole = build.build(out, BOARD.name)
    assert whole.elf.is_file() and found.elf.is_file() and whole.ram_model > found.ram_model


def test_a_model_whose_rows_cannot_be_pushed_is_refused(tmp_path: Path) -> None:
    write_out(tmp_path, random_program(3))
    with pytest.raises(ToolError, match="this model was converted without a layout for pushed rows"):
        build.build(tmp_path, BOARD.name, pushed=True)


def test_tensorflow_lite_micro_takes_no_rows(out: Path) -> None:
    with pytest.raises(RecipeError, match="runtime tflm takes no rows one by one"):
        build.build(out, BOARD.name, "tflm", pushed=True)


def test_the_counters_interrupt_takes_stack_too(elf: Path) -> None:
    before, counter = stack.bound(elf), elf.parent / "counter.ci"
    node = 'node: { title: "systick_handler" label: "systick_handler\\ncounter_systick.c:20:6\\n8 bytes (static)" }\n'
    counter.write_text(node, encoding="utf-8")
    try:
        assert before is not None and stack.bound(elf) == before + 108 + 8
    finally:
        counter.unlink()


def test_there_is_no_bound_of_the_stack_without_the_compilers_figures(elf: Path, tmp_path: Path) -> None:
    assert stack.bound(elf) is not None
    alone = tmp_path / "firmware.elf"
    alone.write_bytes(elf.read_bytes())
    assert stack.bound(alone) is None
    # figures of a part of it are not enough
    runtime = next(file for file in elf.parent.glob("*.ci") if "runtime_standalone" in file.name)
    (tmp_path / runtime.name).write_bytes(runtime.read_bytes())
    assert stack.bound(alone) is None
