"""`dqa export`: converted models become a folder, or a zip of it, that builds by itself."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dqa.errors import InputError
from dqa.export.files import arena, files, title_of
from dqa.export.models import Model, load
from dqa.support import manifest
from dqa.support.directories import staged
from dqa.support.files import failure, write_atomically
from dqa.support.settings import ZIPPED, one_of_forms

ZIP = ".zip"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of entries of a zip: the same models give the same bytes."""


@dataclass(frozen=True)
class Exported:
    """place: a folder, or a zip of it. arena: bytes of the one that all models use. kept: names in the folder that are not dqa's."""

    place: Path
    form: str
    library: str
    models: tuple[Model, ...]
    arena: int
    files: tuple[str, ...]
    kept: tuple[str, ...] = ()


def export(outs: Sequence[Path], form: str, place: Path | None = None, names: Sequence[str] = (), all_operators: bool = False) -> Exported:
    """Writes the C of the models in directories of dqa convert as a folder of a form (dqa.support.settings.FORMS), whole or not at all.

    place: by default out/dqa_NAME-FORM; one that ends in .zip gets the folder zipped. names: of the models, instead of those they were
    converted with. all_operators: with those, too, that no model uses. Raises RecipeError for an unknown form; InputError for what
    `dqa.export.models.load` refuses, and where `place` holds something that dqa did not write; DqaError: full disk.
    """
    one_of_forms(form)
    models = tuple(load(outs, names))
    library = f"dqa_{title_of(models)}"
    place = place or Path("out") / f"{library}-{form}{ZIP if form in ZIPPED else ''}"
    found = files(models, form, all_operators)
    write = _write_zip if place.suffix.lower() == ZIP else _write_folder
    kept = write(place, f"export, {form}", library, found)
    return Exported(place, form, library, models, arena(models), tuple(sorted(found)), tuple(kept))


def _write_folder(place: Path, kind: str, library: str, found: Mapping[str, bytes]) -> list[str]:
    """Returns what in the folder is not dqa's, and still there."""
    manifest.check_place(place, kind)
    with staged(place, manifest.users) as new:
        for name, content in found.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        manifest.create(new, kind)
        kept = manifest.users(place) if place.exists() else []
        manifest.check_room(new, kept)
    return kept


def _write_zip(place: Path, kind: str, library: str, found: Mapping[str, bytes]) -> list[str]:
    _check_zip(place)
    listed = {"kind": kind, "files": {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted({**found, manifest.NAME: json.dumps(listed, indent=1).encode() + b"\n"}.items()):
            archive.writestr(zipfile.ZipInfo(f"{library}/{name}", _EPOCH), content, zipfile.ZIP_DEFLATED)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure(place, error) from error
    write_atomically(place, data.getvalue())
    return []


def _check_zip(place: Path) -> None:
    """InputError where there is something else than a zip of an export, as it was written."""
    if not place.exists() and not place.is_symlink():
        return
    manifest.refuse_listed(place)
    try:
        with zipfile.ZipFile(place) as archive:
            there = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
        hashes = json.loads(there.pop(manifest.NAME))["files"]
        if {name: hashlib.sha256(content).hexdigest() for name, content in there.items()} == hashes:
            return
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, RuntimeError, NotImplementedError):
        pass
    raise InputError(f"'{place}' is there and was not written by dqa export, or was changed", hint="choose another place with -o")
