"""Files that appear whole or not at all, whatever ends the process or fills the disk.

They are written under another name beside their place and renamed. What a killed process left is named .NAME.dqa-writing, and the next
one that writes NAME takes it over.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dqa.errors import DqaError, InputError
from dqa.support import processes

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows: processes that write the same at the same time do not wait for each other
    fcntl = None

UNFINISHED = ".dqa-writing"
"""How names end of what is not finished."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of a disk that is full, or fails."""
_LONGEST_NAME = 200


def failure(path: Path, error: OSError) -> DqaError:
    """The error to raise where `path` could not be written: a disk that is full or fails is no fault of the input."""
    text = f"cannot write '{path}': {error.strerror or error}"
    if error.errno in FULL:
        return DqaError(text, hint="what was there before is unchanged; make room and run the same command again")
    return InputError(text, hint="choose a place that can be written")


def refuse_same(path: Path, inputs: Iterable[Path]) -> None:
    """InputError where a result would be written over an input of the same command, whatever name it goes by."""
    for one in inputs:
        if path.is_file() and one.is_file() and path.samefile(one):
            raise InputError(f"'{path}' is read by this command, and would be overwritten by its result", hint="choose another file")


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes a file (text as UTF-8, line ends as they are); when this returns it outlives the process and a power cut.

    Until then whatever was there stays, with its mode. A link stays a link; devices and pipes are written as they are.
    Raises InputError where the place cannot be written, DqaError where the disk is full.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    try:
        if _is_stream(path):
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise failure(path, error) from error


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Waits until no other process is in here for the same directory. Raises FileNotFoundError if it is (or was meanwhile) removed."""
    if fcntl is None:
        yield
        return
    handle = _open_alone(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield
    finally:
        os.close(handle)


def sweep(directory: Path) -> None:
    """Removes the files below a directory that killed processes were writing; those of a process at work stay. Raises OSError."""
    for left in directory.rglob(f".*{UNFINISHED}"):
        if left.is_file() and not left.is_symlink():
            with contextlib.suppress(BlockingIOError, FileNotFoundError), left.open("rb") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()


def _is_stream(path: Path) -> bool:
    return path.exists() and (not path.is_file() or path.absolute().parts[1:2] in (("dev",), ("proc",)))


def _replace(path: Path, content: bytes) -> None:
    there = path.stat() if path.exists() else None
    if there and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    unfinished = beside(path)
    with (
        processes.unfinished(unfinished),
        os.fdopen(_open_alone(unfinished, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)), "r+b") as file,
    ):
        try:
            file.truncate()
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if there:
                unfinished.chmod(stat.S_IMODE(there.st_mode))
            if fcntl is None:
                file.close()
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    flush(path.parent)


def beside(path: Path) -> Path:
    """The name beside `path` under which it is written; always the same, so that the next process takes over what one left."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}{UNFINISHED}")


def _open_alone(path: Path, flags: int) -> int:
    """Opens and locks what has this name when the lock is had: who waited may hold what another process renamed."""
    while True:
        handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if fcntl is None:
                return handle
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.stat(path)):  # noqa: PTH116 - a pair
                return handle
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                os.close(handle)
                raise
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def flush(path: Path) -> None:
    """Makes what was written or renamed last; systems that cannot open a directory need no such thing."""
    with contextlib.suppress(PermissionError, IsADirectoryError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF):  # a file system, or a system, without it
                raise
        finally:
            os.close(handle)
