"""The directory of a study, and in it the finished jobs: one JSON file each, written whole or not at all, so that a study that is killed
loses only the jobs it was at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dqa.support import manifest
from dqa.support.files import failure, sweep, write_atomically
from dqa.support.manifest import Manifest

KIND = "study"
FOLDERS = ("models", "rankings", "jobs")
RESULTS = ("results.csv", "results.json", "summary.csv", "layers.csv", "tables.md", "timings.csv")
PLOTS = "plots"
Record = dict[str, Any]


class Store:
    """Records by key in a directory; a record is a JSON object that says its own key."""

    def __init__(self, directory: Path) -> None:
        """Makes the directory. Raises InputError where that cannot be."""
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise failure(directory, error) from error

    def get(self, key: str) -> Record | None:
        """The record of a finished job; None if there is none, or what is there is not one (it is then done again)."""
        try:
            record = json.loads((self.directory / f"{key}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) and record.get("key") == key else None

    def put(self, record: Mapping[str, Any]) -> None:
        """Writes a record; when this returns it outlives the process and a power cut."""
        write_atomically(self.directory / f"{record['key']}.json", json.dumps(record, indent=1, allow_nan=False) + "\n")


def open_directory(out: Path) -> None:
    """Makes the directory of a study, or takes up what one left in it that was killed.

    Raises InputError where there is anything else, or results that someone changed.
    """
    if (out / "jobs").is_dir() and manifest.load(out) is None:
        _adopt(out)
    manifest.check_place(out, KIND)
    try:
        out.mkdir(parents=True, exist_ok=True)
        sweep(out)
    except OSError as error:
        raise failure(out, error) from error
    if manifest.load(out) is None:
        Manifest(KIND, None, {}, {}).save(out)


def _adopt(out: Path) -> None:
    """A manifest for the directory of a study that is from before there were any, and holds nothing else."""
    if all(path.name in (*FOLDERS, *RESULTS, PLOTS) for path in out.iterdir()):
        names = [name for name in RESULTS if (out / name).is_file()] + [
            f"{PLOTS}/{path.name}" for path in (out / PLOTS).glob("*-*.[ps][nv]g")
        ]
        Manifest(KIND, None, {name: manifest.sha256(out / name) for name in names}, {}).save(out)
