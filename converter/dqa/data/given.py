"""Samples as Python programs have them: arrays, frames, data sets of TensorFlow; none of those libraries is imported here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dqa.data.entries import Entries
from dqa.data.npz import Header, Npz
from dqa.errors import DataError
from dqa.support import manifest
from dqa.support.arrays import Array
from dqa.support.limits import MAX_ENDS

EXPECTED = "a path of an .npz, an array of samples, (x, y), a dictionary of arrays, a frame of numbers, or a tf.data.Dataset"


class Frame(Protocol):
    """A frame or series of pandas, or of a library like it."""

    def to_numpy(self) -> Array: ...


class Elements(Protocol):
    """A tf.data.Dataset."""

    @property
    def element_spec(self) -> Any: ...

    def as_numpy_iterator(self) -> Iterable[Any]: ...


Samples = str | os.PathLike[str] | Array | Frame | Elements | Mapping[str, Any] | Sequence[Any]
"""What `source` takes."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """Arrays in memory, under the names that they would have in an .npz. name: how errors call them.

    batched: their first dimension may count batches, the second samples: only a model's input tells. wanted: those to read; None: all.
    """

    arrays: Mapping[str, Array]
    name: str = "data"
    batched: bool = False
    wanted: Sequence[str] | None = None

    @property
    def found(self) -> list[str]:
        return list(self.arrays)

    @property
    def headers(self) -> dict[str, Header]:
        held = self.arrays.items()
        return {key: Header(array.shape, array.dtype) for key, array in held if self.wanted is None or key in self.wanted}

    def read(self, key: str) -> Array:
        return self.arrays[key]

    def of(self, entries: Entries) -> Arrays:
        """The same, the first dimension counting samples of these inputs."""
        keys = zip(entries.keys() if entries.several else [("x",)], entries.items, strict=True)
        ranks = [(self.arrays[key].ndim, len(entry.shape) + 2) for names, entry in keys for key in names if key in self.arrays]
        if not self.batched or not ranks or any(rank != with_batches for rank, with_batches in ranks):
            return self
        joined = {key: array.reshape(-1, *array.shape[2:]) for key, array in self.arrays.items()}
        return replace(self, arrays=joined, batched=False)

    def sha256(self) -> str:
        """Of names, types, shapes and numbers."""
        digest = hashlib.sha256()
        for key, array in sorted(self.arrays.items()):
            digest.update(f"{key} {array.dtype.str} {array.shape}\0".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


Source = Path | Arrays


def source(given: Samples | Source, name: str) -> Source:
    """Samples of any kind, as the readers of this package take them (see EXPECTED).

    A tuple is x, or x and labels y; a list of arrays are the inputs of a model with several, as in Keras; a dictionary has the names of an
    .npz. name: how errors call them. Raises DataError for anything else.
    """
    if isinstance(given, Path | Arrays):
        return given
    if isinstance(given, str | os.PathLike):
        return Path(given)
    if hasattr(given, "as_numpy_iterator") and hasattr(given, "element_spec"):
        return _of_elements(given, name)
    if isinstance(given, Mapping) and not hasattr(given, "to_numpy"):
        return Arrays(_named(given, name), name)
    if isinstance(given, tuple):
        if len(given) not in (1, 2):
            raise DataError(f"{name}: expected (x, y), got a tuple of {len(given)}", hint="inputs of a model with several are a list")
        labels = _ends(given[1], name, "y") if len(given) == 2 and given[1] is not None else {}
        return Arrays(_ends(given[0], name, "x") | labels, name)
    return Arrays(_ends(given, name, "x"), name)


def opened(given: Path | str | Arrays, wanted: Sequence[str], entries: Entries | None = None) -> Npz | Arrays:
    """What holds the arrays. Raises DataError as Npz."""
    if not isinstance(given, Arrays):
        return Npz(Path(given), wanted)
    return replace(given if entries is None else given.of(entries), wanted=wanted)


def sha256(given: Source) -> str:
    """Of the file, or of the arrays. Hexadecimal."""
    return given.sha256() if isinstance(given, Arrays) else manifest.sha256(given)


def _ends(given: Any, name: str, letter: str) -> dict[str, Array]:
    """Samples of the model's inputs, x, or labels of its outputs, y: of several x0, x1, ..."""
    if isinstance(given, Mapping) and not hasattr(given, "to_numpy"):
        return _named(given, name)
    if isinstance(given, list) and given and all(hasattr(part, "shape") and part.shape for part in given):
        if len(given) > MAX_ENDS:
            what = "inputs" if letter == "x" else "outputs"
            raise DataError(f"{name}: a list of {len(given)} arrays are so many {what}", hint="samples are one array: numpy.stack(samples)")
        keys = [letter] if len(given) == 1 else [f"{letter}{place}" for place in range(len(given))]
        return {key: _array(part, f"{name}: {key}") for key, part in zip(keys, given, strict=True)}
    return {letter: _array(given, f"{name}: {letter}")}


def _named(given: Mapping[Any, Any], name: str) -> dict[str, Array]:
    if strange := [key for key in given if not isinstance(key, str)]:
        raise DataError(f"{name}: expected names and arrays, got the name {strange[0]!r:.40}", hint="for example {'x': x, 'y': y}")
    return {key: _array(value, f"{name}: {key}") for key, value in given.items()}


def _array(given: Any, what: str) -> Array:
    """An array in this machine's byte order; text as text. Raises DataError for what is none."""
    if given is None or isinstance(given, str | bytes | int | float | bool):
        raise DataError(f"{what}: expected an array of samples, got {given!r:.40}", hint=f"data are {EXPECTED}")
    try:
        array = np.asarray(given.to_numpy() if hasattr(given, "to_numpy") else given)
    except Exception as error:  # of whatever library made it: ragged lists, tensors of another device
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise DataError(f"{what}: {type(given).__name__} is no array: {reason}", hint=f"data are {EXPECTED}") from error
    if array.dtype.kind == "O":
        if not array.size or not all(isinstance(item, str) for item in array.reshape(-1)):
            raise DataError(f"{what}: {_objects(given)}, expected numbers", hint="convert it, for example with .astype('float32')")
        array = array.astype(str)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")) if array.ndim else array


def _objects(given: Any) -> str:
    """What in an array of Python objects is no number."""
    dtypes = getattr(given, "dtypes", None)
    if dtypes is not None and hasattr(given, "columns"):
        names = [f"'{column}' ({dtype})" for column, dtype in zip(given.columns, dtypes, strict=True) if str(dtype)[:3] not in _PLAIN]
        if names:
            return f"a frame with columns that are not plain numbers: {', '.join(names[:4])}"
    return f"{type(given).__name__} of Python objects" if not isinstance(given, list | tuple) else "a list whose parts differ in shape"


_PLAIN = ("int", "uin", "flo", "boo")
"""How numpy's names for types of numbers begin."""


def _of_elements(given: Any, name: str) -> Arrays:
    """A tf.data.Dataset, batched or not, of x or (x, y); weights are left out. Raises DataError for one without an end."""
    spec = given.element_spec
    cardinality = getattr(given, "cardinality", None)
    if cardinality is not None and int(cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise DataError(f"{name}: the data set has no end", hint="give a part of it: data.take(100)")
    pair = isinstance(spec, tuple)
    if pair and len(spec) not in (1, 2, 3):
        raise DataError(f"{name}: its elements are tuples of {len(spec)}, expected x or (x, y)", hint="data.map(lambda ...: (x, y))")
    parts: dict[str, list[Array]] = {}
    for element in given.as_numpy_iterator():
        x, y = (element[0], element[1] if len(element) > 1 else None) if pair else (element, None)
        labels = {} if y is None else _ends(list(y) if isinstance(y, tuple) else y, name, "y")
        for key, array in (_ends(list(x) if isinstance(x, tuple) else x, name, "x") | labels).items():
            parts.setdefault(key, []).append(array)
    if not parts:
        raise DataError(f"{name}: the data set is empty", hint="give at least one sample")
    shape = _leaf(spec[0] if pair else spec).shape
    open_batches = shape.rank is None or (shape.rank > 0 and shape[0] is None)
    join = np.concatenate if open_batches else np.stack
    try:
        joined = {key: join(arrays) for key, arrays in parts.items()}
    except ValueError as error:
        raise DataError(f"{name}: the samples of the data set differ in shape", hint="give all the model's input shape") from error
    return Arrays(joined, name, batched=not open_batches)


def _leaf(spec: Any) -> Any:
    """The first tensor of a structure."""
    while isinstance(spec, Mapping | tuple | list):
        spec = next(iter(spec.values())) if isinstance(spec, Mapping) else spec[0]
    return spec
