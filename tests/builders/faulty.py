"""A faulty link between client and board, and boards that can be reset: how benchmarks/faults.py and the tests inject faults."""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from builders.c_tools import SANITIZERS, SOURCES, WARNINGS
from dqa.device.boards import Board
from dqa.device.link import Link, ReconnectedError, SocketLink
from dqa.device.protocol import SYNC
from dqa.device.simulate import Simulator
from dqa.engine.compile import build, executor_includes, executor_sources
from dqa.support import resources

BYTES = ("drop", "flip", "insert", "duplicate", "replay", "delay", "truncate")
"""Faults of the line."""
FAULTS = (*BYTES, "disconnect", "reset")
_LONGEST_DELAY = 0.4
_REMEMBERED = 200


class Resettable(Protocol):
    """A board whose reset button can be pressed."""

    @property
    def link(self) -> Link: ...

    def reset(self) -> None: ...


class Emulated(Simulator):
    """A board in QEMU with a reset button: `system_reset` of QEMU's monitor."""

    def __init__(self, board: Board, elf: Path) -> None:
        super().__init__(board, elf)
        self._folder = tempfile.TemporaryDirectory()
        self._monitor: socket.socket | None = None

    def _command(self, serial: str) -> list[str]:
        return [*super()._command(serial), "-chardev", f"socket,id=button,path={self._path},server=on,wait=off", "-mon", "chardev=button"]

    @property
    def _path(self) -> str:
        return f"{self._folder.name}/button"

    def reset(self) -> None:
        if self._monitor is None:
            self._monitor = socket.socket(socket.AF_UNIX)
            self._monitor.connect(self._path)
            self._until_prompt()
        self._monitor.sendall(b"system_reset\n")
        self._until_prompt()

    def _until_prompt(self) -> None:
        assert self._monitor is not None
        heard = b""
        while not heard.endswith(b"(qemu) "):
            heard += self._monitor.recv(1 << 16)

    def stop(self) -> None:
        super().stop()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        self._folder.cleanup()


def host_firmware(out: Path, *, pushed: bool = False) -> Path:
    """The firmware of a converted model, compiled for this machine with sanitizers."""
    firmware = resources.path("firmware")
    sources = [*sorted((firmware / "src").glob("*.c")), *executor_sources(), *sorted((out / "src").glob("*.c"))]
    includes = [firmware / "src", firmware / "bsp", out / "src", *executor_includes()]
    defines = ["-DDQA_BOARD=host", "-DDQA_CLOCK_HZ=1000000u", "-DDQA_COUNTER_KIND=COUNTER_SYSTICK", f"-DDQA_MODEL_PUSHED={int(pushed)}"]
    host_board = SOURCES / "host_board.c"
    return build("host-firmware", "", [*sources, host_board], includes, [*WARNINGS, *SANITIZERS, *defines])


class Native:
    """A board that is a process of this machine; use it as a context manager. Its reset button starts another one on the same wires."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._ours, self._theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self.link: Link = SocketLink(self._ours, "host firmware")

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([self._binary], stdin=self._theirs.fileno(), stdout=self._theirs.fileno(), stderr=subprocess.PIPE)

    def __enter__(self) -> Native:
        self._process = self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        words = self._end()
        self._ours.close()
        self._theirs.close()
        assert not words, words.decode(errors="replace")

    def reset(self) -> None:
        words = self._end()
        assert not words, words.decode(errors="replace")
        self._process = self._start()

    def _end(self) -> bytes:
        """What the sanitizers said."""
        assert self._process is not None
        self._process.kill()
        return self._process.communicate()[1]


class FaultyLink:
    """The bytes to and from `board`, of which each piece meets a fault with probability `rate`; `injected` counts them by kind.

    kinds: the faults, each as likely as it is often in the list. quiet: no faults while it is True.
    """

    def __init__(self, board: Resettable, rate: float, seed: int, kinds: tuple[str, ...] = FAULTS) -> None:
        self._board = board
        self._rate = rate
        self._random = random.Random(seed)
        self._kinds = kinds
        self._seen: dict[str, list[bytes]] = {"to": [], "from": []}
        self._held: list[tuple[float, bytes]] = []  # on their way to the board, and when they arrive
        self._late: list[tuple[float, bytes]] = []  # the same to the host
        self.injected: Counter[str] = Counter()
        self.quiet = False

    def send(self, data: bytes) -> None:
        self._deliver()
        self._board.link.send(self._spoil("to", data, self._held))

    def receive(self, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        while True:
            self._deliver()
            now = time.monotonic()
            due = b"".join(data for at, data in self._late if at <= now)
            self._late = [(at, data) for at, data in self._late if at > now]
            if due:
                return due
            if now >= end:
                return b""
            next_event = min([end, *(at for at, _ in self._held + self._late)])
            data = self._board.link.receive(max(next_event - now, 0.001))
            if data and (data := self._spoil("from", data, self._late)):
                return data

    def close(self) -> None:
        self._board.link.close()

    def _deliver(self) -> None:
        now = time.monotonic()
        for at, data in list(self._held):
            if at <= now:
                self._held.remove((at, data))
                self._board.link.send(data)

    def _spoil(self, way: str, data: bytes, later: list[tuple[float, bytes]]) -> bytes:
        """The bytes that arrive now in place of `data`; those that arrive later are put there."""
        seen = self._seen[way]
        old = self._random.choice(seen) if seen else data
        seen.append(data)
        del seen[:-_REMEMBERED]
        if self.quiet or self._random.random() >= self._rate:
            return data
        kind = self._random.choice(self._kinds)
        self.injected[kind] += 1
        if kind == "delay":
            later.append((time.monotonic() + self._random.uniform(0, _LONGEST_DELAY), data))
            return b""
        if kind == "replay":
            return data + old if self._random.random() < 0.5 else old + data
        if kind == "disconnect":
            self._held.clear()
            self._late.clear()
            raise ReconnectedError("the line was cut")
        if kind == "reset":
            self._board.reset()
            return data
        return SPOIL[kind](self._random, data)


def _drop(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 1, 2, 5, 30)) :]


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.choice((0, rng.randrange(len(data))))
    false_start = SYNC + rng.randbytes(5)
    noise = rng.choice((rng.randbytes(rng.randint(1, 40)), SYNC, false_start + b"\xff\xff", false_start + b"\x40\x00", SYNC * 50))
    return data[:at] + noise + data[at:]


def _duplicate(_rng: random.Random, data: bytes) -> bytes:
    return data + data


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


SPOIL: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "drop": _drop,
    "flip": _flip,
    "insert": _insert,
    "duplicate": _duplicate,
    "truncate": _truncate,
}


class OneByteLost:
    """A link that loses the byte number `at` of all that pass one way, once, and from byte number `dead_from` on all of them.

    way: "to" the board, or "from" it. passed: bytes counted so far.
    """

    def __init__(self, link: Link, way: str, at: int | None = None, dead_from: int | None = None) -> None:
        self._link = link
        self._way = way
        self.at = at
        self.dead_from = dead_from
        self.passed = 0

    def send(self, data: bytes) -> None:
        self._link.send(self._pass("to", data))

    def receive(self, timeout: float) -> bytes:
        return self._pass("from", self._link.receive(timeout))

    def close(self) -> None:
        self._link.close()

    def _pass(self, way: str, data: bytes) -> bytes:
        if way != self._way:
            return data
        begin, self.passed = self.passed, self.passed + len(data)
        if self.dead_from is not None:
            return data[: max(self.dead_from - begin, 0)]
        if self.at is not None and begin <= self.at < self.passed:
            data = data[: self.at - begin] + data[self.at - begin + 1 :]
            self.at = None
        return data
