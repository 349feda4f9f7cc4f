"""Reads arrays of an .npz file: headers first, so that what does not fit is refused before it is unpacked. Pickles are never read."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.lib.format

from dqa.errors import DataError, DqaError
from dqa.support.arrays import Array

T = TypeVar("T")

MAX_BYTES = 8 << 30
"""Of all arrays together."""
MAX_HEADER = 1 << 16
"""Bytes; numpy itself takes 10,000, but reads all of a longer one before it refuses it."""
HINT = "write it with numpy: np.savez_compressed('data.npz', x=..., y=...)"


@dataclass(frozen=True)
class Header:
    """What an array says of itself. size: bytes of its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class Npz:
    """The arrays `wanted` of a file, those that it holds.

    headers: by name. found: the names of all arrays. Raises DataError, as `read` does, if the file is missing or damaged, if an array holds
    Python objects, or if they are larger than MAX_BYTES, or the memory of this machine, together.
    """

    def __init__(self, path: Path, wanted: Sequence[str]) -> None:
        self.path, self.name = path, str(path)
        if not path.is_file():
            what = "is a directory" if path.is_dir() else "is not a file" if path.exists() else "no such file"
            raise DataError(f"{self.name}: {what}", hint=HINT)
        self.found, self.headers = self._checked(lambda: self._read_headers(wanted))
        most = min(MAX_BYTES, _memory())
        if (size := sum(header.size for header in self.headers.values())) > most:
            raise DataError(f"{self.name}: its arrays take {size:,} bytes unpacked", hint=f"give fewer samples: at most {most:,} bytes")

    def read(self, key: str) -> Array:
        """An array, in this machine's byte order."""

        def unpack() -> Array:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{key}.npy") as member:
                array = np.asarray(numpy.lib.format.read_array(member, allow_pickle=False))
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
            if array.dtype.kind == "U" and not _is_text(array):
                raise DataError(f"{self.name}: is damaged: '{key}' holds numbers that are no letters", hint=HINT)
            return array

        return self._checked(unpack)

    def _read_headers(self, wanted: Sequence[str]) -> tuple[list[str], dict[str, Header]]:
        with zipfile.ZipFile(self.path) as archive:
            found = [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]
            if twice := next((key for key in wanted if found.count(key) > 1), None):
                raise DataError(f"{self.name}: holds '{twice}' twice", hint=HINT)
            return found, {key: self._header(archive, key) for key in wanted if key in found}

    def _header(self, archive: zipfile.ZipFile, key: str) -> Header:
        with archive.open(f"{key}.npy") as member:
            head = _head(member)
        source = io.BytesIO(head)
        version = numpy.lib.format.read_magic(source)
        read = numpy.lib.format.read_array_header_1_0 if version == (1, 0) else numpy.lib.format.read_array_header_2_0
        shape, _, dtype = read(source)
        if dtype.hasobject:
            raise DataError(
                f"{self.name}: '{key}' holds Python objects, which are never read",
                hint=f"save numbers, or names as text: {key}.astype(str)",
            )
        header = Header(tuple(int(n) for n in shape), dtype)
        if not dtype.itemsize or min(header.shape, default=0) < 0:  # any number of nothing would fit
            raise DataError(f"{self.name}: is damaged: '{key}' has shape {header.shape} and values of {dtype.itemsize} bytes", hint=HINT)
        if len(head) + header.size != archive.getinfo(f"{key}.npy").file_size:
            raise DataError(f"{self.name}: is damaged: '{key}' does not have the {header.size:,} bytes that it announces", hint=HINT)
        return header

    def _checked(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except DqaError:
            raise
        except MemoryError as error:
            raise DataError(f"{self.name}: does not fit in memory", hint="give fewer samples") from error
        except Exception as error:  # zlib, lzma, bz2, struct and OS errors of a damaged archive
            first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise DataError(f"{self.name}: is not an .npz file or is damaged: {first}", hint=_hint(self.path)) from error


def _hint(path: Path) -> str:
    if path.suffix.lower() == ".npy":
        return f"an .npy has no names: np.savez_compressed('data.npz', x=np.load('{path.name}'))"
    return HINT


def _is_text(names: Array) -> bool:
    """Whether all code points are ones that Python can make text of, and UTF-8 can write."""
    points = names.reshape(-1).view(np.uint32)
    return bool(((points < 0xD800) | ((points > 0xDFFF) & (points <= sys.maxunicode))).all())


def _head(member: IO[bytes]) -> bytes:
    """The beginning of an array's file, before its numbers. Raises ValueError for one that no array needs."""
    start = member.read(8)
    size = member.read(2 if start[6:7] == b"\1" else 4)
    if (length := int.from_bytes(size, "little")) > MAX_HEADER:
        raise ValueError(f"an array's header of {length:,} bytes")
    return start + size + member.read(length)


def _memory() -> int:
    """Bytes of memory of this machine; much, where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return MAX_BYTES
