"""The firmware on simulated boards, against the host engine and against abuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builders.faulty import Emulated, FaultyLink
from builders.firmware import Raw, insert, needs_compiler, needs_qemu, random_samples, write_out
from builders.programs import random_program
from dqa.device import bare, boards, evaluate, protocol, work
from dqa.device.client import Device
from dqa.device.protocol import ERROR, Command, Frame, Refusal
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.errors import BoardError, DataError, InputError, ProgramError, ToolError

pytestmark = [needs_compiler, needs_qemu]

SIMULATED = [board.name for board in boards.list_boards() if board.simulated]
BOARD = boards.load_board("mps2_an386")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with two inputs and two outputs whose maps drop rows."""
    directory = tmp_path_factory.mktemp("simulated") / "out"
    write_out(directory, random_program(44))
    return directory


@pytest.fixture(scope="module")
def host(out: Path) -> HostModel:
    return HostModel((out / "model.dqa").read_bytes())


@pytest.fixture(scope="module")
def elf(out: Path) -> Path:
    return bare.build(out, BOARD.name).elf


@pytest.fixture
def raw(elf: Path) -> Iterator[Raw]:
    with Simulator(BOARD, elf) as simulator:
        yield Raw(simulator)


@pytest.fixture
def bare_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves PlatformIO out, whose builds device/test_build.py looks at."""
    monkeypatch.setattr(evaluate, "build", lambda out, board, runtime, tflm, *, pushed: bare.build(out, board, pushed=pushed))


def test_a_board_answers_what_the_host_answers(out: Path, host: HostModel) -> None:
    samples = random_samples(8, sum(host.input_sizes))
    expected = host.run(samples)
    done: list[int] = []
    found = evaluate.run_samples("sim:mps2_an386", out, samples, progress=done.append)
    assert np.array_equal(found.outputs.view(np.int8), expected.outputs)
    assert found.dropped_rows == expected.dropped.sum() > 0
    assert sum(done) == 8
    assert found.flash_model == (out / "model.dqa").stat().st_size
    assert found.ram_model is not None and host.arena_size < found.ram_model < found.ram_static
    assert found.stack_bound is not None and 100 < found.stack <= found.stack_bound < boards.STACK_SIZE
    assert found.instructions is not None and found.instructions > 1000


@pytest.mark.parametrize("name", SIMULATED[1:])
@pytest.mark.usefixtures("bare_build")
def test_every_simulated_board_answers_the_same(name: str, out: Path, host: HostModel) -> None:
    samples = random_samples(4, sum(host.input_sizes))
    found = evaluate.run_samples(f"sim:{name}", out, samples)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    most = work.most_cycles_of(out)
    assert found.instructions is not None and most is not None and 5 * found.instructions < most  # of the first inference's patience


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
def test_counted_instructions_repeat(name: str, out: Path, host: HostModel) -> None:
    board = boards.load_board(name)
    firmware = bare.build(out, name).elf
    sample = random_samples(1, sum(host.input_sizes))[0].tobytes()
    counts = []
    for _ in range(2):
        with Simulator(board, firmware, icount=True) as simulator:
            device = Device(simulator.link, reply_timeout=20)
            hello = device.hello()
            assert hello.board == name
            ticks = [device.infer(hello, sample)[1].ticks for _ in range(2)]
        assert board.qemu is not None
        counts += [round(t * 1e9 / board.counter_hz / 2**board.qemu.icount_shift) for t in ticks]
    assert max(counts) - min(counts) <= 1  # half a tick of rounding


@pytest.mark.slow
def test_a_counter_that_wraps_counts_on(out: Path, tmp_path: Path) -> None:
    rounds = 700_000_000  # of two instructions and 6.4 ticks: past 2^32
    long = tmp_path / "out"
    write_out(long, random_program(44))
    loop = f'__asm volatile("ldr r0, ={rounds}\\n1: subs r0, r0, #1\\nbne 1b" ::: "r0", "cc");'
    insert(long, "dqa_status dqa_model_run(const int8_t **output) {", loop)
    with Simulator(BOARD, bare.build(long, BOARD.name).elf, icount=True) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        ticks = device.infer(hello, bytes(hello.input_size))[1].ticks
    assert 2 * rounds * 3.2 < ticks < 2 * rounds * 3.2 + 1_000_000


@pytest.mark.usefixtures("bare_build")
def test_a_corrupt_program_is_reported_over_serial(out: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "out"
    write_out(spoiled, random_program(3))
    source = spoiled / "src" / "model.c"
    head, body = source.read_text().split("dqa_model_program[DQA_MODEL_PROGRAM_SIZE] = {")
    lines = body.splitlines()
    at = max(i for i, line in enumerate(lines) if line.strip().startswith("0x"))
    lines[at] = lines[at].replace("0x", "0xf", 1).replace("0xf0", "0xf")  # one byte of the last line, another value
    source.write_text(head + "dqa_model_program[DQA_MODEL_PROGRAM_SIZE] = {" + "\n".join(lines) + "\n")
    with Simulator(BOARD, bare.build(spoiled, BOARD.name).elf) as simulator:
        raw = Raw(simulator)
        assert raw.hello.load_status == 4  # DQA_ERROR_CHECKSUM
        for sequence, (command, payload) in enumerate(
            [(Command.WRITE_INPUT, bytes(9)), (Command.RUN, bytes(8)), (Command.READ_OUTPUT, bytes(10))]
        ):
            assert raw.refusal(command, sequence, payload) == (Refusal.MODEL, 4)
    with pytest.raises(ProgramError, match="status 4 \\(checksum\\)"):
        evaluate.run_samples("sim:mps2_an386", spoiled, random_samples(1, 54))


def test_a_fault_is_reported_and_not_silent(out: Path, tmp_path: Path) -> None:
    faulty = tmp_path / "out"
    write_out(faulty, random_program(3))
    insert(faulty, "dqa_status dqa_model_run(const int8_t **output) {", "*(volatile int *)0xF0000000u = 1;")
    with Simulator(BOARD, bare.build(faulty, BOARD.name).elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        with pytest.raises(ToolError, match="processor faulted"):
            device.infer(hello, bytes(hello.input_size))


def test_requests_that_make_no_sense_are_refused(raw: Raw) -> None:
    size = raw.hello.input_size
    write, run = protocol.write_input, protocol.run(5, protocol.input_crc(raw.hello.program_crc, bytes(size)))
    assert raw.refusal(0x77, 1) == (Refusal.COMMAND, 0x77)
    assert raw.refusal(Command.HELLO, 2, b"?") == (Refusal.PAYLOAD, 1)
    assert raw.refusal(Command.WRITE_INPUT, 3, bytes(8)) == (Refusal.PAYLOAD, 8)
    assert raw.refusal(Command.WRITE_INPUT, 4, write(5, 1, b"x")) == (Refusal.RANGE, 0)
    assert raw.refusal(Command.WRITE_INPUT, 5, write(5, 0xFFFFFFFF, b"x")) == (Refusal.RANGE, size)
    assert raw.refusal(Command.WRITE_INPUT, 6, write(5, 0, bytes(size + 1))) == (Refusal.RANGE, size)
    assert raw.refusal(Command.RUN, 7, b"") == (Refusal.PAYLOAD, 0)
    assert raw.refusal(Command.RUN, 7, run) == (Refusal.NO_INPUT, 0)
    assert raw.ask(Command.WRITE_INPUT, 8, write(5, 0, bytes(size - 1))).type == Command.WRITE_INPUT | protocol.REPLY
    assert raw.refusal(Command.RUN, 9, run) == (Refusal.NO_INPUT, size - 1)
    assert raw.refusal(Command.READ_OUTPUT, 10, protocol.read_output(5, 0, 1)) == (Refusal.NO_OUTPUT, 0)
    assert raw.refusal(Command.READ_OUTPUT, 10, protocol.read_output(5, 0, 1)[:-1]) == (Refusal.PAYLOAD, 9)
    assert raw.ask(Command.WRITE_INPUT, 11, write(5, size - 1, bytes(1))).type == Command.WRITE_INPUT | protocol.REPLY
    assert raw.run(12, run).type == Command.RUN | protocol.REPLY
    total = raw.hello.output_size
    for sequence, request in enumerate([(total, 1), (0, total + 1), (0xFFFFFFFF, 2), (0, 257)], 13):
        assert raw.refusal(Command.READ_OUTPUT, sequence, protocol.read_output(5, *request)) == (Refusal.RANGE, total)
    assert len(raw.ask(Command.READ_OUTPUT, 20, protocol.read_output(5, 0, total)).payload) == total
    assert raw.refusal(Command.READ_OUTPUT, 21, protocol.read_output(4, 0, total)) == (Refusal.NO_OUTPUT, 0)


def test_a_repeated_run_is_not_done_twice(raw: Raw) -> None:
    write = protocol.write_input(5, 0, bytes(raw.hello.input_size))
    run = protocol.run(5, protocol.input_crc(raw.hello.program_crc, bytes(raw.hello.input_size)))
    raw.ask(Command.WRITE_INPUT, 1, write)
    first = raw.run(2, run)
    assert first.type == Command.RUN | protocol.REPLY
    assert raw.ask(Command.RUN, 2, run) == first
    assert raw.ask(Command.RUN, 3, run).payload == first.payload
    # what is in place may come again and changes nothing
    assert raw.ask(Command.WRITE_INPUT, 4, write).type == Command.WRITE_INPUT | protocol.REPLY
    assert raw.ask(Command.RUN, 5, run).payload == first.payload
    assert raw.refusal(Command.RUN, 6, protocol.run(6, 0)) == (Refusal.NO_INPUT, 0)


def test_old_frames_that_come_again_are_not_taken_for_the_new_sample(raw: Raw, host: HostModel) -> None:
    """A WRITE_INPUT of the sample before, its RUN, and its READ_OUTPUT."""
    old, new = random_samples(2, raw.hello.input_size)
    crc = [protocol.input_crc(raw.hello.program_crc, sample.tobytes()) for sample in (old, new)]
    old_write, new_write = (protocol.write_input(number, 0, sample.tobytes()) for number, sample in ((1, old), (2, new)))
    raw.ask(Command.WRITE_INPUT, 1, old_write)
    assert raw.run(2, protocol.run(1, crc[0])).type == Command.RUN | protocol.REPLY
    raw.ask(Command.WRITE_INPUT, 3, new_write)
    assert raw.refusal(Command.READ_OUTPUT, 4, protocol.read_output(1, 0, 1)) == (Refusal.NO_OUTPUT, 0)
    raw.ask(Command.WRITE_INPUT, 1, old_write)
    assert raw.refusal(Command.RUN, 5, protocol.run(2, crc[1])) == (Refusal.NO_INPUT, 0)
    assert raw.refusal(Command.RUN, 5, protocol.run(1, crc[1])) == (Refusal.INPUT, crc[0])
    raw.ask(Command.WRITE_INPUT, 6, new_write)
    assert raw.refusal(Command.RUN, 2, protocol.run(1, crc[0])) == (Refusal.NO_INPUT, 0)
    reply = protocol.RunReply.decode(raw.run(7, protocol.run(2, crc[1])).payload)
    assert raw.refusal(Command.READ_OUTPUT, 8, protocol.read_output(1, 0, 1)) == (Refusal.NO_OUTPUT, 0)
    output = raw.ask(Command.READ_OUTPUT, 9, protocol.read_output(2, 0, raw.hello.output_size)).payload
    assert output == host.run(new[None]).outputs[0].tobytes()
    assert reply.output_crc == protocol.output_crc(crc[1], output)


def test_damaged_and_oversized_frames_are_refused_once_and_the_device_stays_in_step(raw: Raw) -> None:
    oversized = Frame(Command.RUN, 9).encode()[:7] + (protocol.PAYLOAD_MAX + 1).to_bytes(2, "little")
    damaged = bytearray(Frame(Command.STATS, 8, b"").encode())
    damaged[-1] ^= 1
    too_long, good = raw.send(oversized * 3 + bytes(damaged) + Frame(Command.STATS, 7).encode(), 2)
    assert (too_long.type, too_long.sequence, too_long.payload[0]) == (ERROR, 9, Refusal.TOO_LONG)
    assert (good.type, good.sequence) == (Command.STATS | protocol.REPLY, 7)
    bad, good = raw.send(bytes(damaged) + Frame(Command.STATS, 6).encode(), 2)
    assert (bad.type, bad.sequence, bad.payload[0]) == (ERROR, 8, Refusal.CRC)
    assert (good.type, good.sequence) == (Command.STATS | protocol.REPLY, 6)


def test_a_board_that_started_again_asks_for_a_greeting(elf: Path) -> None:
    with Emulated(BOARD, elf) as simulator:
        raw = Raw(simulator)
        simulator.reset()
        for sequence, command in enumerate((Command.WRITE_INPUT, Command.RUN, Command.READ_OUTPUT, Command.STATS)):
            assert raw.refusal(command, sequence) == (Refusal.UNGREETED, 0)
        hello = protocol.Hello.decode(raw.ask(Command.HELLO, 0xABCDEF01).payload)
        assert (hello.boot, hello.program_crc) == (0xABCDEF01, raw.hello.program_crc)
        assert hello.boot != raw.hello.boot
        assert protocol.Hello.decode(raw.ask(Command.HELLO, 3).payload) == hello


def test_the_device_answers_after_any_noise(raw: Raw) -> None:
    random = np.random.default_rng(0)
    for sequence in range(20):
        noise = random.integers(0, 256, 300, dtype=np.uint8).tobytes().replace(protocol.SYNC[1:], protocol.SYNC)
        replies = raw.send(noise + bytes(protocol.FRAME_MAX) + Frame(Command.STATS, sequence).encode(), 1)
        while replies[-1].type == ERROR:
            replies += raw.send(b"", 1)
        assert (replies[-1].type, replies[-1].sequence) == (Command.STATS | protocol.REPLY, sequence)


def test_a_missing_simulator_is_named_with_a_remedy(elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolError, match="qemu-system-arm is not installed") as caught:
        Simulator(BOARD, elf)
    assert "apt-get install qemu-system-arm" in caught.value.hint


@pytest.mark.usefixtures("bare_build")
def test_samples_of_the_wrong_size_are_refused(out: Path, host: HostModel) -> None:
    with pytest.raises(DataError, match=f"a sample has 7 bytes, the model on the board takes {sum(host.input_sizes)}"):
        evaluate.run_samples("sim:mps2_an386", out, random_samples(1, 7))


@pytest.mark.usefixtures("bare_build")
def test_firmware_of_another_model_is_refused(out: Path, tmp_path: Path) -> None:
    other = tmp_path / "out"
    write_out(other, random_program(3))
    (other / "model.dqa").write_bytes(write_out(tmp_path / "four", random_program(4)))
    with pytest.raises(InputError, match="another model"):
        evaluate.run_samples("sim:mps2_an386", other, random_samples(1, 54))


@pytest.mark.parametrize("target", ["sim", "sim:", "usb:1", "serial:"])
def test_a_target_that_is_none_is_refused(target: str, out: Path) -> None:
    with pytest.raises(InputError, match="unknown target"):
        evaluate.run_samples(target, out, random_samples(1, 54))


def test_a_real_board_cannot_be_simulated(out: Path, elf: Path) -> None:
    with pytest.raises(BoardError, match="not simulated"):
        evaluate.run_samples("sim:nucleo_f446re", out, random_samples(1, 54))
    with pytest.raises(BoardError, match="cannot be simulated"):
        Simulator(boards.load_board("nucleo_f446re"), elf)


def test_a_simulator_that_dies_is_noticed_at_once(elf: Path) -> None:
    with Simulator(BOARD, elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        os.kill(simulator.pid, signal.SIGKILL)
        with pytest.raises(ToolError):
            device.infer(hello, bytes(hello.input_size))


def test_a_file_that_is_no_firmware_is_an_error_with_the_simulators_words(tmp_path: Path) -> None:
    broken = tmp_path / "firmware.elf"
    broken.write_bytes(Path(sys.executable).read_bytes())  # a program of this machine: the processor locks up
    with Simulator(BOARD, broken) as simulator:
        with pytest.raises(ToolError):
            Device(simulator.link, reply_timeout=0.2).hello()
        assert "Lockup" in simulator.messages()


def test_a_serial_port_reaches_the_board_too(out: Path, elf: Path, host: HostModel) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    samples = random_samples(2, sum(host.input_sizes))
    with Simulator(BOARD, elf, port=port):
        deadline = time.monotonic() + 20
        while True:
            try:
                found = evaluate.run_samples(f"serial:socket://127.0.0.1:{port}", out, samples)
                break
            except InputError:  # not listening yet
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert found.microseconds is None  # a simulator's time means nothing


def test_a_port_that_does_not_exist_is_refused(out: Path) -> None:
    with pytest.raises(InputError, match="cannot open /dev/no_such_port"):
        evaluate.run_samples("serial:/dev/no_such_port", out, random_samples(1, 54))


SLEEPER = """
import sys, time
from pathlib import Path
from dqa.device.boards import load_board
from dqa.device.simulate import Simulator
with Simulator(load_board("mps2_an386"), Path(sys.argv[1])) as simulator:
    print(simulator.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_simulator_outlives_its_parent(elf: Path, death: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(elf)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(death)
    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_answer_comes_and_is_right_over_a_faulty_line(elf: Path, host: HostModel) -> None:
    samples = random_samples(30, sum(host.input_sizes))
    with Emulated(BOARD, elf) as simulator:
        link = FaultyLink(simulator, 0.1, 1)
        device = Device(link)
        hello = device.hello()
        for sample, answer in zip(samples, host.run(samples).outputs, strict=True):
            assert device.infer(hello, sample.tobytes())[0] == answer.tobytes()
    assert link.injected.total() >= 5
