"""Directories that appear whole or not at all.

A directory is written beside its place and exchanged with what is there in one step (Linux); where that cannot be (a mounted directory,
the current one, other systems) its entries are moved one by one, and `recover` completes at the next use what was cut short.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dqa.support import processes
from dqa.support.files import UNFINISHED, beside, failure, flush, locked

Keep = Callable[[Path], Iterable[str]]
"""Tells what in a directory must outlive its replacement: names relative to it, with "/", of files, links and empty directories."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def staged(directory: Path, keep: Keep = lambda _old: ()) -> Iterator[Path]:
    """A new directory to fill, which takes the place of `directory` when the block ends without an exception.

    Until then `directory` stays as it is, or absent. keep: see `Keep`; what it names must not be in the new one too.
    Raises InputError where the place cannot be written, DqaError where the disk is full.
    """
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 - resolve() would follow links
    try:
        recover(directory, keep)
        work = _inside(directory) if _must_stay(directory) else beside(directory)
        work.parent.mkdir(parents=True, exist_ok=True)
        with processes.unfinished(work / "new", in_folder=True), _working_directory(work):
            try:
                new = work / "new"
                new.mkdir()
                yield new
                _flush_tree(new)
                if directory.exists():
                    shutil.copymode(directory, new)
                    _carry(keep(directory), directory, new)
                _put(work, directory, keep)
            except BaseException:
                _remove(work / "new")
                raise
            finally:
                with contextlib.suppress(OSError):
                    work.rmdir()
    except OSError as error:
        raise failure(directory, error) from error


def recover(directory: Path, keep: Keep = lambda _old: ()) -> None:
    """Completes or removes what a process left that was killed while it replaced `directory`. Raises OSError."""
    directory = Path(os.path.abspath(directory))  # noqa: PTH100
    for work in (*([beside(directory)] if directory.name else []), _inside(directory)):  # the root has no place beside it
        if work.is_dir() and not work.is_symlink():
            with contextlib.suppress(FileNotFoundError), locked(work):
                _finish(work, directory, keep)
                work.rmdir()


def _inside(directory: Path) -> Path:
    return directory / UNFINISHED


def _must_stay(directory: Path) -> bool:
    """Whether a directory itself cannot be replaced: a mount, this process's own, or one in a place that is not ours to write."""
    if not directory.is_dir():
        return False
    return directory.is_mount() or Path.cwd().is_relative_to(directory.resolve()) or not os.access(directory.parent, os.W_OK)


@contextmanager
def _working_directory(work: Path) -> Iterator[None]:
    """Makes the directory and locks it, after a process that has it now."""
    while True:
        work.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = locked(work)
            lock.__enter__()
            break
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _put(work: Path, directory: Path, keep: Keep) -> None:
    """Puts work/new in the place of `directory`, and what was there away."""
    new, old = work / "new", work / "old"
    if not directory.exists():
        new.rename(directory)
    elif work == _inside(directory):
        new.rename(work / "ready")
    else:
        new.rename(old)
        if not _exchange(old, directory):
            old.rename(new)
            inner = _inside(directory)
            inner.mkdir(exist_ok=True)
            shutil.move(new, inner / "new")
            (inner / "new").rename(inner / "ready")
            _finish(inner, directory, keep)
            inner.rmdir()
    flush(directory.parent)
    _finish(work, directory, keep)


def _finish(work: Path, directory: Path, keep: Keep) -> None:
    """Completes what was begun, by what lies in `work`.

    new: not complete, to be removed. ready: complete; all in `directory` gives way to it. placing: what of it is not yet in place.
    old: what gave way (or was about to be exchanged); what of it must be kept and came since is not yet in `directory`.
    """
    _remove(work / "new")
    ready, placing, old = work / "ready", work / "placing", work / "old"
    if ready.is_dir():
        old.mkdir(exist_ok=True)
        for entry in [entry for entry in directory.iterdir() if entry != work]:
            shutil.move(entry, old / entry.name)
        ready.rename(placing)
    if placing.is_dir():
        for entry in list(placing.iterdir()):
            shutil.move(entry, directory / entry.name)
        placing.rmdir()
    if old.is_dir():
        if directory.is_dir():
            _carry([name for name in keep(old) if not os.path.lexists(directory / name)], old, directory)
        _remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two directories in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # a C library without it
        return False
    return bool(call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _carry(names: Iterable[str], source: Path, target: Path) -> None:
    """Links (or else copies) entries of one directory into another; the directories they lie in keep their modes."""
    for name in names:
        _carry_folder(Path(name).parent, source, target)
        one, other = source / name, target / name
        if one.is_dir() and not one.is_symlink():
            _carry_folder(Path(name), source, target)
            continue
        try:
            os.link(one, other, follow_symlinks=False)
        except (OSError, NotImplementedError):
            shutil.copy2(one, other, follow_symlinks=False)


def _carry_folder(name: Path, source: Path, target: Path) -> None:
    for folder in reversed([name, *name.parents]):
        if not (target / folder).is_dir():
            (target / folder).mkdir()
            with contextlib.suppress(OSError):
                shutil.copymode(source / folder, target / folder)
                (target / folder).chmod((source / folder).stat().st_mode | stat.S_IRWXU)


def _remove(directory: Path) -> None:
    if directory.is_dir() and not directory.is_symlink():
        for folder, names, _files in os.walk(directory):
            for name in names:
                if not (path := Path(folder, name)).is_symlink():
                    path.chmod(stat.S_IRWXU)
        shutil.rmtree(directory)


def _flush_tree(directory: Path) -> None:
    for folder, _folders, names in os.walk(directory):
        for name in names:
            flush(Path(folder, name))
        flush(Path(folder))
