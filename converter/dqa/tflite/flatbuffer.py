"""A bounds-checked reader of flatbuffers, for files nobody has verified yet.

Every offset is checked against the buffer and the number of objects a file may hold is limited, so that no file can
make the reader crash, loop for long, or take much memory. Raises FlatbufferError for anything out of place.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from dqa.support.arrays import UInt8

MAX_OBJECTS = 1_000_000


class FlatbufferError(ValueError):
    """The bytes are not the flatbuffer they claim to be."""


@dataclass
class Budget:
    """Counts the tables read; shared by all tables of one file."""

    left: int = MAX_OBJECTS

    def take(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 0:
            raise FlatbufferError(f"the file holds more than {MAX_OBJECTS} objects")


@dataclass
class Table:
    """One table at byte `position`; fields are addressed by their slot, 0 for the first of the schema."""

    data: bytes
    position: int
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        self.budget.take()
        self._vtable = self.position - self._read("<i", self.position)
        self._vtable_size: int = self._read("<H", self._vtable)
        if self._vtable_size < 4 or self._vtable + self._vtable_size > len(self.data):
            raise FlatbufferError(f"the table at byte {self.position} has a corrupt vtable")

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The root table of a buffer."""
        if len(data) < 8:
            raise FlatbufferError(f"{len(data)} bytes are too few")
        return cls(data, struct.unpack_from("<I", data)[0])

    def integer(self, slot: int, form: str = "<i", default: int = 0) -> int:
        """A scalar field; `form` as in struct ("<b", "<B", "<i", "<I", "<Q")."""
        at = self._field(slot)
        return default if at is None else int(self._read(form, at))

    def number(self, slot: int, default: float = 0.0) -> float:
        """A float32 field."""
        at = self._field(slot)
        return default if at is None else float(self._read("<f", at))

    def flag(self, slot: int) -> bool:
        return self.integer(slot, "<B") != 0

    def table(self, slot: int) -> Table | None:
        at = self._field(slot)
        return None if at is None else self._table_at(at)

    def tables(self, slot: int) -> list[Table]:
        start, count = self._vector(slot, 4)
        self.budget.take(count)
        return [self._table_at(start + 4 * i) for i in range(count)]

    def string(self, slot: int) -> str:
        start, count = self._vector(slot, 1)
        self.budget.take(count // 64)
        return self.data[start : start + count].decode("utf-8", errors="replace")

    def integers(self, slot: int) -> list[int]:
        """A vector of int32."""
        start, count = self._vector(slot, 4)
        self.budget.take(count)
        return list(struct.unpack_from(f"<{count}i", self.data, start))

    def length(self, slot: int) -> int:
        """Number of elements of a vector field, 0 if it is absent."""
        return self._vector(slot, 1)[1]

    def array(self, slot: int) -> UInt8:
        """A vector of bytes, not copied."""
        start, count = self._vector(slot, 1)
        return np.frombuffer(self.data, np.uint8, count, start) if count else np.zeros(0, np.uint8)

    def _field(self, slot: int) -> int | None:
        at = 4 + 2 * slot
        if at + 2 > self._vtable_size:
            return None
        offset: int = self._read("<H", self._vtable + at)
        return self.position + offset if offset else None

    def _table_at(self, at: int) -> Table:
        return Table(self.data, at + self._read("<I", at), self.budget)

    def _vector(self, slot: int, item_size: int) -> tuple[int, int]:
        at = self._field(slot)
        if at is None:
            return 0, 0
        start = at + self._read("<I", at)
        count: int = self._read("<I", start)
        if start + 4 + count * item_size > len(self.data):
            raise FlatbufferError(f"the vector at byte {start} has {count} items and passes the end of the file")
        return start + 4, count

    def _read(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self.data):
            raise FlatbufferError(f"an offset points to byte {at} of {len(self.data)}")
        value: int = struct.unpack_from(form, self.data, at)[0]
        return value
