"""The parameters of an operator as bytes: what rooms read them from and write them to (docs/format.md, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct, calcsize, pack, unpack_from
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError
from dqa.operators.records import Requantization, WeightEncoding, Window
from dqa.operators.source import Source
from dqa.support.arrays import Int8, Int16, Int32, UInt8, UInt16, UInt32

WINDOW = Struct("<8B")
WINDOW_BYTES = WINDOW.size
REQUANTIZATION_BYTES = 16


class Constants(Protocol):
    """Where an operator's constants are placed; equal ones share a place."""

    def array(self, values: npt.NDArray[np.generic], title: str) -> int:
        """The offset of an array; its last dimension is a row of the listing."""

    def book(self, values: Int8, title: str) -> int:
        """The offset of code books."""


def offset(constants: Constants, values: npt.NDArray[np.generic], title: str) -> bytes:
    """Places an array and gives its offset as a parameter."""
    return pack("<I", constants.array(values, title))


def window_bytes(window: Window) -> bytes:
    """A window as parameters begin with it."""
    w = window
    return WINDOW.pack(w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w, w.pad_top, w.pad_left)


def requantization_bytes(constants: Constants, values: Requantization, books: int = 0) -> bytes:
    """A requantization as parameters end with it; books: offset of the code books of the weights."""
    tables = (("biases", values.bias), ("multipliers", values.multiplier), ("shifts", values.shift))
    return pack("<4I", *(constants.array(table, name) for name, table in tables), books)


class Parameters:
    """The parameters of one operator, field by field. Raises ProgramError for what is not as the format says."""

    def __init__(self, source: Source, offset: int, size: int, encoding: WeightEncoding, what: str, block: int = 0) -> None:
        self.encoding, self.block = encoding, block
        self.source, self.what, self.at = source, what, 0
        self.data = source.take(offset, size, f"{what}: parameters") if size or offset else b""

    def window(self) -> Window:
        self.at += WINDOW.size
        return Window(*WINDOW.unpack_from(self.data, self.at - WINDOW.size))

    def skip(self, count: int) -> None:
        """Fields that `numbers` gives: bytes before the offsets."""
        self.at += count

    def numbers(self, form: str) -> tuple[int, ...]:
        """All the fields of a parameter block without offsets."""
        return unpack_from(form, self.data)

    def reserved(self, *fields: int) -> None:
        """Fields that must be 0."""
        if any(fields):
            raise ProgramError(f"{self.what}: a reserved field is not 0")

    def fields(self, form: str) -> tuple[int, ...]:
        """Fields that are no offsets, before others."""
        self.at += calcsize(form)
        return unpack_from(form, self.data, self.at - calcsize(form))

    def offset(self) -> int:
        self.at += 4
        return int(unpack_from("<I", self.data, self.at - 4)[0])

    def int8(self, shape: tuple[int, ...], name: str) -> Int8:
        return self.source.array(self.offset(), "int8", shape, f"{self.what}: {name}").astype(np.int8)

    def int16(self, shape: tuple[int, ...], name: str) -> Int16:
        return self.source.array(self.offset(), "int16", shape, f"{self.what}: {name}").astype(np.int16)

    def int32(self, shape: tuple[int, ...], name: str) -> Int32:
        return self.source.array(self.offset(), "int32", shape, f"{self.what}: {name}").astype(np.int32)

    def uint8(self, shape: tuple[int, ...], name: str) -> UInt8:
        return self.source.array(self.offset(), "uint8", shape, f"{self.what}: {name}").astype(np.uint8)

    def uint16(self, shape: tuple[int, ...], name: str) -> UInt16:
        return self.source.array(self.offset(), "uint16", shape, f"{self.what}: {name}").astype(np.uint16)

    def uint32(self, shape: tuple[int, ...], name: str) -> UInt32:
        return self.source.array(self.offset(), "uint32", shape, f"{self.what}: {name}").astype(np.uint32)

    @contextmanager
    def valid(self) -> Iterator[None]:
        """What a room finds wrong with its constants becomes a ProgramError that names the operator."""
        try:
            yield
        except ValueError as error:
            raise ProgramError(f"{self.what}: {error}") from None

    def requantization(self, channels: int) -> Requantization:
        places = [self.offset() for _ in range(4)]
        if self.encoding is WeightEncoding.INT8:
            self.reserved(places[3])
        array, what = self.source.array, self.what
        return Requantization(
            bias=array(places[0], "int32", (channels,), f"{what}: biases").astype(np.int32),
            multiplier=array(places[1], "int32", (channels,), f"{what}: multipliers").astype(np.int32),
            shift=array(places[2], "uint8", (channels,), f"{what}: shifts").astype(np.uint8),
        )
