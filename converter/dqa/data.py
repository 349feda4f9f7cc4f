"""Datasets as .npz files, and the mapping from their numbers to a model's float input."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.lib.format
import numpy.typing as npt

from dqa.errors import DataError, RecipeError

Float32 = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

X_TYPES = ("uint8", "int8", "int16", "float32", "float64")
MAX_BYTES = 8 << 30
NPZ_HINT = "write it with numpy: np.savez_compressed('data.npz', x=..., y=...)"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and, for evaluation, what they are.

    x      (N, ...) uint8, int8, int16, float32 or float64; N >= 1, all numbers finite
    y      labels, or None: one per sample, whole numbers of any shape (N, ...) or floats; with `group`, also one per group
    group  (N,) int64 or None: the group (clip, file) of each sample; group g has label y[g] if y is per group
    name   where it was read from
    """

    x: Array
    y: Array | None = None
    group: npt.NDArray[np.int64] | None = None
    name: str = "data"

    def __post_init__(self) -> None:
        _check_x(self.x, self.name)
        samples = len(self.x)
        if self.group is not None and self.group.shape != (samples,):
            raise DataError(
                f"{self.name}: 'group' has shape {self.group.shape}, expected ({samples},)", hint="one number for each sample of x"
            )
        if self.y is not None:
            _check_y(self.y, samples, self.group, self.name)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labels_are_per_group(self) -> bool:
        return self.y is not None and self.group is not None and len(self.y) != len(self.x)

    def take(self, count: int) -> Dataset:
        """The first `count` samples, all of them if there are fewer."""
        return self._slice(slice(0, max(count, 0)))

    def skip(self, count: int) -> Dataset:
        """All but the first `count` samples."""
        return self._slice(slice(max(count, 0), None))

    def _slice(self, part: slice) -> Dataset:
        y = self.y if self.y is None or self.labels_are_per_group else self.y[part]
        return Dataset(self.x[part], y, None if self.group is None else self.group[part], self.name)


@dataclass(frozen=True, eq=False)
class InputMapping:
    """The model's float input is (x - zero_point) * scale; both float64, () or (channels,)."""

    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.float64]

    @classmethod
    def of(cls, scale: float | Sequence[float] = 1.0, zero_point: float | Sequence[float] = 0.0) -> InputMapping:
        """Raises RecipeError if a number is not finite or a scale not positive."""
        s, z = np.asarray(scale, np.float64), np.asarray(zero_point, np.float64)
        if s.ndim > 1 or z.ndim > 1 or not s.size or not z.size or not (np.isfinite(s).all() and np.isfinite(z).all() and (s > 0).all()):
            raise RecipeError(f"input scale {scale} and zero point {zero_point}: expected finite numbers, the scale greater than 0")
        return cls(s, z)

    def check_channels(self, channels: int) -> None:
        """Raises RecipeError unless each of scale and zero point is one number or one per channel."""
        for what, values in (("scale", self.scale), ("zero point", self.zero_point)):
            if values.ndim and len(values) not in (1, channels):
                raise RecipeError(f"input {what} has {len(values)} numbers, the model's input has {channels} channels")

    def per_channel(self, channels: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(scale, zero_point), float64 (channels,) each."""
        self.check_channels(channels)
        return np.broadcast_to(self.scale, (channels,)).copy(), np.broadcast_to(self.zero_point, (channels,)).copy()

    def to_float(self, x: Array) -> Float32:
        """The model's input, float32, for samples (N, ..., channels)."""
        self.check_channels(x.shape[-1])
        if x.dtype in (np.uint8, np.int8, np.int16) and not self.scale.ndim and not self.zero_point.ndim and self.zero_point == 0:
            return x.astype(np.float32) * np.float32(self.scale)
        return np.asarray((x - self.zero_point) * self.scale, np.float32)


def load(path: Path) -> Dataset:
    """The dataset in an .npz file: `x`, optionally `y` and `group`; other arrays are left alone.

    Raises DataError if the file is missing or damaged, or an array has a wrong type or shape, NaN or infinity. Pickles are never read.
    """
    path = Path(path)
    name = str(path)
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "no such file"
        raise DataError(f"{name}: {what}", hint=NPZ_HINT)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {key: _read(archive, key, name) for key in ("x", "y", "group") if f"{key}.npy" in archive.namelist()}
            found = [entry.removesuffix(".npy") for entry in archive.namelist()]
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{name}: does not fit in memory", hint="give fewer samples") from error
    except Exception as error:  # zlib, lzma, bz2, struct and OS errors of a damaged archive
        raise DataError(f"{name}: is not an .npz file or is damaged: {_first_line(error)}", hint=NPZ_HINT) from error
    if "x" not in arrays:
        raise DataError(f"{name}: holds no array 'x' (found: {', '.join(found[:8]) or 'nothing'})", hint=NPZ_HINT)
    return Dataset(arrays["x"], arrays.get("y"), _group_numbers(arrays.get("group"), name), name)


def check_shape(dataset: Dataset, input_shape: Sequence[int]) -> None:
    """Raises DataError unless x fits a model's input shape (its batch of 1 included)."""
    expected, actual = tuple(input_shape[1:]), dataset.x.shape[1:]
    if actual == expected:
        return
    hint = f"x must have shape (N, {', '.join(map(str, expected))})"
    if len(actual) == 3 and len(expected) == 3 and (*actual[1:], actual[0]) == expected:
        hint = "the channels come last: x.transpose(0, 2, 3, 1)"
    elif (*actual, 1) == expected:
        hint = "a channel dimension is missing: x[..., np.newaxis]"
    elif int(np.prod(actual)) == int(np.prod(expected)):
        hint = f"the sizes are equal: x.reshape(-1, {', '.join(map(str, expected))}) if the order is right"
    raise DataError(f"{dataset.name}: x has samples of shape {actual}, the model takes {expected}", hint=hint)


def _read(archive: zipfile.ZipFile, key: str, name: str) -> Array:
    with archive.open(f"{key}.npy") as member:
        version = numpy.lib.format.read_magic(member)
        header = numpy.lib.format.read_array_header_1_0 if version == (1, 0) else numpy.lib.format.read_array_header_2_0
        shape, _, dtype = header(member)
    if dtype.hasobject:
        raise DataError(f"{name}: '{key}' holds Python objects, which are never read", hint="save arrays of numbers")
    size = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if size > MAX_BYTES:
        raise DataError(f"{name}: '{key}' unpacks to {size} bytes", hint=f"give at most {MAX_BYTES >> 30} GiB")
    with archive.open(f"{key}.npy") as member:
        return np.asarray(numpy.lib.format.read_array(member, allow_pickle=False))


def _check_x(x: Array, name: str) -> None:
    if x.dtype.name not in X_TYPES:
        raise DataError(
            f"{name}: x is {x.dtype}, expected {', '.join(X_TYPES[:-1])} or {X_TYPES[-1]}", hint="convert it with x.astype(...)"
        )
    if x.ndim < 2:
        raise DataError(f"{name}: x has shape {x.shape}, expected (N, input shape)", hint="the first dimension counts samples")
    if x.size == 0:
        raise DataError(f"{name}: x holds no samples (shape {x.shape})", hint="give at least one")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int(np.argmin(np.isfinite(x).reshape(len(x), -1).all(axis=1)))
        raise DataError(f"{name}: x holds NaN or infinity (first in sample {bad})", hint="leave such samples out")


def _check_y(y: Array, samples: int, group: npt.NDArray[np.int64] | None, name: str) -> None:
    if y.dtype.kind not in "iufb":
        raise DataError(f"{name}: y is {y.dtype}, expected numbers", hint="labels are whole numbers from 0")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(f"{name}: y holds NaN or infinity")
    if y.ndim and len(y) == samples:
        return
    if group is None:
        raise DataError(
            f"{name}: y has shape {y.shape}, expected {samples} labels, one for each sample", hint="labels per group need an array 'group'"
        )
    if y.ndim != 1 or group.min() < 0 or group.max() >= len(y):
        raise DataError(
            f"{name}: y has shape {y.shape}, 'group' goes from {group.min()} to {group.max()}",
            hint="labels per group: sample i has label y[group[i]]",
        )


def _group_numbers(group: Array | None, name: str) -> npt.NDArray[np.int64] | None:
    if group is None:
        return None
    if group.dtype.kind in "iu":
        return group.astype(np.int64)
    if group.dtype.kind in "US":
        return np.unique(group, return_inverse=True)[1].astype(np.int64)
    raise DataError(f"{name}: 'group' is {group.dtype}, expected whole numbers or names", hint="one for each sample of x")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
