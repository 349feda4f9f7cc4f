"""The frames of the serial protocol: the host's receiver and the firmware's own, which must agree on any bytes."""

from __future__ import annotations

import ctypes
import random
import shutil
import struct
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqa.device import protocol
from dqa.device.protocol import FRAME_MAX, PAYLOAD_MAX, SYNC, Frame, Hello, Receiver, RunReply, Stats
from dqa.support import resources

FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=PAYLOAD_MAX))
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([SYNC, SYNC[:1], SYNC + b"\x01\x02\x03\x04\x05\xff\xff", SYNC + b"\x01\x02\x03\x04\x05\x04\x00abcdEFGH"]),
)


class FirmwareReceiver:
    """The receiver of firmware/src/frame.c, compiled for the host."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._buffer = ctypes.create_string_buffer(FRAME_MAX + 6)

    def feed(self, data: bytes) -> list[Frame | int]:
        """Frames, and the numbers of the other events."""
        events: list[Frame | int] = []
        for byte in data:
            self._library.frame_push(self._buffer, byte)
            while event := self._library.frame_next(self._buffer):
                length = self._library.frame_length(self._buffer)
                kind, sequence = struct.unpack_from("<BI", self._buffer.raw, 2)
                frame = Frame(kind, sequence, self._buffer.raw[9 : 9 + length])
                events.append(frame if event == 1 else event)
        return events


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    firmware = resources.path("firmware")
    path = tmp_path_factory.mktemp("frame") / "frame.so"
    sources = [firmware / "src" / "frame.c", firmware / "lib" / "dqa" / "src" / "format" / "crc32.c"]
    includes = [f"-I{firmware / 'src'}", f"-I{firmware / 'lib' / 'dqa' / 'include'}"]
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, *includes, *map(str, sources), "-o", str(path)], check=True)
    library = ctypes.CDLL(str(path))
    library.frame_push.argtypes = [ctypes.c_char_p, ctypes.c_uint8]
    library.frame_length.restype = ctypes.c_uint16
    return library


def split(data: bytes, seed: int) -> list[bytes]:
    """The same bytes in pieces, as a port delivers them."""
    rng, pieces = random.Random(seed), []
    while data:
        size = rng.randint(1, 30)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def test_a_frame_has_the_documented_bytes() -> None:
    body = bytes([0x02, 0x07, 0xDE, 0xC0, 0xFE, 3, 0]) + b"abc"
    assert Frame(0x02, 0xFEC0DE07, b"abc").encode() == b"\xd0\xa9" + body + zlib.crc32(body).to_bytes(4, "little")


def test_a_payload_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="265"):
        Frame(1, 1, bytes(PAYLOAD_MAX + 1)).encode()


@given(st.lists(st.tuples(GARBAGE, FRAMES), max_size=5), st.integers())
def test_frames_are_found_between_garbage_that_ends_before_them(parts: list[tuple[bytes, Frame]], seed: int) -> None:
    # zeros end whatever the garbage may have begun, as the client's retries do
    stream = b"".join(garbage + bytes(FRAME_MAX) + frame.encode() for garbage, frame in parts)
    receiver = Receiver()
    found = [frame for piece in split(stream, seed) for frame in receiver.feed(piece)]
    assert found == [frame for _, frame in parts]


@given(FRAMES, st.data())
def test_a_changed_byte_is_noticed(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(frame.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    assert frame not in Receiver().feed(bytes(raw) + bytes(FRAME_MAX))


@given(FRAMES, FRAMES, st.data())
def test_a_truncated_frame_does_not_swallow_the_next_for_good(first: Frame, second: Frame, data: st.DataObject) -> None:
    raw = first.encode()
    cut = data.draw(st.integers(0, len(raw) - 1))
    found = Receiver().feed(raw[:cut] + second.encode() + bytes(FRAME_MAX) + second.encode())
    assert found[-1] == second


@settings(max_examples=300)
@given(st.lists(st.one_of(GARBAGE, FRAMES.map(Frame.encode), FRAMES.map(lambda f: f.encode()[:-3])), max_size=8), st.integers())
def test_the_firmware_finds_the_same_frames(library: ctypes.CDLL, parts: list[bytes], seed: int) -> None:
    stream = b"".join(parts)
    host, firmware = Receiver(), FirmwareReceiver(library)
    expected = [frame for piece in split(stream, seed) for frame in host.feed(piece)]
    assert [event for event in firmware.feed(stream) if isinstance(event, Frame)] == expected


def test_the_firmware_says_what_was_wrong(library: ctypes.CDLL) -> None:
    too_long, bad_crc = 2, 3
    receiver = FirmwareReceiver(library)
    assert receiver.feed(SYNC + b"\x01\x05\x00\x00\x00" + (PAYLOAD_MAX + 1).to_bytes(2, "little")) == [too_long]
    good = Frame(1, 6, b"xyz")
    assert receiver.feed(good.encode()[:-1] + b"\x00" + good.encode()) == [bad_crc, good]


@pytest.mark.parametrize("kind", [Hello, RunReply, Stats])
def test_a_short_reply_is_refused(kind: type[Hello] | type[RunReply] | type[Stats]) -> None:
    with pytest.raises(ValueError, match="payload of 5 bytes"):
        kind.decode(bytes(5))


def test_a_short_refusal_is_refused() -> None:
    with pytest.raises(ValueError, match="payload of 2 bytes"):
        protocol.decode_refusal(bytes(2))
