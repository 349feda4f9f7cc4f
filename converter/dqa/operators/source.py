"""Bounds-checked views of a program's bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError


class Source:
    """Bounds-checked views of a program's tables."""

    def __init__(self, data: bytes, begin: int) -> None:
        """begin: the first byte behind the header."""
        self.data, self.begin = data, begin

    def take(self, offset: int, size: int, what: str) -> bytes:
        """`size` bytes of a table at a multiple of 4 after the header."""
        if offset % 4 or offset < self.begin or offset + size > len(self.data):
            raise ProgramError(f"{what} does not lie in the program ({size} bytes at {offset})")
        return self.data[offset : offset + size]

    def array(self, offset: int, dtype: str, shape: tuple[int, ...], what: str) -> npt.NDArray[np.generic]:
        """A table of little-endian numbers, in a shape."""
        kind = np.dtype(dtype)
        values = np.frombuffer(self.take(offset, int(np.prod(shape, dtype=np.int64)) * kind.itemsize, what), kind.newbyteorder("<"))
        return values.astype(kind).reshape(shape)
