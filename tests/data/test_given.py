"""Samples in memory, of every form that Python programs have them in, become the arrays of an .npz."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dqa.data.dataset import DataFile
from dqa.data.entries import Entries, Entry
from dqa.data.given import Arrays, sha256, source
from dqa.errors import DataError

X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.arange(8) % 2
ONE = Entries((Entry("x", (3,)),))
TWO = Entries((Entry("left", (3,)), Entry("right", (2,))))


class Frame:
    """What pandas has that is looked at."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns, values = list(columns), [np.asarray(values) for values in columns.values()]
        self.dtypes = [one.dtype for one in values]
        self._array = np.stack([one.astype(object) if any(v.dtype == object for v in values) else one for one in values], axis=1)

    def to_numpy(self) -> np.ndarray:
        return self._array


class Elements:
    """What a tf.data.Dataset has that is looked at."""

    def __init__(self, elements: Iterable[Any], *shapes: tuple[int | None, ...], cardinality: int = 3) -> None:
        specs = [SimpleNamespace(shape=Shape(shape)) for shape in shapes]
        self.elements, self.element_spec = list(elements), tuple(specs) if len(specs) > 1 else specs[0]
        self.cardinality = lambda: cardinality

    def as_numpy_iterator(self) -> Iterable[Any]:
        return iter(self.elements)


class Shape(tuple[int | None, ...]):
    @property
    def rank(self) -> int:
        return len(self)


def read(given: Any, entries: Entries = ONE) -> tuple[np.ndarray, np.ndarray | None]:
    file = DataFile(source(given, "data"), entries=entries)
    file.check_shape(entries.shape)
    dataset = file.load()
    return dataset.x, dataset.y


@pytest.mark.parametrize(
    "given",
    [
        (X, Y),
        [X],
        {"x": X, "y": Y},
        X.tolist(),
        (X.tolist(), Y.tolist()),
        X.astype(">f4"),
        Frame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}),
        (Frame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}), np.array(["0", "1"] * 4, object)),
        Elements(zip(X, Y, strict=True), (3,), ()),
        Elements([(X[:5], Y[:5]), (X[5:], Y[5:])], (None, 3), (None,)),
        Elements([X[:4], X[4:]], (4, 3)),  # x alone, batches of one size
        Elements([(X[:4], Y[:4], np.ones(4)), (X[4:], Y[4:], np.ones(4))], (4, 3), (4,), (4,)),  # with weights
    ],
)
def test_every_form_gives_the_same_samples(given: Any) -> None:
    x, y = read(given)
    np.testing.assert_array_equal(x, X)
    assert y is None or np.array_equal(y, Y)


def test_inputs_of_a_model_with_several_are_a_list_or_have_names() -> None:
    left, right = X, X[:, :2]
    expected, _ = read({"left": left, "right": right}, TWO)
    for given in ([left, right], ([left, right], Y), {"x0": left, "x1": right}, Elements(zip(zip(left, right), Y), (3,), ())):  # noqa: B905
        np.testing.assert_array_equal(read(given, TWO)[0], expected)


def test_a_path_stays_one_and_arrays_have_a_hash_of_their_content(tmp_path: Path) -> None:
    assert source(str(tmp_path / "x.npz"), "data") == tmp_path / "x.npz"
    hashes = {sha256(source(given, "data")) for given in (X, X.copy(), X[::-1], X.astype(np.float64), (X, Y), X.reshape(4, 6))}
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "expected an array of samples, got None"),
        (3, "expected an array of samples, got 3"),
        ((X, Y, Y), r"expected \(x, y\), got a tuple of 3"),
        ([[1.0], [2.0, 3.0]], "list is no array"),
        (np.array([{}]), "ndarray of Python objects"),
        (Frame({"a": np.array([1.0]), "town": np.array(["Bonn"], object)}), r"columns that are not plain numbers: 'town' \(object\)"),
        ({1: X}, "expected names and arrays, got the name 1"),
        ({"z": X}, "holds no array 'x' .found: z."),
        ([X] * 9, "a list of 9 arrays"),
        (X[:, :2], r"samples of shape \(2,\), the model takes \(3,\)"),
        (X[0], "expected .N, input shape."),
        ((X, Y[:3]), r"y has shape \(3,\), expected 8 labels"),
        (Elements([], (3,)), "the data set is empty"),
        (Elements([X], (None, 3), cardinality=-1), "has no end"),
        (Elements([X[0], X[0, :2]], (3,)), "differ in shape"),
    ],
)
def test_what_is_none_is_refused_by_what_was_expected_and_got(given: Any, says: str) -> None:
    with pytest.raises(DataError, match=f"^data.*{says}"):
        read(given)


def test_arrays_are_read_as_those_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X, y=np.array(["b", "a"] * 4), class_names=np.array(["a", "b"]), other=Y)
    file = DataFile(tmp_path / "x.npz").load()
    memory = DataFile(Arrays(dict(np.load(tmp_path / "x.npz")))).load()
    assert memory.classes == file.classes == ("a", "b")
    np.testing.assert_array_equal(memory.x, file.x)
    np.testing.assert_array_equal(np.asarray(memory.y), np.asarray(file.y))
