"""What in a directory dqa wrote: a manifest of its files and their hashes, so that nothing else is ever overwritten or deleted.

A directory of dqa holds `dqa-manifest.json`. A file is dqa's while it has a hash that the manifest gives it; a file that is not listed,
or was changed since, is the user's. Parts that are written by themselves (OUT/firmware, OUT/build/BOARD/RUNTIME) have their own manifest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dqa.errors import InputError
from dqa.support import directories
from dqa.support.files import UNFINISHED, failure, locked, write_atomically
from dqa.support.version import __version__

NAME = "dqa-manifest.json"
_PROJECT = "firmware"
_PARTS = (_PROJECT, "build/*/*")
_CACHES = (".pio", "**/__pycache__")
"""What the tools leave in the project, and make anew when it is missing."""
_SHOWN = 5


@dataclass(frozen=True)
class Manifest:
    """kind: what the directory holds. program: SHA-256 of the program it belongs to, if any. files: hashes by name, "/" between folders.

    writing: hashes that files get which are being replaced; a process that was killed may have left either.
    """

    kind: str
    program: str | None
    files: Mapping[str, str]
    writing: Mapping[str, str]

    def hashes(self, name: str) -> tuple[str, ...]:
        return tuple(known[name] for known in (self.files, self.writing) if name in known)

    def save(self, directory: Path) -> None:
        """Raises as write_atomically."""
        content = {"dqa": __version__, "kind": self.kind, "program_sha256": self.program, "files": dict(sorted(self.files.items()))}
        if self.writing:
            content["writing"] = dict(sorted(self.writing.items()))
        write_atomically(directory / NAME, json.dumps({k: v for k, v in content.items() if v is not None}, indent=1) + "\n")


def load(directory: Path) -> Manifest | None:
    """The manifest of a directory, None where it has none. Raises InputError where it cannot be read."""
    path = directory / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files, writing = dict(found["files"]), dict(found.get("writing", {}))
        if not all(_is_inside(name) and isinstance(value, str) for part in (files, writing) for name, value in part.items()):
            raise ValueError("files: not names and hashes")
        return Manifest(str(found["kind"]), found.get("program_sha256"), files, writing)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged ({error})", hint="choose another directory, or remove this one yourself") from error


def create(directory: Path, kind: str, program: str | None = None) -> None:
    """Writes the manifest of all that is in a directory that dqa just made, but for parts with their own."""
    own = [name for name in _names(directory) if not any((directory / part / NAME).exists() for part in PurePosixPath(name).parents[:-1])]
    Manifest(kind, program, {name: sha256(directory / name) for name in own if name != NAME}, {}).save(directory)


def users(directory: Path) -> list[str]:
    """What in a directory dqa did not write, or not so: names of files, links and empty directories, "/" between folders."""
    known = _known(directory)
    folders = {str(parent) for name in known for parent in PurePosixPath(name).parents}
    project = directory / _PROJECT
    caches = {path for pattern in _CACHES for path in project.glob(pattern) if f"{_PROJECT}/{NAME}" in known}
    found = []
    for name in _names(directory, caches):
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            if name not in folders:
                found.append(name)
        elif name not in known or (known[name] and _hash_of(directory, name) not in known[name]):
            found.append(name)
    return found


def edited(directory: Path) -> list[str]:
    """Names that dqa wrote and someone changed since."""
    known = _known(directory)
    return sorted({str(path) for name in map(PurePosixPath, users(directory)) for path in (name, *name.parents) if str(path) in known})


def check_place(directory: Path, kind: str) -> None:
    """InputError unless dqa may write a result of this kind to `directory`: new, empty, or an unchanged earlier one (with more in it)."""
    try:
        _check_place(directory, kind)
    except OSError as error:
        raise failure(directory, error) from error


def _check_place(directory: Path, kind: str) -> None:
    if directory.is_symlink():
        raise InputError(f"'{directory}' is a symbolic link", hint="give the directory itself with -o")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        directory.lstat()  # a name that is too long is no name of a directory to come
    taken = next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))
    for part in directory.absolute().relative_to(taken.absolute()).parts if taken.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            (taken / part).lstat()  # some systems look no further than the first name that is not there
    if not taken.is_dir():
        what = "a file" if taken.is_file() else "no directory"
        raise InputError(f"cannot write to '{directory}': '{taken}' is {what}", hint="choose another directory with -o")
    places = (taken, taken.absolute().parent) if taken == directory else (taken,)
    if not any(os.access(place, os.W_OK | os.X_OK) for place in places):
        raise InputError(f"cannot write to '{directory}': '{taken}' cannot be written", hint="choose another directory with -o")
    if taken != directory:
        return
    settle(directory)
    there = load(directory)
    if there is None and any(not entry.name.endswith(UNFINISHED) for entry in directory.iterdir()):
        raise InputError(
            f"'{directory}' is not empty and was not written by this dqa",
            hint="choose a new or empty directory with -o, or empty it yourself",
        )
    if there is not None and there.kind != kind:
        raise InputError(f"'{directory}' holds something else of dqa: {there.kind}", hint="choose another directory with -o")
    if changed := edited(directory):
        raise InputError(
            f"'{directory}' has files that were changed since dqa wrote them: {listed(changed)}",
            hint="move them elsewhere to keep them, or delete them, or choose another directory with -o",
        )


def check_room(new: Path, kept: Collection[str]) -> None:
    """InputError where a user's entry has the place of one in `new`."""
    names = [PurePosixPath(name) for name in _names(new)]
    taken = {str(path) for name in names for path in (name, *name.parents)}
    files = set(map(str, names))
    both = [name for name in kept if name in taken or files & set(map(str, PurePosixPath(name).parents))]
    if both:
        raise InputError(f"these are not dqa's, but have names that it needs: {listed(both)}", hint="move them elsewhere")


def settle(directory: Path) -> None:
    """Completes what was begun in a directory by a process that was killed. Raises InputError, DqaError."""
    try:
        directories.recover(directory, users)
    except OSError as error:
        raise failure(directory, error) from error


Files = Mapping[str, bytes]


def refresh(
    directory: Path, files: Files | Callable[[], Files], kind: str, program: str | None = None, *, whole: bool = False
) -> list[str]:
    """Brings files of a directory of dqa up to date and returns the names of those left alone, because someone changed them.

    files: content by name, or what tells it: it is called while no other process is in here for the same directory.
    Each appears whole or not at all; equal ones are not written. whole: no others are dqa's, those that it wrote before are deleted.
    Raises InputError where a file that dqa did not write has one of the names, or the place cannot be written; DqaError: full disk.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory):
            wanted = files() if callable(files) else files
            return _refresh(directory, wanted, load(directory) or Manifest(kind, None, {}, {}), program, whole)
    except OSError as error:
        raise failure(directory, error) from error


def _refresh(directory: Path, files: Files, there: Manifest, program: str | None, whole: bool) -> list[str]:
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    found = {name: _hash_of(directory, name) for name in {*wanted, *there.files, *there.writing}}
    left = sorted(name for name in wanted if found[name] and found[name] not in (*there.hashes(name), wanted[name]))
    if strange := [name for name in left if not there.hashes(name)]:
        raise InputError(f"'{directory}' has files with the names that dqa needs: {listed(strange)}", hint="move them elsewhere")
    stale = [name for name in found if whole and name not in wanted]
    gone = [name for name in stale if found[name] in there.hashes(name)]
    new = [name for name in wanted if name not in left and found[name] != wanted[name]]
    kept = {name: value for name, value in there.files.items() if not whole or name in left}
    after = Manifest(there.kind, program, {**kept, **{name: value for name, value in wanted.items() if name not in left}}, {})
    if after == there and not new:
        return left
    Manifest(there.kind, program, {**wanted, **there.files}, {name: wanted[name] for name in new}).save(directory)
    for name in new:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / name, files[name])
    for name in gone:
        (directory / name).unlink(missing_ok=True)
    after.save(directory)
    return left


def refuse_listed(path: Path) -> None:
    """InputError where `path` is a file of a directory of dqa, which only dqa's own commands keep up to date."""
    path = Path(os.path.realpath(path))
    for directory in path.parents:
        there = load(directory)
        if there is not None and (path.name == NAME or path.relative_to(directory).as_posix() in there.files):
            raise InputError(f"'{path}' belongs to what dqa wrote to '{directory}'", hint="choose another file")


def listed(names: Collection[str]) -> str:
    """The first few of the names."""
    return ", ".join([*sorted(names)[:_SHOWN], *([f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])])


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of(directory: Path, name: str) -> str | None:
    """None: nothing is there; what is no file, or lies behind a link, has a hash that no file has."""
    path = directory / name
    if any((directory / part).is_symlink() for part in [PurePosixPath(name), *PurePosixPath(name).parents][:-1]):
        return "a link"
    return sha256(path) if path.is_file() else "no file" if path.exists() else None


def _known(directory: Path) -> dict[str, tuple[str, ...]]:
    """The hashes of all files of a directory and its parts; none: a manifest itself."""
    found: dict[str, tuple[str, ...]] = {}
    for part in (directory, *(path for pattern in _PARTS for path in sorted(directory.glob(pattern)))):
        if not part.is_symlink() and (there := load(part)) is not None:
            prefix = "" if part == directory else part.relative_to(directory).as_posix() + "/"
            found |= {prefix + name: there.hashes(name) for name in {*there.files, *there.writing}} | {prefix + NAME: ()}
    return found


def _names(directory: Path, passed: Collection[Path] = ()) -> Iterator[str]:
    """Files, links and empty directories below a directory, but for some folders and what is being written."""
    for folder, folders, files in os.walk(directory):
        here = Path(folder)
        for name in list(folders):
            if here / name in passed or name.endswith(UNFINISHED):
                folders.remove(name)
            elif (here / name).is_symlink():
                folders.remove(name)
                files.append(name)
        if not folders and not files and here != directory:
            yield here.relative_to(directory).as_posix()
        yield from ((here / name).relative_to(directory).as_posix() for name in files if not name.endswith(UNFINISHED))


def _is_inside(name: object) -> bool:
    return isinstance(name, str) and not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
