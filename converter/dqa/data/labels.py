"""Labels as users have them: class numbers, one-hot, or names of classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.errors import DataError
from dqa.support.arrays import Array


def class_numbers(y: Array | None, listed: Array | None, name: str) -> tuple[Array | None, tuple[str, ...] | None]:
    """Labels that are names as class numbers, and the names by number; other labels as they are, and None.

    listed: the names in the order of the model's outputs, or None: then the order of the sorted names; names that are whole numbers count
    as these. Raises DataError for a name that is not listed, and a list that is none.
    """
    if y is None or y.dtype.kind not in "US":
        return y, None
    labels = _text(y)
    if listed is None:
        if labels.size and np.char.isdecimal(labels).all() and np.char.str_len(labels).max() < 10:
            return labels.astype(np.int64), None
        names, numbers = np.unique(labels, return_inverse=True)
        return numbers.reshape(y.shape).astype(np.int64), tuple(names.tolist())
    if listed.dtype.kind not in "US" or listed.ndim != 1 or len(np.unique(listed)) != len(listed):
        raise DataError(f"{name}: the list of classes is not one of different names", hint="for example classes=['cat', 'dog']")
    order = _text(listed)
    if not (known := np.isin(labels, order)).all():
        raise DataError(f"{name}: y holds '{labels[~known][0]}', which is not in the list of classes", hint="list every class once")
    places = np.argsort(order)
    return places[np.searchsorted(order, labels, sorter=places)].astype(np.int64), tuple(order.tolist())


def class_names(listed: Array | None) -> tuple[str, ...] | None:
    """A list of classes as text; None where it is none of names."""
    if listed is None or listed.ndim != 1 or listed.dtype.kind not in "US":
        return None
    return tuple(_text(listed).tolist())


def is_one_hot(y: Array) -> bool:
    """Whether y (..., C) has a single 1 in the last dimension everywhere, and 0 beside it."""
    return bool(y.ndim > 1 and y.shape[-1] > 1 and y.size and np.isin(y, (0, 1)).all() and (y.sum(axis=-1) == 1).all())


def _text(names: Array) -> npt.NDArray[np.str_]:
    return np.char.decode(names, "utf-8", "replace") if names.dtype.kind == "S" else names
