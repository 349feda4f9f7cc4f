"""What a model's outputs are compared with: one array of labels `y`, or one for each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from dqa.data.labels import class_names, class_numbers
from dqa.errors import DataError, RecipeError
from dqa.support.arrays import Array, Int64

T = TypeVar("T")
CLASS_LISTS = ("classes", "class_names")


@dataclass(frozen=True, eq=False)
class Labels:
    """y: labels of the samples, as in Dataset. classes: names of the classes that y counts, where y was names; classes_sorted: the order
    is the alphabet's, the file gives none. listed: names of classes as the file lists them, whatever y is; None: it lists none."""

    y: Array | None = None
    classes: tuple[str, ...] | None = None
    classes_sorted: bool = False
    listed: tuple[str, ...] | None = None

    def part(self, which: slice | Int64, samples: int) -> Labels:
        """Those of some of `samples` samples; labels of groups, which are fewer or more, stay."""
        return self if self.y is None or len(self.y) != samples else replace(self, y=self.y[which])


def read_labels(arrays: Mapping[str, Array], key: str, name: str) -> Labels:
    """Labels in the array `key` of a file, and their lists of classes. Raises DataError for lists that differ, or do not fit."""
    lists = {one: arrays[one] for one in class_lists(key) if one in arrays}
    if len({str(one.tolist()) for one in lists.values()}) > 1:
        raise DataError(f"{name}: {' and '.join(map(repr, lists))} list different classes", hint="give one of them")
    listed = next(iter(lists.values()), None)
    y, classes = class_numbers(arrays.get(key), listed, name)
    return Labels(y, classes, listed is None and classes is not None, class_names(listed))


def class_lists(key: str) -> tuple[str, ...]:
    """The arrays that may list the classes of labels: classes of y, classes0 of y0, classes_NAME of those under an output's name."""
    if key == "y":
        return CLASS_LISTS
    end = key[1:] if key[0] == "y" and key[1:].isdecimal() else f"_{key}"
    return tuple(f"{one}{end}" for one in CLASS_LISTS)


def label_keys(outputs: Sequence[str], taken: Sequence[str]) -> list[tuple[str, ...]]:
    """Under what the labels of each of several outputs are found: y0, y1, ..., and its name, unless that is one of `taken`."""
    if len(outputs) < 2:
        return []
    return [tuple(dict.fromkeys([f"y{i}", *({name}.difference(taken))])) for i, name in enumerate(outputs)]


def label_arrays(outputs: Sequence[str], taken: Sequence[str]) -> list[str]:
    """All arrays that hold labels or list classes, of a model with these outputs."""
    keys = ["y", *(key for names in label_keys(outputs, taken) for key in names)]
    return list(dict.fromkeys(one for key in keys for one in (key, *class_lists(key))))


def labels_of_each(arrays: Mapping[str, Array], outputs: Sequence[str], taken: Sequence[str], name: str) -> tuple[Labels, ...]:
    """The labels of each output, where any has an array of its own; else nothing. Raises DataError as `read_labels`, for two of one output,
    and for `y` beside them."""
    found = [[key for key in names if key in arrays] for names in label_keys(outputs, taken)]
    if not any(found):
        return ()
    if twice := next((keys for keys in found if len(keys) > 1), None):
        raise DataError(f"{name}: {' and '.join(map(repr, twice))} are labels of the same output", hint="give one of them")
    if "y" in arrays and ["y"] not in found:
        first = next(keys[0] for keys in found if keys)
        raise DataError(f"{name}: holds 'y' and '{first}'", hint="give y alone, or labels for each output")
    return tuple(read_labels(arrays, keys[0], name) if keys else Labels() for keys in found)


def of_output(given: T | Mapping[str, T] | None, outputs: Sequence[str], place: int, what: str) -> T | None:
    """What a setting, one for all outputs or each under its name or y0, y1, ..., says of an output; None: nothing.

    Raises RecipeError for the name of none, and for one given twice.
    """
    if not isinstance(given, Mapping):
        return given
    names = [tuple(dict.fromkeys((f"y{i}", name))) for i, name in enumerate(outputs)]
    if strange := [name for name in given if not any(name in own for own in names)]:
        raise RecipeError(f"{what}: the model has no output '{strange[0]}'", hint=f"its outputs: {', '.join(outputs)}")
    found = [given[name] for name in names[place] if name in given]
    if len(found) > 1:
        raise RecipeError(f"{what} of output '{outputs[place]}' is given twice")
    return found[0] if found else None


def check_y(y: Array, samples: int, group: Int64 | None, name: str) -> None:
    """Raises DataError unless y holds finite numbers, one for each sample or, with `group`, for each group."""
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
    if not y.ndim or group.min() < 0 or group.max() >= len(y):
        raise DataError(
            f"{name}: y has shape {y.shape}, 'group' goes from {group.min()} to {group.max()}",
            hint="labels per group: sample i has label y[group[i]]",
        )
