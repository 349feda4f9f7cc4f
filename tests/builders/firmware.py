"""Converted models made of test programs, for building firmware."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from builders.ports import ports_of
from dqa import program as p
from dqa.codegen.render import render
from dqa.device import protocol
from dqa.device.client import Device
from dqa.device.protocol import ERROR, Command, Frame, Receiver
from dqa.device.simulate import Simulator


def write_out(out: Path, program: p.Program) -> bytes:
    """Makes `out` what dqa convert leaves, as far as building firmware needs it; returns the program's bytes."""
    data = p.write(program)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.dqa").write_bytes(data)
    render(program, data, out / "src", ports_of(program))
    return data


def insert(out: Path, head: str, statement: str) -> None:
    """Puts a C statement behind a line of the model's source that opens a function."""
    source = out / "src" / "model.c"
    before, after = source.read_text().split(f"{head}\n")
    source.write_text(f"{before}{head}\n  {statement}\n{after}")


def random_samples(count: int, size: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, size), dtype=np.uint8)


class Raw:
    """A device one can say anything to."""

    def __init__(self, simulator: Simulator) -> None:
        self._link = simulator.link
        self._receiver = Receiver()
        self.hello = Device(self._link, reply_timeout=20).hello()
        # a second greeting may have been sent while the board started
        self._link.send(Frame(Command.STATS, 0).encode())
        while not any(frame.type == Command.STATS | protocol.REPLY for frame in self._receiver.feed(self._link.receive(20))):
            pass

    def send(self, data: bytes, replies: int = 1) -> list[Frame]:
        """The next so many replies."""
        self._link.send(data)
        found: list[Frame] = []
        deadline = time.monotonic() + 20
        while len(found) < replies and time.monotonic() < deadline:
            found += self._receiver.feed(self._link.receive(1))
        return found

    def ask(self, command: int, sequence: int, payload: bytes = b"") -> Frame:
        (reply,) = self.send(Frame(command, sequence, payload).encode())
        assert reply.sequence == sequence
        return reply

    def run(self, sequence: int, payload: bytes) -> Frame:
        """The reply to a RUN that is done now, which the device says first."""
        started, reply = self.send(Frame(Command.RUN, sequence, payload).encode(), 2)
        assert (started.type, started.sequence, started.payload) == (protocol.STARTED, sequence, b"")
        assert reply.sequence == sequence
        return reply

    def refusal(self, command: int, sequence: int, payload: bytes = b"") -> tuple[int, int]:
        reply = self.ask(command, sequence, payload)
        assert reply.type == ERROR
        return protocol.decode_refusal(reply.payload)


needs_compiler = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
