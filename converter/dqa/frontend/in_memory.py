"""Keras models in memory: they are saved, and read as files are, in a process of their own."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from dqa.errors import ModelError
from dqa.support import processes

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
EXPECTED = "a Keras model, or a path: .h5, .keras, a SavedModel directory, .tflite, .onnx or .pt2"


class KerasModel(Protocol):
    """A keras.Model, or one of tf_keras."""

    name: Any

    def save(self, filepath: Any, /) -> None: ...

    def get_config(self) -> Any: ...


ModelSource = str | os.PathLike[str] | KerasModel


@contextmanager
def saved(model: object) -> Iterator[tuple[Path, str]]:
    """A Keras model as a file, for as long as this lasts, and how errors call it. Equal models give equal files.

    Raises ModelError for another object, and for a model that Keras cannot save. No library is imported.
    """
    kind = next((name for name in ("keras", "tf_keras") if _is_model(model, name)), None)
    if kind is None:
        what = f"{type(model).__module__}.{type(model).__name__}"
        raise ModelError(f"model: expected {EXPECTED}, got {what}", hint="a network of another library can be exported to one of these")
    name = f"Keras model '{getattr(model, 'name', 'model')}'"
    with processes.folder() as folder:
        path = folder / ("model.keras" if kind == "keras" else "model.h5")
        try:
            save_undated(model, path) if kind == "keras" else model.save(path)  # type: ignore[attr-defined]
        except Exception as error:  # of Keras or of a layer's own code
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(
                f"{name}: Keras cannot save it: {reason}", hint="build it of layers of Keras, its input of a fixed size"
            ) from error
        yield path, name


def save_undated(model: Any, place: Path) -> None:
    """Writes a .keras file without date, so that the same weights give the same bytes."""
    dated = place.with_name(f"dated-{place.name}")
    model.save(dated)
    with zipfile.ZipFile(dated) as archive, zipfile.ZipFile(place, "w") as out:
        for member in sorted(archive.namelist()):
            content = archive.read(member)
            if member == "metadata.json":
                content = json.dumps({"keras_version": json.loads(content)["keras_version"]}).encode()
            out.writestr(zipfile.ZipInfo(member, _ZIP_DATE), content, zipfile.ZIP_STORED)
    dated.unlink()


def _is_model(model: object, library: str) -> bool:
    """Whether it is a model of a library, which is then imported already."""
    kind = getattr(sys.modules.get(library), "Model", None)
    return isinstance(kind, type) and isinstance(model, kind)
