"""dqa serve: a board's port as a pseudo-terminal and a TCP port."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.firmware import needs_compiler, needs_qemu, random_samples
from builders.mlperf_models import Words, classifier, write_model
from dqa.device.client import Device
from dqa.device.host_board import firmware
from dqa.device.link import SerialLink, SocketLink
from dqa.device.serve import LONGEST_LAP_S, Pace, Server, program
from dqa.engine.host import HostModel
from dqa.errors import InputError, ToolError


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("serve") / "out"
    write_model(directory, classifier("generic"))
    return directory


@pytest.fixture(scope="module")
def binary(out: Path) -> Path:
    return firmware(out, protocol="both")


@contextmanager
def served(binary: Path, **settings: object) -> Iterator[Server]:
    """A server whose board ends with the context."""
    with program(binary) as link, Server(link, **settings) as server:  # type: ignore[arg-type]
        errors: list[BaseException] = []

        def run() -> None:
            try:
                server.run()
            except (ToolError, OSError) as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server
        finally:
            link._connection.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()
    assert "host firmware" in str(errors[0])


def answers(out: Path, samples: np.ndarray) -> list[list[float]]:
    outputs = HostModel((out / "model.dqa").read_bytes()).run(samples, jobs=1).outputs
    zero = json.loads((out / "report.json").read_text())["interface"]["outputs"][0]["zero_point"][0]
    return [[float(f"{value:.3f}") for value in (row.astype(float) - zero) / 256] for row in outputs]


def test_a_session_over_a_pseudo_terminal_is_plain_text(binary: Path) -> None:
    """Without any library: what a person types into a terminal, and what comes."""
    with served(binary) as server:
        port = os.open(server.terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            assert select.select([port], [], [], 0.2)[0] == []
            os.write(port, b"name%")
            heard = b""
            while not heard.endswith(b"m-ready\r\n"):
                heard += os.read(port, 100)
            assert heard == b"m-name-dut-[host]\r\nm-ready\r\n"
        finally:
            os.close(port)


def test_a_port_may_be_closed_and_opened_again(binary: Path, out: Path) -> None:
    samples = random_samples(3, 40)
    with served(binary) as server:
        for sample, answer in zip(samples, answers(out, samples), strict=True):
            for address in (server.terminal, f"socket://127.0.0.1:{server.port}"):
                link = SerialLink(address, 115200)
                assert Words(link).infer(sample.tobytes()) == answer
                link.close()


def test_what_was_loaded_stays_when_the_port_is_opened_again(binary: Path, out: Path) -> None:
    (sample,) = random_samples(1, 40)
    with served(binary) as server:
        link = SerialLink(server.terminal, 115200)
        Words(link).load(sample.tobytes())
        link.close()
        link = SerialLink(server.terminal, 115200)
        assert Words(link).ask("infer 1 0")[-2] == "m-infer-done"
        link.close()


def test_the_other_protocol_is_served_by_the_same_port(binary: Path) -> None:
    with served(binary) as server:
        link = SerialLink(server.terminal, 115200)
        device = Device(link)
        hello = device.hello()
        assert len(device.infer(hello, bytes(40))[0]) == 3
        assert Words(link).ask("name") == ["m-name-dut-[host]"]
        link.close()


def test_a_program_that_does_not_read_does_not_stop_the_port(binary: Path) -> None:
    with served(binary) as server:
        deaf = os.open(server.terminal, os.O_RDWR | os.O_NOCTTY)
        for _ in range(40):
            os.write(deaf, b"help%" * 20)
        link = SocketLink(socket.create_connection(("127.0.0.1", server.port)), "server")
        link.send(b"%name%")  # what the other one says may be cut anywhere, and go on behind it
        heard = b""
        while b"m-name-dut-[host]\r\nm-ready\r\n" not in heard:
            more = link.receive(60)
            assert more
            heard += more
        link.close()
        os.close(deaf)


def test_the_terminal_has_a_name_if_one_is_wanted(binary: Path, tmp_path: Path) -> None:
    name = tmp_path / "port"
    with served(binary, name=name):
        link = SerialLink(str(name), 115200)
        assert Words(link).ask("name") == ["m-name-dut-[host]"]
        link.close()
    assert not name.is_symlink()
    name.write_text("mine")
    with program(binary) as board, pytest.raises(InputError, match="cannot be made"), Server(board, name=name):
        pass
    assert name.read_text() == "mine"


def test_a_port_that_is_taken_is_refused(binary: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        program(binary) as board,
        pytest.raises(InputError, match="cannot be served"),
        Server(board, port=taken.getsockname()[1]),
    ):
        pass


def paced(pieces: list[bytes]) -> tuple[list[float], bytes]:
    """How long was waited, where each piece comes at once, and what came out."""
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))
        now[0] += seconds

    pace = Pace(lambda: now[0], sleep)
    return waits, b"".join(piece for data in pieces for piece in pace.pieces(data))


def test_a_timed_run_takes_as_long_as_the_board_says_but_not_for_ever() -> None:
    session = b"m-infer-start-3\r\nm-lap-us-500\r\nm-lap-us-2000500\r\nm-infer-done\r\nm-lap-us-99000000\r\n"
    for size in (1, 7, 1000):
        waits, out = paced([session[at : at + size] for at in range(0, len(session), size)])
        assert waits == [2.0, LONGEST_LAP_S]
        assert out == session


def test_what_is_no_line_of_time_does_not_wait() -> None:
    frames = bytes(range(256)) + b"m-lap-us-"
    assert paced([frames]) == ([], frames)


def started(*words: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    process = subprocess.Popen([sys.executable, "-m", "dqa", "serve", *words, "--json", "-"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, "it ended"
        text += line
    return process, json.loads(text)


def test_the_command_serves_this_machine_until_it_is_interrupted(out: Path) -> None:
    process, said = started(str(out), "--host")
    try:
        link = SerialLink(said["terminal"], 115200)
        assert Words(link).ask("name") == ["m-name-dut-[host]"]
        link.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.communicate()
    assert said["board"] == "host" and said["serial"].startswith("socket://127.0.0.1:")


@needs_compiler
@needs_qemu
def test_the_command_serves_a_simulated_board_whose_time_is_that_of_its_instructions(out: Path) -> None:
    samples = random_samples(2, 40)
    process, said = started(str(out), "--board", "mps2_an386", "--protocol", "mlperf")
    try:
        laps = []
        for sample, answer in zip(samples, answers(out, samples), strict=True):
            link = SerialLink(said["serial"], 115200)
            words = Words(link)
            assert words.ask("name", 60) == ["m-name-dut-[mps2_an386]"]
            assert words.infer(sample.tobytes()) == answer
            laps.append([int(line.rpartition("-")[2]) for line in words.ask("infer 10 0") if line.startswith("m-lap-us-")])
            link.close()
        # the same instructions take the same time, whatever this machine does; one tick of the counter is 40 ns
        times = [end - start for start, end in laps]
        assert times[0] > 0 and abs(times[0] - times[1]) <= 0.1 * times[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "either --board BOARD or --host"),
        (("--board", "mps2_an386", "--host"), "either --board BOARD or --host"),
        (("--host", "--runtime", "standalone"), "no effect with --host"),
        (("--board", "nucleo_f446re"), "not a simulated one"),
        (("--board", "nothing"), "unknown board"),
    ],
)
def test_options_that_do_not_go_together_are_refused(dqa: Shell, out: Path, options: tuple[str, ...], message: str) -> None:
    done = dqa("serve", str(out), *options)
    assert done.code == 2 and message in done.err


def test_a_folder_without_a_model_is_refused(dqa: Shell, tmp_path: Path) -> None:
    assert dqa("serve", str(tmp_path), "--host").code == 2
