"""Frames and payloads of the serial protocol (docs/serial.md), as pure functions of bytes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

VERSION = 2
SYNC = b"\xd0\xa9"
PAYLOAD_MAX = 264
DATA_MAX = 256
_HEADER = struct.Struct("<2sBIH")
_CRC = struct.Struct("<I")
FRAME_MAX = _HEADER.size + PAYLOAD_MAX + _CRC.size
REPLY = 0x80
STARTED = 0xFE
"""Type of the frame that says a RUN was understood; its reply comes when the inference has ended."""
ERROR = 0xFF
NOT_KNOWN = 0xFFFFFFFF
"""What a runtime says that does not count the rows whose shifting errors did not fit."""


class Command(IntEnum):
    HELLO = 0x01
    WRITE_INPUT = 0x02
    RUN = 0x03
    READ_OUTPUT = 0x04
    STATS = 0x05
    PROFILE = 0x06
    """Of profiling firmware."""


class Refusal(IntEnum):
    """Why a device refused a request."""

    CRC = 1
    TOO_LONG = 2
    COMMAND = 3
    PAYLOAD = 4
    RANGE = 5
    MODEL = 6
    NO_INPUT = 7
    NO_OUTPUT = 8
    RUN = 9
    FAULT = 10
    UNGREETED = 11
    INPUT = 12
    STACK = 13


@dataclass(frozen=True)
class Frame:
    """`type` 0..255, `sequence` 0..2^32 - 1: the number a reply repeats of its request; at most PAYLOAD_MAX bytes of payload."""

    type: int
    sequence: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame's bytes; ValueError if the payload is too long."""
        if len(self.payload) > PAYLOAD_MAX:
            raise ValueError(f"payload of {len(self.payload)} bytes, at most {PAYLOAD_MAX}")
        head = _HEADER.pack(SYNC, self.type, self.sequence, len(self.payload))
        return head + self.payload + _CRC.pack(zlib.crc32(head[len(SYNC) :] + self.payload))


class Receiver:
    """Finds whole, correct frames in a stream of bytes and skips everything else."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        self._held += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        held = self._held
        while True:
            at = held.find(SYNC)
            if at < 0:
                del held[: len(held) - held.endswith(SYNC[:1])]
                return None
            del held[:at]
            if len(held) < _HEADER.size:
                return None
            _, kind, sequence, length = _HEADER.unpack_from(held)
            end = _HEADER.size + length
            if length <= PAYLOAD_MAX:
                if len(held) < end + _CRC.size:
                    return None
                if _CRC.unpack_from(held, end)[0] == zlib.crc32(held[len(SYNC) : end]):
                    payload = bytes(held[_HEADER.size : end])
                    del held[: end + _CRC.size]
                    return Frame(kind, sequence, payload)
            del held[: len(SYNC)]  # a real frame may begin right after a false sync


def _unpack(fields: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) < fields.size:
        raise ValueError(f"payload of {len(payload)} bytes, at least {fields.size} expected")
    return fields.unpack_from(payload)


@dataclass(frozen=True)
class Hello:
    """Who answers. `load_status` is the dqa_status of loading the program, 0 if it runs; sizes in bytes.

    row_size: of the rows of the input where they are pushed, 0 where the input is written whole. boot: the same until the next start.
    """

    board: str
    version: int
    load_status: int
    counter: int
    program_crc: int
    input_size: int
    output_size: int
    arena_size: int
    clock_hz: int
    counter_hz: int
    data_max: int
    row_size: int
    boot: int

    _FIELDS = struct.Struct("<HBBIIIIIIHII")

    @classmethod
    def decode(cls, payload: bytes) -> Hello:
        """ValueError if the payload is too short."""
        name = payload[cls._FIELDS.size :].decode("ascii", "replace")
        return cls(name, *_unpack(cls._FIELDS, payload))


@dataclass(frozen=True)
class RunReply:
    """Counter ticks of one inference, and the rows whose shifting errors did not fit, or NOT_KNOWN.

    output_crc: see `output_crc`. stack_used: bytes that loading the model or an inference took at most, so far.
    """

    ticks: int
    dropped_rows: int
    output_crc: int
    stack_used: int

    @classmethod
    def decode(cls, payload: bytes) -> RunReply:
        """ValueError if the payload is too short."""
        return cls(*_unpack(struct.Struct("<QIII"), payload))


@dataclass(frozen=True)
class Stats:
    """Bytes: of the stack, of it taken at most by loading the model or by an inference, and of .data and .bss."""

    stack_size: int
    stack_used: int
    static_ram: int

    @classmethod
    def decode(cls, payload: bytes) -> Stats:
        """ValueError if the payload is too short."""
        return cls(*_unpack(struct.Struct("<III"), payload))


@dataclass(frozen=True)
class OperatorRecord:
    """What an operator did in a run: counter ticks, rows it made, CRC-32 of their values before they are stored."""

    ticks: int
    rows: int
    crc: int

    _FIELDS = struct.Struct("<QII")

    @classmethod
    def decode(cls, payload: bytes) -> tuple[int, list[OperatorRecord]]:
        """The number of all operators, and the records, of a reply to PROFILE; ValueError if the payload is of another size."""
        (count,) = _unpack(struct.Struct("<H"), payload)
        if len(payload) < 2 + cls._FIELDS.size or (len(payload) - 2) % cls._FIELDS.size:
            raise ValueError(f"payload of {len(payload)} bytes holds no whole records")
        return count, [cls(*fields) for fields in cls._FIELDS.iter_unpack(payload[2:])]


def write_input(run: int, offset: int, data: bytes) -> bytes:
    """Payload of WRITE_INPUT: at most DATA_MAX bytes for the run of this number."""
    return struct.pack("<II", run, offset) + data


def run(number: int, crc: int) -> bytes:
    """Payload of RUN: the run's number and the `input_crc` that is meant."""
    return struct.pack("<II", number, crc)


def profile(run: int, first: int) -> bytes:
    """Payload of PROFILE: the run's number and the first operator that is meant."""
    return struct.pack("<IH", run, first)


def read_output(run: int, offset: int, count: int) -> bytes:
    """Payload of READ_OUTPUT."""
    return struct.pack("<IIH", run, offset, count)


def input_crc(program_crc: int, data: bytes) -> int:
    """CRC-32 of a whole input, continued from the program's: names both."""
    return zlib.crc32(data, program_crc)


def output_crc(crc_of_input: int, output: bytes) -> int:
    """CRC-32 of an output, continued from its `input_crc`: names the program, the input and the answer."""
    return zlib.crc32(output, crc_of_input)


def decode_written(payload: bytes) -> int:
    """Bytes of the input in place, of a reply to WRITE_INPUT; ValueError if the payload is too short."""
    return _unpack(struct.Struct("<I"), payload)[0]


def decode_refusal(payload: bytes) -> tuple[int, int]:
    """Status and detail of an ERROR reply; ValueError if the payload is too short."""
    status, detail = _unpack(struct.Struct("<BI"), payload)
    return status, detail
