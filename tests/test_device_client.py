"""The host's client against links that lose, repeat and spoil frames."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from dqa.device import protocol
from dqa.device.client import Device, RefusedError
from dqa.device.protocol import ERROR, REPLY, Command, Frame, Hello, Receiver, Refusal
from dqa.errors import ProgramError, ToolError

Answer = Callable[[Frame], bytes]
ROW_SIZE_AT = 30
HELLO = struct.pack("<HBBIIIIIIHI", protocol.VERSION, 0, 1, 0xC0FFEE, 10, 6, 100, 25_000_000, 25_000_000, 4, 0) + b"board"


class FakeDevice:
    """A link whose other end adds up the input and gives the sum six times; `spoil` changes what it sends.

    It keeps the rules of docs/serial.md: a repeated request gets its old reply, a run uses the input up, pushed bytes come once.
    """

    def __init__(self, spoil: Callable[[int, bytes], bytes] = lambda count, reply: reply, row_size: int = 0) -> None:
        self.runs = 0
        self.row_size = row_size
        self.forget = False
        self._spoil = spoil
        self._receiver = Receiver()
        self._input = bytearray()
        self._last: tuple[int, int] | None = None
        self._reply = b""
        self._sent = 0
        self._outbox = b""

    def send(self, data: bytes) -> None:
        for frame in self._receiver.feed(data):
            if self._last != (frame.type, frame.sequence) or frame.type == Command.HELLO or self.forget:
                self._reply = self._answer(frame)
            self._last = (frame.type, frame.sequence)
            self._outbox += self._spoil(self._sent, self._reply)
            self._sent += 1

    def receive(self, timeout: float) -> bytes:
        data, self._outbox = self._outbox, b""
        return data

    def close(self) -> None:
        self._outbox = b""

    def _answer(self, frame: Frame) -> bytes:
        def refuse(refusal: Refusal) -> bytes:
            return Frame(ERROR, frame.sequence, struct.pack("<BI", refusal, len(self._input))).encode()

        payload = b""
        if frame.type == Command.HELLO:
            payload = HELLO[:ROW_SIZE_AT] + struct.pack("<I", self.row_size) + HELLO[ROW_SIZE_AT + 4 :]
        elif frame.type == Command.WRITE_INPUT:
            at = struct.unpack_from("<I", frame.payload)[0]
            if self.row_size and at == 0:
                self._input.clear()
            if at > len(self._input) or (self.row_size and at < len(self._input)):
                return refuse(Refusal.RANGE)
            self._input[at : at + len(frame.payload) - 4] = frame.payload[4:]
        elif frame.type == Command.RUN:
            if len(self._input) != 10:
                return refuse(Refusal.NO_INPUT)
            self.runs += 1
            self._sum = sum(self._input) & 0xFF
            self._input.clear()
            payload = struct.pack("<QI", 1 << 33, 7)
        elif frame.type == Command.READ_OUTPUT:
            at, count = struct.unpack("<IH", frame.payload)
            payload = (bytes([self._sum]) * 6)[at : at + count]
        return Frame(frame.type | REPLY, frame.sequence, payload).encode()


def infer(link: FakeDevice) -> tuple[bytes, int]:
    device = Device(link, reply_timeout=0.01, run_timeout=0.01)
    output, reply = device.infer(device.hello(), bytes(range(10)))
    assert reply.ticks == 1 << 33 and reply.dropped_rows == 7
    return output, link.runs


def test_an_inference_goes_in_pieces() -> None:
    assert infer(FakeDevice()) == (bytes([45] * 6), 1)


@pytest.mark.parametrize("lost", range(7))
def test_any_lost_reply_is_asked_for_again_and_nothing_is_done_twice(lost: int) -> None:
    assert infer(FakeDevice(lambda count, reply: b"" if count == lost else reply)) == (bytes([45] * 6), 1)


@pytest.mark.parametrize("spoiled", range(7))
def test_any_spoiled_reply_is_asked_for_again(spoiled: int) -> None:
    def spoil(count: int, reply: bytes) -> bytes:
        return reply[:5] + b"\xff" + reply[6:] if count == spoiled else reply

    assert infer(FakeDevice(spoil)) == (bytes([45] * 6), 1)


def test_noise_between_replies_is_skipped() -> None:
    assert infer(FakeDevice(lambda count, reply: b"\xd0\xd0\xa9zz" + bytes(protocol.FRAME_MAX) + reply)) == (bytes([45] * 6), 1)


def test_a_run_whose_reply_was_lost_and_forgotten_is_done_again() -> None:
    link = FakeDevice(lambda count, reply: b"" if count == 4 else reply)
    link.forget = True
    assert infer(link) == (bytes([45] * 6), 2)


@pytest.mark.parametrize("lost", range(7))
def test_pushed_bytes_whose_reply_was_lost_and_forgotten_are_not_sent_again(lost: int) -> None:
    link = FakeDevice(lambda count, reply: b"" if count == lost else reply, row_size=5)
    link.forget = True
    assert infer(link)[0] == bytes([45] * 6)


def test_pushed_bytes_that_are_not_in_place_are_an_error() -> None:
    def skip(count: int, reply: bytes) -> bytes:
        return reply if count < 2 else Frame(ERROR, reply[3], struct.pack("<BI", Refusal.RANGE, 4)).encode()

    with pytest.raises(RefusedError, match="WRITE_INPUT: RANGE, detail 0x4"):
        infer(FakeDevice(skip, row_size=5))


def test_replies_to_older_requests_are_not_taken() -> None:
    replies: list[bytes] = []

    def late(count: int, reply: bytes) -> bytes:
        replies.append(reply)
        return b"".join(replies)

    assert infer(FakeDevice(late)) == (bytes([45] * 6), 1)


def test_a_silent_device_is_one_clear_error() -> None:
    with pytest.raises(ToolError, match="no answer to HELLO"):
        infer(FakeDevice(lambda count, reply: b""))


def test_a_device_of_another_version_is_refused() -> None:
    def other(count: int, reply: bytes) -> bytes:
        return Frame(Command.HELLO | REPLY, 1, struct.pack("<H", 9) + HELLO[2:]).encode()

    with pytest.raises(ToolError, match="version 9"):
        infer(FakeDevice(other))


def test_a_reply_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ToolError, match="makes no sense"):
        infer(FakeDevice(lambda count, reply: Frame(Command.HELLO | REPLY, 1, b"abc").encode()))


@pytest.mark.parametrize(
    ("refusal", "detail", "kind", "words"),
    [
        (Refusal.MODEL, 4, ProgramError, "status 4 (checksum)"),
        (Refusal.MODEL, 77, ProgramError, "status 77 (unknown)"),
        (Refusal.FAULT, 0x8200, ToolError, "processor faulted (CFSR 0x00008200)"),
        (Refusal.RANGE, 10, RefusedError, "WRITE_INPUT: RANGE, detail 0xa"),
        (99, 1, RefusedError, "WRITE_INPUT: 99, detail 0x1"),
    ],
)
def test_a_refusal_says_why(refusal: int, detail: int, kind: type[Exception], words: str) -> None:
    def refuse(count: int, reply: bytes) -> bytes:
        return reply if count == 0 else Frame(ERROR, reply[3], struct.pack("<BI", refusal, detail)).encode()

    with pytest.raises(kind) as caught:
        infer(FakeDevice(refuse))
    assert words in str(caught.value)


def test_the_documented_greeting_is_understood() -> None:
    hello = Hello.decode(HELLO)
    assert (hello.board, hello.program_crc, hello.input_size, hello.output_size, hello.data_max) == ("board", 0xC0FFEE, 10, 6, 4)
