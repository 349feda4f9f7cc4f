"""Looks into Keras files before Keras does: their configuration, and a file of weights that holds nothing else.

Imports h5py but not TensorFlow. The HDF5 library may crash on a hostile file: call this in a process of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
import zlib
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from dqa.errors import ModelError
from dqa.frontend.keras_config import check_config
from dqa.frontend.limits import MAX_CONFIG_BYTES, MAX_EXPANSION, MAX_MODEL_BYTES, SMALL_BYTES

DAMAGED = "the file is damaged or incomplete; save or download it again"
SAVE_AGAIN = "save it again with model.save(...)"
TOO_LARGE = f"models of up to {MAX_MODEL_BYTES >> 20} MiB are converted"
KERAS_2_LAYERS = "_layer_checkpoint_dependencies"
_BFLOAT16 = np.dtype("V2")
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}


def read_archive(path: Path, weights: Path, name: str) -> tuple[Any, int]:
    """The configuration of a .keras file and the number of weights it holds, which are written to the file `weights`.

    Raises ModelError, calling the file `name`, for anything but a configuration and weights.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if missing := sorted(MEMBERS - set(sizes)):
                raise ModelError(f"{name}: is not a .keras file: '{missing[0]}' is missing", hint=DAMAGED)
            if sizes["config.json"] > MAX_CONFIG_BYTES or _too_large(sum(sizes.values()), path.stat().st_size):
                raise ModelError(f"{name}: unpacks to {sum(sizes.values())} bytes", hint=TOO_LARGE)
            config = json.loads(archive.read("config.json"))
            check_config(config, name)  # names the layer that other members belong to
            if strange := sorted(set(sizes) - MEMBERS):
                raise ModelError(f"{name}: holds '{strange[0]}', which a .keras file of plain layers does not", hint=SAVE_AGAIN)
            with archive.open("model.weights.h5") as packed, weights.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RecursionError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{name}: damaged .keras file: {first_line(error)}", hint=DAMAGED) from error
    held = check_hdf5(weights, name)
    try:
        _number_without_gaps(weights)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{name}: damaged .keras file: {first_line(error)}", hint=DAMAGED) from error
    return config, held


def read_hdf5(path: Path, name: str) -> tuple[Any, int]:
    """The configuration of a .h5 file and the number of weights it holds, which are made float32 in it where Keras could not read them.

    Raises ModelError as above.
    """
    import h5py

    held = check_hdf5(path, name)
    try:
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ModelError(f"{name}: holds weights but no model", hint="save the whole model with model.save('model.h5')")
            text = file.attrs["model_config"]
            if len(text) > MAX_CONFIG_BYTES:
                raise ModelError(f"{name}: its configuration has {len(text)} bytes", hint=TOO_LARGE)
            config = json.loads(text)
        _widen_bfloat16(path)
        return config, held
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {first_line(error)}", hint=DAMAGED) from error


def _widen_bfloat16(path: Path) -> None:
    """Makes float32 of bfloat16: HDF5 knows no such type, so that Keras writes two bytes without a meaning, which it cannot read."""
    import h5py

    with h5py.File(path, "r+") as file:
        found: list[str] = []
        file.visititems(lambda key, item: found.append(key) if isinstance(item, h5py.Dataset) and item.dtype == _BFLOAT16 else None)
        for key in found:
            bits = np.asarray(file[key][()]).view(np.uint16)
            del file[key]
            file[key] = (bits.astype(np.uint32) << 16).view(np.float32)


def _number_without_gaps(weights: Path) -> None:
    """Names the layers of an archive of Keras 2.12 as Keras 3 does.

    2.12 counted each layer with weights twice (dense, dense_2, dense_4), Keras 3 asks for dense, dense_1, dense_2.
    """
    import h5py

    with h5py.File(weights, "r+") as file:
        waiting, seen = [file], set()
        while waiting:
            layers = waiting.pop().get(KERAS_2_LAYERS)
            if not isinstance(layers, h5py.Group) or layers.id in seen:
                continue
            seen.add(layers.id)
            numbers = sorted((found[1], int(found[2] or 0)) for key in layers if (found := re.match(r"(.*?)(?:_(\d+))?$", key)))
            for kind, group in groupby(numbers, key=lambda pair: pair[0]):
                for place, (_, number) in enumerate(group):
                    if 0 < place < number:
                        layers.move(f"{kind}_{number}", f"{kind}_{place}")
            waiting += [item for item in layers.values() if isinstance(item, h5py.Group)]


def _too_large(unpacked: int, packed: int) -> bool:
    return unpacked > MAX_MODEL_BYTES or unpacked > max(SMALL_BYTES, MAX_EXPANSION * packed)


def check_hdf5(path: Path, name: str) -> int:
    """The number of weights in an HDF5 file.

    Raises ModelError for links to other data, data kept in other files, and more data than a model or a file of this size may have.
    """
    import h5py

    total = held = 0
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
                        held += item.size
            if _too_large(total, path.stat().st_size):
                raise ModelError(f"{name}: holds {total} bytes of weights", hint=TOO_LARGE)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise ModelError(f"{name}: damaged HDF5 file: {first_line(error)}", hint=DAMAGED) from error
    return int(held)


def first_line(error: BaseException) -> str:
    """The first telling line of an exception, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
