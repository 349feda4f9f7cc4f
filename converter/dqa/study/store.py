"""The finished jobs of a study: one JSON file each, written whole or not at all, so that a killed study loses only the jobs it was at."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dqa.errors import InputError

Record = dict[str, Any]
_UNFINISHED = ".writing-"


class Store:
    """Records by key in a directory; a record is a JSON object that says its own key."""

    def __init__(self, directory: Path) -> None:
        """Makes the directory. Raises InputError where that cannot be."""
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write to '{directory}': {error.strerror}", hint="choose another directory with -o") from error

    def get(self, key: str) -> Record | None:
        """The record of a finished job; None if there is none, or what is there is not one (it is then done again)."""
        try:
            record = json.loads((self.directory / f"{key}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) and record.get("key") == key else None

    def put(self, record: Mapping[str, Any]) -> None:
        """Writes a record; when this returns it outlives the process and a power cut."""
        write_whole(self.directory / f"{record['key']}.json", json.dumps(record, indent=1, allow_nan=False) + "\n")


def sweep(directory: Path) -> None:
    """Removes what a killed process was writing below a directory; no other may be at work there."""
    for left in directory.rglob(f"{_UNFINISHED}*"):
        left.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file under another name, flushes it to the disk and renames it. Raises InputError where that cannot be."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}", hint="choose another directory with -o") from error
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    """Makes a rename last; systems that cannot open a directory need no such thing."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
