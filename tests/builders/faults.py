"""Ends a call at a chosen moment of its work with files: killed, or at a disk that is full."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dqa.errors import DqaError

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.chmod"}
GROWS = {"os.mkdir", "os.link"}
KILLED = -signal.SIGKILL
REFUSED = 3


def killed(call: Callable[[], object], moment: int) -> int:
    """Runs `call` in a fork that is killed before change number `moment` of the file system; returns KILLED, or 0 if there are fewer."""
    return _forked(call, moment, lambda: os.kill(os.getpid(), signal.SIGKILL), CHANGES | {"ctypes.dlsym"})


def full(call: Callable[[], object], moment: int) -> int:
    """Runs `call` in a fork whose disk is full from file number `moment` on; returns REFUSED for a DqaError, or 0 if there are fewer."""

    def refuse() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return _forked(call, moment, refuse, GROWS)


def _forked(call: Callable[[], object], moment: int, fault: Callable[[], None], events: set[str]) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count, code = 0, 9

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in events or (event == "open" and _writes(arguments)):
            count += 1
            if count >= moment:
                fault()

    try:
        sys.addaudithook(hook)
        call()
        code = 0
    except DqaError:
        code = REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _mode, flags = arguments
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)) and not str(path).startswith("/dev/")


def contents(directory: Path) -> dict[str, str]:
    """Everything below a directory: what files hold, "/" for directories, "-> target" for links."""

    def shown(path: Path) -> str:
        return f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_bytes().decode("latin-1")

    return {str(path.relative_to(directory)): shown(path) for path in sorted(directory.rglob("*"))}
