"""Datasets, in .npz files or in memory, and the mapping from their numbers to a model's float input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import npz
from dqa.data.answers import CLASS_LISTS, Labels, check_y, label_arrays, labels_of_each, read_labels
from dqa.data.entries import Entries
from dqa.data.given import Arrays, opened
from dqa.errors import DataError, RecipeError
from dqa.support.arrays import Array, Float32, Float64, Int64
from dqa.support.settings import Numbers, NumbersByInput

X_TYPES = ("uint8", "int8", "int16", "float32", "float64")
WIDE_TYPES = ("uint16", "int32", "uint32", "int64", "uint64")
CAST_TYPES = ("bool", "float16", *WIDE_TYPES)
"""Types of x that become one of X_TYPES where nothing is lost (see `plain`)."""
KEYS = ("x", "y", "group", *CLASS_LISTS)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and, for evaluation, what they are.

    x      (N, ...) uint8, int8, int16, float32 or float64 (see `plain` for others); N >= 1, all numbers finite; of several inputs their
           values one after the other (`Entries`)
    types  of several inputs: the type of each one's data; empty of one, whose type is that of x
    y      labels, or None: one per sample, whole numbers of any shape (N, ...) or floats; with `group`, also one per group
    group  (N,) int64 or None: the group (clip, file) of each sample; group g has label y[g] if y is per group
    name   where it was read from
    classes  names of the classes that y counts, where y was names; classes_sorted: the order is the alphabet's, the file gives none
    listed   names of classes as the file lists them, whatever y is; None: it lists none
    each     of several outputs, each with labels of its own: these, by place; then y is None (`of_output`)
    """

    x: Array
    y: Array | None = None
    group: Int64 | None = None
    name: str = "data"
    classes: tuple[str, ...] | None = None
    classes_sorted: bool = False
    listed: tuple[str, ...] | None = None
    types: tuple[str, ...] = ()
    each: tuple[Labels, ...] = ()

    def __post_init__(self) -> None:
        _check_header(self.x.dtype, self.x.shape, self.name)
        object.__setattr__(self, "x", plain(self.x, self.name))
        _check_finite(self.x, self.name)
        samples = len(self.x)
        if self.group is not None and self.group.shape != (samples,):
            raise DataError(
                f"{self.name}: 'group' has shape {self.group.shape}, expected ({samples},)", hint="one number for each sample of x"
            )
        for i, y in enumerate([self.y, *(one.y for one in self.each)]):
            if y is not None:
                check_y(y, samples, self.group, self.name if i == 0 else f"{self.name}, labels {i - 1}")

    def __len__(self) -> int:
        return len(self.x)

    def parts(self, entries: Entries) -> list[Array]:
        """The samples of each input (N, *shape), in the type that they came in."""
        types = self.types or (self.x.dtype.name,)
        return [part.astype(name, copy=False) for part, name in zip(entries.split(self.x), types, strict=True)]

    @property
    def names(self) -> tuple[str, ...] | None:
        """Of the classes, by number; None: not known."""
        return self.classes or self.listed

    @property
    def labels_are_per_group(self) -> bool:
        return self.y is not None and self.group is not None and len(self.y) != len(self.x)

    def of_output(self, place: int, name: str) -> Dataset:
        """The dataset with the labels of one output, called `name`; as it is where there are not such of each."""
        if not self.each:
            return self
        own = self.each[place]
        lists = (own.classes, own.classes_sorted, own.listed)
        return Dataset(self.x, own.y, self.group, f"{self.name}, output '{name}'", *lists, self.types)

    def take(self, count: int) -> Dataset:
        """The first `count` samples, all of them if there are fewer."""
        return self._slice(slice(0, max(count, 0)))

    def skip(self, count: int) -> Dataset:
        """All but the first `count` samples."""
        return self._slice(slice(max(count, 0), None))

    def pick(self, numbers: Int64) -> Dataset:
        """The samples of these numbers."""
        return self._slice(numbers)

    def _slice(self, part: slice | Int64) -> Dataset:
        y = self.y if self.y is None or self.labels_are_per_group else self.y[part]
        each = tuple(one.part(part, len(self)) for one in self.each)
        return replace(self, x=self.x[part], y=y, each=each, group=None if self.group is None else self.group[part])


@dataclass(frozen=True, eq=False)
class InputMapping:
    """The model's float input is (x - zero_point) * scale; both float64, () or (channels,); (size,) of several inputs."""

    scale: Float64
    zero_point: Float64

    @classmethod
    def of(cls, scale: float | Sequence[float] = 1.0, zero_point: float | Sequence[float] = 0.0) -> InputMapping:
        """Raises RecipeError if a number is not finite or a scale not positive."""
        s, z = np.asarray(scale, np.float64), np.asarray(zero_point, np.float64)
        if s.ndim > 1 or z.ndim > 1 or not s.size or not z.size or not (np.isfinite(s).all() and np.isfinite(z).all() and (s > 0).all()):
            raise RecipeError(f"input scale {scale} and zero point {zero_point}: expected finite numbers, the scale greater than 0")
        return cls(s, z)

    @classmethod
    def each(cls, entries: Entries, scale: Numbers | NumbersByInput, zero_point: Numbers | NumbersByInput) -> list[InputMapping]:
        """That of each input by itself. Raises RecipeError as `of`, and for numbers of inputs that there are not."""
        found = []
        for place, entry in enumerate(entries.items):
            own = entries.number(place, scale, 1.0, "input scale"), entries.number(place, zero_point, 0.0, "input zero point")
            found.append(cls.of(*own))
            found[-1].check_channels(entry.shape[-1])
        return found

    @classmethod
    def of_all(cls, entries: Entries, scale: Numbers | NumbersByInput, zero_point: Numbers | NumbersByInput) -> InputMapping:
        """That of samples of all inputs (`Entries`). Raises RecipeError as `each`."""
        each = cls.each(entries, scale, zero_point)
        if not entries.several:
            return each[0]
        return cls(entries.spread([one.scale for one in each]), entries.spread([one.zero_point for one in each]))

    def check_channels(self, channels: int) -> None:
        """Raises RecipeError unless each of scale and zero point is one number or one per channel."""
        for what, values in (("scale", self.scale), ("zero point", self.zero_point)):
            if values.ndim and len(values) not in (1, channels):
                raise RecipeError(f"input {what} has {len(values)} numbers, the model's input has {channels} channels")

    def per_channel(self, channels: int) -> tuple[Float64, Float64]:
        """(scale, zero_point), float64 (channels,) each."""
        self.check_channels(channels)
        return np.broadcast_to(self.scale, (channels,)).copy(), np.broadcast_to(self.zero_point, (channels,)).copy()

    def to_float(self, x: Array) -> Float32:
        """The model's input, float32, for samples (N, ..., channels). Raises DataError where it goes beyond float32."""
        self.check_channels(x.shape[-1])
        plain_numbers = x.dtype in (np.uint8, np.int8, np.int16) and not self.scale.ndim and not self.zero_point.ndim
        if plain_numbers and self.zero_point == 0 and self.scale < 1e30:
            return x.astype(np.float32) * np.float32(self.scale)
        with np.errstate(over="ignore", invalid="ignore"):
            real = np.asarray((x - self.zero_point) * self.scale)
        fits = np.abs(real) <= np.finfo(np.float32).max
        if not fits.all():
            bad = int(np.argmin(fits.reshape(len(x), -1).all(axis=1)))
            raise DataError(f"x goes beyond float32 (first in sample {bad})", hint="check x, and the input scale")
        return real.astype(np.float32)


class DataFile:
    """An .npz file whose arrays are not yet unpacked, or arrays in memory: `x`, optionally `y`, `group`, and `classes` or `class_names`;
    others are left alone.

    labels: False: `x` alone, whatever the others are. Raises DataError if the file is missing or damaged, or x has a wrong type or shape.
    Pickles are never read.
    entries: of a model with several inputs; each has an array of its own, `x0`, `x1`, ... or under the input's name.
    outputs: their names; of several, each may have labels of its own, `y0`, `y1`, ... or under the output's name.
    """

    def __init__(
        self, given: Path | str | Arrays, *, labels: bool = True, entries: Entries | None = None, outputs: Sequence[str] = ()
    ) -> None:
        self._entries = entries if entries is not None and entries.several else None
        names = (("x",),) if self._entries is None else tuple(self._entries.keys(KEYS[1:]))
        inputs = [name for pair in names for name in pair]
        self._outputs, self._taken = outputs, (*inputs, "group", *CLASS_LISTS)
        wanted = [*label_arrays(outputs, self._taken), "group"] if labels else []
        self._npz = opened(given, list(dict.fromkeys([*wanted, *inputs])), entries)
        self.name = self._npz.name
        self._keys = [self._key(pair) for pair in names]
        for key in self._keys:
            _check_header(self._npz.headers[key].dtype, self._npz.headers[key].shape, self.name, key)
        self.shape = self._npz.headers[self._keys[0]].shape
        if self._entries is not None:
            self._check_parts(self._entries)

    def _key(self, names: Sequence[str]) -> str:
        """The array of an input, under one of these names."""
        if held := [name for name in names if name in self._npz.headers]:
            return held[0]
        found = ", ".join(self._npz.found[:8]) or "nothing"
        hint = npz.HINT if self._entries is None else f"the model has {len(self._entries.items)} inputs, each with an array of its own"
        raise DataError(f"{self.name}: holds no array {' or '.join(map(repr, dict.fromkeys(names)))} (found: {found})", hint=hint)

    def _check_parts(self, entries: Entries) -> None:
        headers = [self._npz.headers[key] for key in self._keys]
        for key, header, entry in zip(self._keys, headers, entries.items, strict=True):
            _check_shape(self.name, header.shape, (1, *entry.shape), key)
            if len({header.shape[0] for header in headers}) > 1:
                counts = ", ".join(f"{key} {header.shape[0]}" for key, header in zip(self._keys, headers, strict=True))
                raise DataError(
                    f"{self.name}: the inputs differ in their number of samples: {counts}", hint="give one of each for a sample"
                )

    def check_shape(self, input_shape: Sequence[int]) -> None:
        """Raises DataError unless x fits a model's input shape (its batch of 1 included)."""
        if self._entries is None:
            _check_shape(self.name, self.shape, input_shape)

    def load(self) -> Dataset:
        """The dataset. Raises DataError for NaN, infinity and labels that do not fit."""
        given = {key: self._npz.read(key) for key in self._npz.headers if key not in self._keys}
        parts = [self._npz.read(key) for key in self._keys]
        each = labels_of_each(given, self._outputs, self._taken, self.name)
        if self._entries is None:
            return _dataset(self.name, parts[0], given, each)
        for key, part in zip(self._keys, parts, strict=True):
            _check_finite(part, self.name, key)
        parts = [plain(part, self.name) for part in parts]
        x = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        return replace(_dataset(self.name, x, given, each), types=tuple(part.dtype.name for part in parts))


def check_readable(given: Path | str | Arrays) -> None:
    """Raises DataError as DataFile, but for what only a model can tell: which arrays are its inputs."""
    if "x" in (file := opened(given, ())).found or not set(file.found).difference(KEYS):
        DataFile(given, labels=False)


def with_labels(dataset: Dataset, source: Path | str | Arrays, entries: Entries, outputs: Sequence[str] = ()) -> Dataset:
    """The dataset with the labels that its source holds, of outputs of these names; as it is where they are damaged or do not fit."""
    try:
        file = opened(source, [*label_arrays(outputs, taken := KEYS), "group"], entries)
        given = {key: file.read(key) for key in file.headers}
        labelled = _dataset(dataset.name, dataset.x, given, labels_of_each(given, outputs, taken, dataset.name))
        return replace(labelled, types=dataset.types)
    except DataError:
        return dataset


def _dataset(name: str, x: Array, given: Mapping[str, Array], each: tuple[Labels, ...] = ()) -> Dataset:
    own = Labels() if each else read_labels(given, "y", name)
    group = _group_numbers(given.get("group"), name)
    return Dataset(x, own.y, group, name, own.classes, own.classes_sorted, own.listed, each=each)


def load(path: Path | str, *, labels: bool = True) -> Dataset:
    """The dataset in an .npz file: see DataFile."""
    return DataFile(path, labels=labels).load()


def check_shape(dataset: Dataset, input_shape: Sequence[int]) -> None:
    """Raises DataError unless x fits a model's input shape (its batch of 1 included)."""
    _check_shape(dataset.name, dataset.x.shape, input_shape)


def subset(count: int, limit: int) -> Int64:
    """At most `limit` of `count` sample numbers, evenly spread, so that sorted files are represented."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def plain(x: Array, name: str = "data") -> Array:
    """x as one of X_TYPES, nothing lost: bool becomes uint8, float16 float32, wider whole numbers the narrowest of int16, float32, float64.

    Raises DataError for whole numbers that none of them holds; other types are left as they are.
    """
    if x.dtype == np.bool_:
        return x.astype(np.uint8)
    if x.dtype == np.float16:
        return x.astype(np.float32)
    if x.dtype.name not in WIDE_TYPES or not x.size:
        return x
    low, high = int(x.min()), int(x.max())
    if np.iinfo(np.int16).min <= low and high <= np.iinfo(np.int16).max:
        return x.astype(np.int16)
    for dtype, most in ((np.float32, 1 << 24), (np.float64, 1 << 53)):
        if -most <= low and high <= most:
            return x.astype(dtype)
    raise DataError(f"{name}: x goes from {low} to {high}, which is more than float64 holds exactly", hint="scale it down")


def _check_shape(name: str, shape: Sequence[int], input_shape: Sequence[int], key: str = "x") -> None:
    expected, actual = tuple(input_shape[1:]), tuple(shape[1:])
    if actual == expected:
        return
    hint = f"{key} must have shape (N, {', '.join(map(str, expected))})"
    if len(actual) == 3 and len(expected) == 3 and (*actual[1:], actual[0]) == expected:
        hint = f"the channels come last: {key}.transpose(0, 2, 3, 1)"
    elif (*actual, 1) == expected:
        hint = f"a channel dimension is missing: {key}[..., np.newaxis]"
    elif int(np.prod(actual)) == int(np.prod(expected)):
        hint = f"the sizes are equal: {key}.reshape(-1, {', '.join(map(str, expected))}) if the order is right"
    raise DataError(f"{name}: {key} has samples of shape {actual}, the model takes {expected}", hint=hint)


def _check_header(dtype: np.dtype[Any], shape: tuple[int, ...], name: str, key: str = "x") -> None:
    if dtype.name not in (*X_TYPES, *CAST_TYPES):
        raise DataError(
            f"{name}: {key} is {dtype}, expected {', '.join(X_TYPES[:-1])} or {X_TYPES[-1]}", hint=f"convert it with {key}.astype(...)"
        )
    if len(shape) < 2:
        raise DataError(f"{name}: {key} has shape {shape}, expected (N, input shape)", hint="the first dimension counts samples")
    if 0 in shape:
        raise DataError(f"{name}: {key} holds no samples (shape {shape})", hint="give at least one")


def _check_finite(x: Array, name: str, key: str = "x") -> None:
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int(np.argmin(np.isfinite(x).reshape(len(x), -1).all(axis=1)))
        raise DataError(f"{name}: {key} holds NaN or infinity (first in sample {bad})", hint="leave such samples out")


def _group_numbers(group: Array | None, name: str) -> Int64 | None:
    if group is None:
        return None
    if group.dtype.kind in "iu":
        return group.astype(np.int64)
    if group.dtype.kind in "US":
        return np.unique(group, return_inverse=True)[1].astype(np.int64)
    raise DataError(f"{name}: 'group' is {group.dtype}, expected whole numbers or names", hint="one for each sample of x")
