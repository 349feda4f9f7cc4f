"""Looks into Keras files before Keras does, and leaves a copy that holds only what was looked at.

Imports h5py but not TensorFlow. The HDF5 library may crash on a hostile file: call this in a process of its own.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from dqa.errors import ModelError
from dqa.frontend.keras_config import check_config, clean_config
from dqa.frontend.limits import MAX_CONFIG_BYTES, MAX_MODEL_BYTES

DAMAGED = "the file is damaged or incomplete; save or download it again"
SAVE_AGAIN = "save it again with model.save(...)"
TOO_LARGE = f"models of up to {MAX_MODEL_BYTES >> 20} MiB are converted"
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}


def clean_archive(path: Path, name: str) -> Any:
    """The configuration of a .keras file, which is rewritten with that configuration and its weights alone.

    Raises ModelError, calling the file `name`, for anything but plain layers and weights.
    """
    weights = path.with_suffix(".weights.h5")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if strange := sorted(set(sizes) - MEMBERS):
                raise ModelError(f"{name}: holds '{strange[0]}', which a .keras file of plain layers does not", hint=SAVE_AGAIN)
            if missing := sorted(MEMBERS - set(sizes)):
                raise ModelError(f"{name}: is not a .keras file: '{missing[0]}' is missing", hint=DAMAGED)
            if sizes["config.json"] > MAX_CONFIG_BYTES or sum(sizes.values()) > MAX_MODEL_BYTES:
                raise ModelError(f"{name}: unpacks to {sum(sizes.values())} bytes", hint=TOO_LARGE)
            config = json.loads(archive.read("config.json"))
            weights.write_bytes(archive.read("model.weights.h5"))
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RecursionError, NotImplementedError) as error:
        raise ModelError(f"{name}: damaged .keras file: {first_line(error)}", hint=DAMAGED) from error
    check_config(config, name)
    clean_config(config)
    check_hdf5(weights, name)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    return config


def clean_hdf5(path: Path, name: str) -> Any:
    """The configuration of a .h5 file, which is changed to hold that configuration and no training state. Raises ModelError as above."""
    import h5py

    check_hdf5(path, name)
    try:
        with h5py.File(path, "r+") as file:
            if "model_config" not in file.attrs:
                raise ModelError(f"{name}: holds weights but no model", hint="save the whole model with model.save('model.h5')")
            text = file.attrs["model_config"]
            config = json.loads(text)
            check_config(config, name)
            file.attrs["model_config"] = json.dumps(clean_config(config))
            file.attrs.pop("training_config", None)
    except (OSError, ValueError, KeyError, RuntimeError, RecursionError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {first_line(error)}", hint=DAMAGED) from error
    return config


def check_hdf5(path: Path, name: str) -> None:
    """Refuses links to other files, data kept in other files, and more data than a model may have."""
    import h5py

    total = 0
    pending = ["/"]
    try:
        with h5py.File(path, "r") as file:
            seen = set()
            while pending:
                group = file[pending.pop()]
                if group.id in seen:
                    continue
                seen.add(group.id)
                for key in group:
                    link = group.get(key, getlink=True)
                    if not isinstance(link, h5py.HardLink):
                        raise ModelError(f"{name}: holds a link ('{key}') to other data", hint=SAVE_AGAIN)
                    item = group[key]
                    if isinstance(item, h5py.Group):
                        pending.append(item.name)
                    elif isinstance(item, h5py.Dataset):
                        if item.external or item.is_virtual:
                            raise ModelError(f"{name}: dataset '{item.name}' lies in another file", hint=SAVE_AGAIN)
                        total += item.size * item.dtype.itemsize
            if total > MAX_MODEL_BYTES:
                raise ModelError(f"{name}: holds {total} bytes of weights", hint=TOO_LARGE)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {first_line(error)}", hint=DAMAGED) from error


def first_line(error: BaseException) -> str:
    """The first telling line of an exception, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
