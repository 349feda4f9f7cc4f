"""Evaluations over faulty links, with boards that start again or are others: every answer comes and is right, or it is said why not.

The boards are processes of this machine, the firmware in them is built with sanitizers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pty
import select
import socket
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from builders.faulty import FAULTS, FaultyLink, Native, OneByteLost, host_firmware
from builders.firmware import random_samples, write_out
from builders.programs import random_program
from builders.streams import ladder, streamed
from dqa.device import evaluate
from dqa.device.client import Device
from dqa.device.link import Link, SerialLink, SocketLink
from dqa.engine.host import HostModel
from dqa.errors import InputError, ToolError


@dataclass(frozen=True)
class Built:
    """A converted model and its firmware."""

    out: Path
    binary: Path
    host: HostModel

    def answers(self, count: int) -> list[tuple[bytes, bytes]]:
        """Inputs and their outputs."""
        samples = random_samples(count, sum(self.host.input_sizes))
        return [(x.tobytes(), y.tobytes()) for x, y in zip(samples, self.host.run(samples, jobs=1).outputs, strict=True)]


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "pushed"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    pushed: bool = request.param
    out = tmp_path_factory.mktemp("wire") / "out"
    data = write_out(out, streamed(ladder(4), 4) if pushed else random_program(3))
    return Built(out, host_firmware(out, pushed=pushed), HostModel(data, "pushed" if pushed else "internal"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The firmware of another model."""
    write_out(tmp_path, random_program(5))
    return host_firmware(tmp_path)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_answer_comes_and_is_right_whatever_the_fault(built: Built, kind: str) -> None:
    # a board that starts again forgets the whole inference: at a higher rate some inference would never come to its end
    rate, count = (0.04, 30) if kind == "reset" else (0.08, 15)
    with Native(built.binary) as board:
        link = FaultyLink(board, rate, 1, (kind,))
        device = Device(link)
        hello = device.hello()
        for sample, answer in built.answers(count):
            assert device.infer(hello, sample)[0] == answer
    assert link.injected[kind] >= 3


def test_a_lost_byte_costs_a_repetition_and_nothing_else(built: Built) -> None:
    ((sample, answer),) = built.answers(1)
    with Native(built.binary) as board:
        for way in ("to", "from"):
            for at in range(0, 200, 9):
                link = OneByteLost(board.link, way)
                device = Device(link, reply_timeout=60, run_timeout=900)
                hello = device.hello()
                link.at, link.passed = at, 0
                assert device.infer(hello, sample)[0] == answer
                assert device.restarts == 0
                assert device.repeats <= 10  # one, but for a machine that is busy


def test_a_line_that_goes_dead_is_one_clear_error(built: Built) -> None:
    ((sample, _),) = built.answers(1)
    with Native(built.binary) as board:
        for dead_from in (0, 40, 70):
            link = OneByteLost(board.link, "from")
            device = Device(link, reply_timeout=0.1)
            hello = device.hello()
            device.infer(hello, sample)
            link.dead_from, link.passed = dead_from, 0
            with pytest.raises(ToolError, match="no answer to"):
                while True:
                    device.infer(hello, sample)


class Port:
    """A serial port that reaches a board: a pseudo-terminal behind a name of its own, which can be pulled out and plugged in again."""

    def __init__(self, name: Path) -> None:
        self.name = name

    @contextmanager
    def plugged(self, board: Native) -> Iterator[None]:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.name.symlink_to(os.ttyname(theirs))
        out = threading.Event()
        thread = threading.Thread(target=self._carry, args=(board.link, ours, out))
        thread.start()
        try:
            yield
        finally:
            self.name.unlink()
            out.set()
            thread.join()
            os.close(theirs)
            os.close(ours)

    @staticmethod
    def _carry(link: Link, ours: int, out: threading.Event) -> None:
        while not out.is_set():
            if select.select([ours], [], [], 0.001)[0]:
                link.send(os.read(ours, 1024))
            os.write(ours, link.receive(0.001))


def test_a_port_that_goes_and_comes_back_is_opened_again_and_the_run_goes_on(
    built: Built, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = Port(tmp_path / "ttyDQA")
    answers = built.answers(6)
    with Native(built.binary) as board:
        with port.plugged(board):
            device = Device(SerialLink(str(port.name), 115200, return_time=60))
            hello = device.hello()
            for sample, answer in answers[:2]:
                assert device.infer(hello, sample)[0] == answer
        found: list[bytes] = []
        client = threading.Thread(target=lambda: found.extend(device.infer(hello, sample)[0] for sample, _ in answers[2:]))
        client.start()
        time.sleep(0.3)
        board.reset()  # it had no power
        with port.plugged(board):
            client.join()
        device.close()
    assert found == [answer for _, answer in answers[2:]]
    assert (device.reconnects, device.boots) == (1, 1)
    assert "broke" in caplog.text and "came back after" in caplog.text and "the board started again" in caplog.text


def test_a_port_that_stays_away_is_one_clear_error(built: Built, tmp_path: Path) -> None:
    ((sample, _),) = built.answers(1)
    port = Port(tmp_path / "ttyDQA")
    with Native(built.binary) as board:
        with port.plugged(board):
            device = Device(SerialLink(str(port.name), 115200, return_time=0.3))
            hello = device.hello()
        with pytest.raises(ToolError, match="ttyDQA broke and did not come back in"):
            device.infer(hello, sample)
        device.close()


def test_a_board_with_another_model_behind_the_same_port_is_told(built: Built, other: Path, tmp_path: Path) -> None:
    ((sample, _),) = built.answers(1)
    port = Port(tmp_path / "ttyDQA")
    with Native(built.binary) as board, Native(other) as second:
        with port.plugged(board):
            device = Device(SerialLink(str(port.name), 115200, return_time=60))
            hello = device.hello()
        with port.plugged(second), pytest.raises(InputError, match="another model now"):
            device.infer(hello, sample)
        device.close()


def test_a_connection_that_is_cut_during_an_evaluation_changes_nothing(built: Built) -> None:
    """A socket:// port whose server ends the connection after some bytes, and takes the next."""
    answers = built.answers(8)
    with socket.create_server(("127.0.0.1", 0)) as server, Native(built.binary) as board:
        enough = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, board.link, enough))
        thread.start()
        device = Device(SerialLink(f"socket://127.0.0.1:{server.getsockname()[1]}", 115200))
        hello = device.hello()
        found = [device.infer(hello, sample)[0] for sample, _ in answers]
        device.close()
        enough.set()
        thread.join()
    assert found == [answer for _, answer in answers]
    assert device.reconnects >= 2


def _serve(server: socket.socket, board: Link, enough: threading.Event) -> None:
    server.settimeout(0.05)
    for cut in itertools.chain((90, 130, 170), itertools.repeat(1 << 30)):
        connection = None
        while connection is None:
            try:
                connection = server.accept()[0]
            except TimeoutError:
                if enough.is_set():
                    return
        link, passed = SocketLink(connection, "client"), 0
        with connection, contextlib.suppress(ToolError):
            while passed < cut:
                board.send(link.receive(0.001))
                data = board.receive(0.001)
                link.send(data)
                passed += len(data)


def test_an_evaluation_says_what_was_mended(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = random_samples(12, sum(built.host.input_sizes))
    with Native(built.binary) as board:
        link = FaultyLink(board, 0.1, 3, ("drop", "reset", "disconnect"))
        monkeypatch.setattr(evaluate, "SerialLink", lambda port, baud: link)
        found = evaluate.run_samples("serial:somewhere", built.out, samples)
    assert found.outputs.view(np.int8).tobytes() == built.host.run(samples).outputs.tobytes()
    assert found.link["repeats"] > 0 and found.link["boots"] > 0 and found.link["reconnects"] == link.injected["disconnect"] > 0
