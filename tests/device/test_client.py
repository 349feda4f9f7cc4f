"""The host's client against links that lose, repeat and spoil frames."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import pytest

from dqa.device import protocol
from dqa.device.client import Device, RefusedError
from dqa.device.link import ReconnectedError
from dqa.device.protocol import ERROR, REPLY, STARTED, SYNC, Command, Frame, Hello, Receiver, Refusal
from dqa.errors import DataError, InputError, ProgramError, ToolError

Spoil = Callable[[int, bytes], bytes]
PROGRAM = 0xC0FFEE
BOOT_AT = 34
HELLO = struct.pack("<HBBIIIIIIHII", protocol.VERSION, 0, 1, PROGRAM, 10, 6, 100, 25_000_000, 25_000_000, 4, 0, 1) + b"board"
DONE = (bytes([45] * 6), 1)


class FakeDevice:
    """A link whose other end adds up the input and gives the sum six times; `spoil` changes what it sends.

    It keeps the rules of docs/serial.md: requests are for a run, what is in place may come again, a finished run is not done again.
    """

    def __init__(self, spoil: Spoil = lambda count, reply: reply, hello: bytes = HELLO) -> None:
        self.runs = 0
        self.hello = hello
        self.requests: list[Frame] = []
        self._spoil = spoil
        self._receiver = Receiver()
        self._sent = 0
        self._outbox = b""
        self.reset()

    def reset(self) -> None:
        """As if the power had been off."""
        self._input = b""
        self._run: int | None = None
        self._sum: int | None = None
        self._boot: int | None = None

    def send(self, data: bytes) -> None:
        for frame in self._receiver.feed(data):
            self.requests.append(frame)
            for reply in self._answer(frame):
                self._outbox += self._spoil(self._sent, reply.encode())
                self._sent += 1

    def receive(self, timeout: float) -> bytes:
        data, self._outbox = self._outbox, b""
        return data

    def close(self) -> None:
        self._outbox = b""

    def _answer(self, frame: Frame) -> list[Frame]:
        def refuse(refusal: Refusal) -> list[Frame]:
            return [Frame(ERROR, frame.sequence, struct.pack("<BI", refusal, len(self._input)))]

        before, payload = [], b""
        if frame.type == Command.HELLO:
            self._boot = self._boot or frame.sequence
            payload = self.hello[:BOOT_AT] + struct.pack("<I", self._boot) + self.hello[BOOT_AT + 4 :]
        elif self._boot is None:
            return refuse(Refusal.UNGREETED)
        elif frame.type == Command.WRITE_INPUT:
            run, at = struct.unpack_from("<II", frame.payload)
            if run != self._run and at == 0:
                self._run, self._input, self._sum = run, b"", None
            if run != self._run or at > len(self._input):
                return refuse(Refusal.RANGE)
            if at == len(self._input):
                self._input += frame.payload[8:]
            payload = struct.pack("<I", len(self._input))
        elif frame.type == Command.RUN:
            run, crc = struct.unpack("<II", frame.payload)
            if run != self._run or len(self._input) != 10:
                return refuse(Refusal.NO_INPUT)
            if crc != protocol.input_crc(PROGRAM, self._input):
                return refuse(Refusal.INPUT)
            if self._sum is None:
                self.runs += 1
                before = [Frame(STARTED, frame.sequence)]
            self._sum = sum(self._input) & 0xFF
            payload = struct.pack("<QIII", 1 << 33, 7, protocol.output_crc(crc, bytes([self._sum]) * 6), 90)
        elif frame.type == Command.READ_OUTPUT:
            run, at, count = struct.unpack("<IIH", frame.payload)
            if run != self._run or self._sum is None:
                return refuse(Refusal.NO_OUTPUT)
            payload = (bytes([self._sum]) * 6)[at : at + count]
        elif frame.type == Command.STATS:
            payload = struct.pack("<III", 4096, 90, 1000)
        return [*before, Frame(frame.type | REPLY, frame.sequence, payload)]


def infer(link: FakeDevice) -> tuple[bytes, int]:
    device = Device(link, reply_timeout=0.01, run_timeout=0.01)
    output, reply = device.infer(device.hello(), bytes(range(10)))
    assert reply.ticks == 1 << 33 and reply.dropped_rows == 7
    return output, link.runs


def test_an_inference_goes_in_pieces() -> None:
    assert infer(FakeDevice()) == DONE


@pytest.mark.parametrize("lost", range(8))
def test_any_lost_reply_is_asked_for_again_and_nothing_is_done_twice(lost: int) -> None:
    assert infer(FakeDevice(lambda count, reply: b"" if count == lost else reply)) == DONE


@pytest.mark.parametrize("spoiled", range(8))
def test_any_spoiled_reply_is_asked_for_again(spoiled: int) -> None:
    def spoil(count: int, reply: bytes) -> bytes:
        return reply[:7] + b"\xff" + reply[8:] if count == spoiled else reply

    assert infer(FakeDevice(spoil)) == DONE


def test_noise_between_replies_is_skipped() -> None:
    assert infer(FakeDevice(lambda count, reply: b"\xd0\xd0\xa9zz" + bytes(protocol.FRAME_MAX) + reply)) == DONE


def test_a_reply_behind_a_false_beginning_is_found_without_another() -> None:
    """The false frame promises 64 bytes that never come."""
    false = SYNC + bytes([1, 2, 3, 4, 5, 64, 0])
    device = FakeDevice(lambda count, reply: false + reply)
    assert infer(device) == DONE
    assert len(device.requests) == 7


@pytest.mark.parametrize("command", list(Command))
def test_each_request_has_its_own_number_which_is_kept_when_it_is_repeated(command: Command) -> None:
    lost: set[int] = set()

    def lose_first(count: int, reply: bytes) -> bytes:
        number = struct.unpack_from("<I", reply, 3)[0]
        first = number not in lost and reply[2] == command | REPLY
        lost.add(number)
        return b"" if first else reply

    link = FakeDevice(lose_first)
    device = Device(link, reply_timeout=0.01)
    hello = device.hello()
    for _ in range(2):
        assert device.infer(hello, bytes(range(10)))[0] == DONE[0]
    assert device.stats().static_ram == 1000
    numbers = [frame.sequence for frame in link.requests if frame.type == command]
    by_payload = {(frame.type, frame.payload, frame.sequence) for frame in link.requests}
    assert len({frame.sequence for frame in link.requests}) == len(by_payload)
    assert numbers == sorted(numbers[::2] * 2) or command is Command.RUN  # each twice; a RUN's first reply says that it started


def test_clients_begin_to_count_anywhere() -> None:
    links = [FakeDevice() for _ in range(4)]
    for link in links:
        infer(link)
    assert len({link.requests[0].sequence for link in links}) == 4
    assert len({link.requests[1].payload[:4] for link in links}) == 4


def test_replies_to_older_requests_are_not_taken() -> None:
    replies: list[bytes] = []

    def late(count: int, reply: bytes) -> bytes:
        replies.append(reply)
        return b"".join(replies)

    assert infer(FakeDevice(late)) == DONE


@pytest.mark.parametrize("refusal", list(Refusal))
def test_errors_for_other_requests_are_not_taken(refusal: Refusal) -> None:
    def noisy(count: int, reply: bytes) -> bytes:
        number = struct.unpack_from("<I", reply, 3)[0]
        return (
            b"".join(Frame(ERROR, (number - back) & 0xFFFFFFFF, struct.pack("<BI", refusal, 1)).encode() for back in (1, 256)) * 5 + reply
        )

    device = FakeDevice(noisy)
    assert infer(device) == DONE
    assert len(device.requests) == 7


def test_errors_that_a_request_was_damaged_do_not_use_up_tries() -> None:
    left = 100

    def damaged(count: int, reply: bytes) -> bytes:
        nonlocal left
        left -= 1
        return Frame(ERROR, struct.unpack_from("<I", reply, 3)[0], struct.pack("<BI", Refusal.CRC, 1)).encode() if left > 0 else reply

    link = FakeDevice(damaged)
    device = Device(link)
    assert device.infer(device.hello(), bytes(range(10)))[0] == DONE[0]
    assert device.repeats == 99


@pytest.mark.parametrize("moment", range(7))
def test_a_board_that_starts_again_is_noticed_and_the_inference_too(moment: int, caplog: pytest.LogCaptureFixture) -> None:
    link = FakeDevice()
    device = Device(link, reply_timeout=0.05)
    hello = device.hello()
    device.infer(hello, bytes(10))
    link.requests.clear()
    send = link.send

    def send_or_reset(data: bytes) -> None:
        if len(link.requests) == moment:
            link.reset()
        send(data)

    link.send = send_or_reset  # type: ignore[method-assign]
    assert device.infer(hello, bytes(range(10)))[0] == DONE[0]
    assert (device.boots, device.restarts) == ((1, 1) if moment < 6 else (0, 0))
    assert ("the board started again" in caplog.text) == (moment < 6)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [(4, b"\x01\x02\x03\x04", "another model now"), (38, b"other", "another board, or other firmware, answers now: other, before board")],
)
def test_another_board_or_model_is_told(at: int, value: bytes, words: str) -> None:
    link = FakeDevice()
    device = Device(link, reply_timeout=0.05)
    hello = device.hello()
    device.infer(hello, bytes(10))
    link.reset()
    link.hello = HELLO[:at] + value + HELLO[at + len(value) :]
    with pytest.raises(InputError, match=words):
        device.infer(hello, bytes(10))


def test_the_output_of_another_run_is_not_taken() -> None:
    """The output is read again, from the beginning of another run."""

    def other(count: int, reply: bytes) -> bytes:
        frame = Frame(reply[2], struct.unpack_from("<I", reply, 3)[0], bytes(len(reply) - 13))
        return frame.encode() if reply[2] == Command.READ_OUTPUT | REPLY and count < 9 else reply

    assert infer(FakeDevice(other)) == (DONE[0], 2)


def test_an_output_that_never_fits_its_run_is_an_error() -> None:
    def other(count: int, reply: bytes) -> bytes:
        frame = Frame(reply[2], struct.unpack_from("<I", reply, 3)[0], bytes(len(reply) - 13))
        return frame.encode() if reply[2] == Command.READ_OUTPUT | REPLY else reply

    with pytest.raises(ToolError, match="another output than that of the run"):
        infer(FakeDevice(other))


def test_a_link_that_came_back_is_greeted_again() -> None:
    class Breaking(FakeDevice):
        broken = 0

        def receive(self, timeout: float) -> bytes:
            if len(self.requests) in (1, 3, 6) and self.broken < 3:
                self.broken += 1
                self.close()
                raise ReconnectedError("it broke")
            return super().receive(timeout)

    link = Breaking()
    device = Device(link, reply_timeout=0.05)
    assert device.infer(device.hello(), bytes(range(10)))[0] == DONE[0]
    assert device.reconnects == 3


def test_a_link_that_breaks_again_and_again_is_given_up() -> None:
    class Broken(FakeDevice):
        def receive(self, timeout: float) -> bytes:
            raise ReconnectedError("it broke")

    with pytest.raises(ToolError, match="breaks again and again"):
        Device(Broken()).hello()


def test_a_sample_of_another_size_is_refused() -> None:
    device = Device(FakeDevice())
    with pytest.raises(DataError, match="has 9 bytes, the model on the board takes 10"):
        device.infer(device.hello(), bytes(9))


def test_a_silent_device_is_one_clear_error() -> None:
    with pytest.raises(ToolError, match="no answer to HELLO"):
        infer(FakeDevice(lambda count, reply: b""))


def test_a_device_of_another_version_is_refused() -> None:
    with pytest.raises(ToolError, match="version 9"):
        infer(FakeDevice(hello=struct.pack("<H", 9) + HELLO[2:]))


def test_a_reply_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ToolError, match="makes no sense"):
        infer(FakeDevice(lambda count, reply: Frame(Command.HELLO | REPLY, struct.unpack_from("<I", reply, 3)[0], b"abc").encode()))


@pytest.mark.parametrize(
    ("refusal", "detail", "kind", "words"),
    [
        (Refusal.MODEL, 4, ProgramError, "status 4 (checksum)"),
        (Refusal.MODEL, 77, ProgramError, "status 77 (unknown)"),
        (Refusal.FAULT, 0x8200, ToolError, "processor faulted (CFSR 0x00008200)"),
        (Refusal.STACK, 4096, ToolError, "stack overflow on the board: its stack has 4096 bytes"),
        (Refusal.RANGE, 10, RefusedError, "WRITE_INPUT: RANGE, detail 0xa"),
        (99, 1, RefusedError, "WRITE_INPUT: 99, detail 0x1"),
    ],
)
def test_a_refusal_says_why(refusal: int, detail: int, kind: type[Exception], words: str) -> None:
    def refuse(count: int, reply: bytes) -> bytes:
        number = struct.unpack_from("<I", reply, 3)[0]
        return reply if reply[2] == Command.HELLO | REPLY else Frame(ERROR, number, struct.pack("<BI", refusal, detail)).encode()

    with pytest.raises(kind) as caught:
        infer(FakeDevice(refuse))
    assert words in str(caught.value)


def test_the_documented_greeting_is_understood() -> None:
    hello = Hello.decode(HELLO)
    assert (hello.board, hello.program_crc, hello.input_size, hello.output_size, hello.data_max) == ("board", PROGRAM, 10, 6, 4)
    assert (hello.row_size, hello.boot) == (0, 1)


def test_a_line_that_goes_dead_in_the_first_inference_is_told_by_what_one_may_take() -> None:
    def dead(count: int, reply: bytes) -> bytes:
        return b"" if reply[2] == Command.RUN | REPLY else reply

    device = Device(FakeDevice(dead), reply_timeout=0.01, most_cycles=2_500_000)  # 0.1 s at 25 MHz; run_timeout is 900 s
    with pytest.raises(ToolError, match="no answer to RUN"):
        device.infer(device.hello(), bytes(range(10)))


def test_a_long_first_inference_whose_beginning_was_not_heard_is_waited_for() -> None:
    begin = None

    def late(count: int, reply: bytes) -> bytes:
        nonlocal begin
        if reply[2] not in (STARTED, Command.RUN | REPLY):
            return reply
        begin = begin or time.monotonic()
        return reply if time.monotonic() - begin > 0.5 and reply[2] != STARTED else b""

    device = Device(FakeDevice(late), reply_timeout=0.01, most_cycles=500_000_000)  # 20 s; without it 0.12 s would have to do
    assert device.infer(device.hello(), bytes(range(10)))[0] == DONE[0]
