"""Child processes and temporary folders that do not outlive this process, however it ends: every one of dqa begins here.

A child leads a process group of its own, so that what it starts is found too. Children and folders are told to a keeper
(dqa.support.keeper), a small process that clears up when this one is gone. On Linux the kernel kills the children themselves even before.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from dqa.errors import DqaError, ToolError
from dqa.support import keeper

_log = logging.getLogger(__name__)
TEMPORARY = ("TMPDIR", "TMP", "TEMP")
"""Variables that say where temporary files go."""
_PREFIX = "dqa-"
_STALE_S = 60.0
"""A folder younger than this may be one whose owner is about to lock it."""
_PR_SET_PDEATHSIG = 1
_WAKE_S = 0.5


class _Keeper:
    """This process's side of the keeper, which runs from the first thing it is told."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal's handler may come to need it in the thread that holds it
        self._owned: dict[bytes, None] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def own(self, record: bytes) -> None:
        with self._lock:
            self._owned[record] = None
            self._tell([b"+" + record])

    def disown(self, record: bytes) -> None:
        with self._lock:
            self._tell([b"-" + record])
            self._owned.pop(record, None)

    def start(self, command: Sequence[str], **settings: Any) -> subprocess.Popen[bytes]:
        """A child that leads a group of its own, which is owned. Raises OSError."""
        with self._lock:
            self._tell([])
            if sys.platform != "win32":
                settings |= {"start_new_session": True, "preexec_fn": _entry(os.getpid(), self._pipe())}
            try:
                process = subprocess.Popen(command, **settings)
            except (OSError, ValueError, subprocess.SubprocessError):
                # it never became its program; its number, which it may have told, will be another's
                self._tell([b"!", *(b"+" + record for record in self._owned)])
                raise
            self.own(_group(process))
            return process

    def close(self) -> None:
        """Lets the keeper clear up now."""
        with self._lock:
            if self._process is not None and self._pid == os.getpid():
                self._close_pipe()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(keeper.PATIENCE_S)
                self._process = None
                self._owned.clear()

    def _tell(self, records: Sequence[bytes]) -> None:
        if self._pid != os.getpid():  # in a fork: what is owned, and the keeper, are the parent's
            self._close_pipe()
            self._pid, self._process = os.getpid(), None
            self._owned.clear()
        message = b"".join(record + b"\0" for record in records)
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe(), message)
                return
        self._close_pipe()  # somebody killed it, or it is the first time
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(self._pid)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.write(self._pipe(), b"".join(b"+" + record + b"\0" for record in self._owned) + message)

    def _pipe(self) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


_keeper = _Keeper()
atexit.register(_keeper.close)


@contextlib.contextmanager
def unfinished(path: Path, *, in_folder: bool = False) -> Iterator[Path]:
    """Meanwhile, what is at `path` is removed should this process end; without an exception the caller has put it in its place.

    A process that works at `path` holds a lock (flock) on it, or, in_folder, on the folder around it, which goes too once it is empty.
    """
    record = (b"N" if in_folder else b"P") + os.fsencode(path.absolute())
    _keeper.own(record)
    try:
        yield path
    except BaseException:
        if not os.path.lexists(path):
            _keeper.disown(record)
        raise
    _keeper.disown(record)


@contextlib.contextmanager
def folder(parent: Path | None = None) -> Iterator[Path]:
    """A new empty folder, in `parent` or where the system has temporary files; afterwards it is gone.

    Raises DqaError where none can be made.
    """
    try:
        place = Path(tempfile.gettempdir() if parent is None else parent).absolute()
        _sweep(place)
        path = place / f"{_PREFIX}{secrets.token_hex(8)}"
        record = b"P" + os.fsencode(path)
        _keeper.own(record)
        path.mkdir(mode=0o700)
        lock = _lock(path)
    except OSError as error:
        raise DqaError(
            f"no temporary folder can be made: {error}", hint="make room, or set TMPDIR to a folder that can be written"
        ) from error
    try:
        yield path
    finally:
        try:
            shutil.rmtree(path, ignore_errors=True)
        finally:  # a signal may end it, and the keeper goes on where nobody has the lock
            if lock is not None:
                os.close(lock)
        if not os.path.lexists(path):  # else at the end of this process
            _keeper.disown(record)


@contextlib.contextmanager
def child(
    command: Sequence[str],
    *,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.STDOUT,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with a folder for its temporary files; afterwards it, what it started and the folder are gone.

    On Linux it also ends with the thread that entered this (PR_SET_PDEATHSIG is of threads): what lives longer than a call, as a simulator
    does, is started by the main thread; a thread of a pool only starts what it waits for, as `run` does.
    Raises ToolError if it cannot be started.
    """
    with folder() as scratch:
        _log.debug("runs %s", " ".join(map(str, command)))
        variables = {**(os.environ if env is None else env), **dict.fromkeys(TEMPORARY, str(scratch))}
        try:
            process = _keeper.start(command, stdin=stdin, stdout=stdout, stderr=stderr, env=variables, cwd=cwd, pass_fds=pass_fds)
        except OSError as error:
            raise ToolError(f"'{command[0]}' does not run: {error.strerror}", hint="dqa doctor checks the tools") from error
        try:
            yield process
        finally:
            keeper.kill_group(process.pid)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what it did not read
                        pipe.close()
            process.wait()
            _keeper.disown(_group(process))


def run(
    command: Sequence[str],
    *,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | IO[Any] = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a child with no input to its end: its status and, as text, its output. Raises ToolError, subprocess.TimeoutExpired."""
    with child(command, stdout=stdout, stderr=stderr, env=env, cwd=cwd) as process:
        texts = [(data or b"").decode("utf-8", "replace") for data in process.communicate(timeout=timeout)]
    return subprocess.CompletedProcess(list(command), process.returncode, *texts)


def belong_to_parent(parent: int, scratch: Path) -> None:
    """Makes a process that a library started, as joblib does, what `child` makes of one: it ends with its parent, and what it leaves in
    temporary folders is in `scratch`, a folder of its parent's. Its own keeper may be ended with it, as libraries end trees of processes.
    """
    end_with_parent(parent)
    os.environ.update(dict.fromkeys(TEMPORARY, str(scratch)))
    tempfile.tempdir = str(scratch)  # where it has been asked for already


def end_with_parent(parent: int) -> None:
    """Makes this process end when its parent, which has this process id, does; at once if it already has.

    On Linux the kernel sees to it, and the parent's end is that of the thread that started this process.
    """
    if (prctl := _prctl()) is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent-watch").start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WAKE_S)
    os._exit(1)


@cache
def _prctl() -> Callable[..., int] | None:
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _group(process: subprocess.Popen[bytes]) -> bytes:
    return b"G%d" % process.pid


def _entry(parent: int, pipe: int) -> Callable[[], None]:
    """What a child does before it becomes its program: there is no moment in which it runs and nobody knows of it."""
    prctl = _prctl()  # now: in the child nothing may be loaded

    def enter() -> None:
        with contextlib.suppress(OSError):
            os.write(pipe, b"+G%d\0" % os.getpid())
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return enter


def _lock(path: Path) -> int | None:
    """Marks a folder as in use until this process ends; None where the system has no such locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        pass  # a file system without locks: its folders never look abandoned for the same reason
    return handle


@cache
def _sweep(place: Path) -> None:
    """Removes the folders here whose owner and keeper died together, as when the power went; once a process."""
    if sys.platform == "win32":
        return
    import fcntl

    for path in place.glob(f"{_PREFIX}{'[0-9a-f]' * 16}"):
        with contextlib.suppress(OSError):
            state = path.lstat()
            if state.st_uid != os.getuid() or time.time() - state.st_mtime < _STALE_S:
                continue
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while it is in use
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
