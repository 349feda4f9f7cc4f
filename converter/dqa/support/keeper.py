"""Outlives the process that started it by a moment, and clears up after it.

Run as a script (it imports nothing of dqa) with its owner's process id and, as standard input, a pipe whose other end closes when its
owner dies, however it dies.
Records end with a NUL and begin with "+" or "-" for what the owner has and has no more, "!" alone for nothing: "G" and the number of a
process group (on Windows: of a process); "P" and a path; "N" and the path of what is new in a folder of unfinished work.
At the end of the pipe the groups are killed, then the paths are removed, but where another process has locked the path or that folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE_S = 5.0
"""How long a killed process may take to end, and what it had open to be free, once the owner is gone."""
_LONGEST_S = 60.0
"""How long an owner may take to end whose pipe did: until then it may have locks that a signal kept it from giving back."""
_PAUSE_S = 0.02


def read_records(source: int) -> set[bytes]:
    """What the owner had when the pipe ended, without their "+"."""
    owned: set[bytes] = set()
    rest = b""
    while data := os.read(source, 1 << 16):
        *records, rest = (rest + data).split(b"\0")
        for record in records:
            if record == b"!":
                owned.clear()
            else:
                (owned.add if record[:1] == b"+" else owned.discard)(record[1:])
    return owned


def kill_group(number: int) -> bool:
    """Kills a process and what it started; False if nothing of it is left."""
    if sys.platform == "win32":
        import subprocess

        done = subprocess.run(["taskkill", "/T", "/F", "/PID", str(number)], capture_output=True, check=False)
        return done.returncode == 0
    try:
        os.killpg(number, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS refuses to signal a group of zombies
        return False
    return True


def remove(path: Path, folder: Path | None = None) -> bool:
    """Removes a file or folder, and then `folder` around it if that is empty; False if something is left that may go later.

    While another process has a lock on `folder`, or without it on `path`, it is at work there, and nothing is removed.
    """
    handle = None
    try:
        if fcntl is not None and not path.is_symlink():
            handle = os.open(folder or path, os.O_RDONLY | os.O_NONBLOCK)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        if folder is not None:
            folder.rmdir()
    except OSError:
        return not os.path.lexists(path)
    finally:
        if handle is not None:
            os.close(handle)
    return not os.path.lexists(path)


def clear(owned: set[bytes], owner: int | None = None) -> None:
    """Kills the groups, then removes the paths, and tries again while either is left."""
    groups = {int(record[1:]) for record in owned if record[:1] == b"G"}
    paths = {(Path(os.fsdecode(record[1:])), record[:1] == b"N") for record in owned if record[:1] != b"G"}
    begin = time.monotonic()
    gone: float | None = None
    while groups or paths:
        groups = {group for group in groups if kill_group(group)}
        paths = {(path, new) for path, new in paths if not remove(path, path.parent if new else None)}
        now = time.monotonic()
        if gone is None and (owner is None or os.getppid() != owner):
            gone = now
        if now > (begin + _LONGEST_S if gone is None else gone + PATIENCE_S):
            return
        time.sleep(_PAUSE_S)


def main() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    clear(read_records(sys.stdin.fileno()), None if sys.platform == "win32" else int(sys.argv[1]))


if __name__ == "__main__":
    main()
