"""Datasets: what is accepted, what is refused, and the mapping to float inputs."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqa.data import dataset as data
from dqa.data.dataset import Dataset, InputMapping
from dqa.errors import DataError, RecipeError


def write(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays)
    return path


def refusal(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        data.load(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("dtype", data.X_TYPES)
def test_arrays_come_back_as_they_were_saved(tmp_path: Path, dtype: str) -> None:
    x = np.arange(24).reshape(3, 2, 4).astype(dtype)
    loaded = data.load(write(tmp_path, x=x, y=[0, 1, 2], names=["a", "b"]))
    assert loaded.x.dtype == dtype and np.array_equal(loaded.x, x) and len(loaded) == 3
    assert loaded.y is not None and loaded.y.tolist() == [0, 1, 2] and loaded.group is None


def test_group_names_become_numbers(tmp_path: Path) -> None:
    loaded = data.load(write(tmp_path, x=np.zeros((4, 2)), y=[0, 0, 1, 1], group=["b", "b", "a", "c"]))
    assert loaded.group is not None and loaded.group.tolist() == [1, 1, 0, 2]


def test_labels_may_be_per_group(tmp_path: Path) -> None:
    loaded = data.load(write(tmp_path, x=np.zeros((4, 2)), y=[0, 1], group=[0, 0, 1, 1]))
    assert loaded.labels_are_per_group
    part = loaded.skip(1).take(2)
    assert len(part) == 2 and part.y is not None and len(part.y) == 2 and part.group is not None and part.group.tolist() == [0, 1]


def test_take_and_skip_part_the_samples() -> None:
    whole = Dataset(np.arange(10)[:, None].astype(np.int8), np.arange(10))
    assert whole.take(3).x[:, 0].tolist() == [0, 1, 2] and whole.skip(8).x[:, 0].tolist() == [8, 9]
    assert len(whole.take(99)) == 10
    with pytest.raises(DataError, match="no samples"):
        whole.skip(10)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": np.zeros((2, 2))}, "no array 'x' (found: images)"),
        ({"x": np.zeros((0, 2))}, "no samples"),
        ({"x": np.zeros(3)}, "shape (3,)"),
        ({"x": np.array([[1.0, np.nan]])}, "NaN or infinity (first in sample 0)"),
        ({"x": np.array([[1.0, 1.0], [np.inf, 1.0]], np.float32)}, "NaN or infinity (first in sample 1)"),
        ({"x": np.zeros((2, 2), np.complex64)}, "x is complex64"),
        ({"x": np.full((2, 2), 1 << 60)}, "more than float64 holds exactly"),
        ({"x": np.array([["a", "b"]])}, "x is <U1"),
        ({"x": np.array([[{}, 1]], object)}, "Python objects"),
        ({"x": np.zeros((2, 2)), "y": [1, 2, 3]}, "expected 2 labels"),
        ({"x": np.zeros((2, 2)), "y": [1.0, np.nan]}, "y holds NaN"),
        ({"x": np.zeros((2, 2)), "y": ["cat", "dog"], "classes": ["cat"]}, "'dog', which is not in the list of classes"),
        (
            {"x": np.zeros((2, 2)), "y": ["cat", "dog"], "classes": ["cat", "dog"], "class_names": ["dog", "cat"]},
            "'classes' and 'class_names' list different classes",
        ),
        (
            {"x": np.zeros((2, 2)), "y": [0, 1], "classes": ["cat"], "class_names": [1]},
            "'classes' and 'class_names' list different classes",
        ),
        ({"x": np.zeros((2, 2)), "y": ["cat", "dog"], "classes": [1, 2]}, "list of classes is not one of different names"),
        ({"x": np.zeros((2, 2)), "y": ["cat", "cat"], "class_names": ["cat", "cat"]}, "list of classes is not one of different names"),
        ({"x": np.zeros((2, 2)), "y": np.array(["cat", None], object)}, "Python objects"),
        ({"x": np.zeros((2, 2)), "y": [1j, 2]}, "y is complex128"),
        ({"x": np.zeros((2, 2)), "y": [0, 1], "group": [1]}, "'group' has shape"),
        ({"x": np.zeros((2, 2)), "y": [0], "group": [0, 1]}, "'group' goes from 0 to 1"),
        ({"x": np.zeros((2, 2)), "group": [0.5, 1]}, "'group' is float64"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    assert says in refusal(write(tmp_path, **arrays)).message


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.npz").message
    assert "is a directory" in refusal(tmp_path).message
    assert "is not a file" in refusal(Path("/dev/null")).message


def test_every_kind_of_damage_is_one_error(tmp_path: Path) -> None:
    whole = write(tmp_path, x=np.random.default_rng(0).integers(0, 255, (50, 40)).astype(np.uint8)).read_bytes()
    path = tmp_path / "damaged.npz"
    for content in (b"", b"text", whole[:100], whole[: len(whole) // 2], whole[:200] + bytes(200) + whole[400:], np.zeros(3).tobytes()):
        path.write_bytes(content)
        refusal(path)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "data.npz"
    path.write_bytes(pickle.dumps(Bomb()))
    refusal(path)
    np.savez(path, x=np.array([[Bomb(), Bomb()]], object))
    refusal(path)
    assert not (tmp_path / "exploded").exists()


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 8)})
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue())
    assert "bytes" in refusal(path).message


def test_an_array_with_less_than_its_header_claims_is_refused_before_room_is_made_for_it(tmp_path: Path) -> None:
    path = write(tmp_path, x=np.zeros((4, 2)))
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (1 << 20, 2)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + bytes(64))
    assert "does not have the 16,777,216 bytes" in refusal(path).message


def test_the_shape_is_compared_before_the_numbers_are_unpacked(tmp_path: Path) -> None:
    whole = write(tmp_path, x=np.random.default_rng(0).normal(0, 1, (50, 40)), y=np.zeros(50)).read_bytes()
    path = tmp_path / "damaged.npz"
    path.write_bytes(whole[:600] + bytes(64) + whole[664:])  # numbers whose checksum is wrong
    source = data.DataFile(path)
    assert source.shape == (50, 40)
    source.check_shape((1, 40))
    with pytest.raises(DataError, match="the model takes"):
        source.check_shape((1, 30))
    with pytest.raises(DataError, match="damaged"):
        source.load()


def test_labels_that_are_not_asked_for_are_not_judged(tmp_path: Path) -> None:
    for y in (np.array([{}, 1], object), [1.0, np.nan], [1, 2, 3], [1j, 2]):
        path = write(tmp_path, x=np.zeros((2, 2)), y=y, group=y)
        refusal(path)
        loaded = data.load(path, labels=False)
        assert loaded.y is None and loaded.group is None and loaded.x.shape == (2, 2)


@pytest.mark.parametrize(
    ("values", "given", "becomes"),
    [
        ([0, 1], "bool", "uint8"),
        ([0.5, -2], "float16", "float32"),
        ([0, 255], "int64", "int16"),
        ([-32768, 32767], "int32", "int16"),
        ([0, 65535], "uint16", "float32"),
        ([0, 1 << 24], "uint32", "float32"),
        ([0, (1 << 24) + 1], "int64", "float64"),
        ([0, 1 << 53], "uint64", "float64"),
        ([1, 2], ">i2", "int16"),
        ([1.5, 2], ">f4", "float32"),
    ],
)
def test_numbers_of_other_types_are_taken_where_nothing_is_lost(tmp_path: Path, values: list[float], given: str, becomes: str) -> None:
    x = np.array([values], given)
    loaded = data.load(write(tmp_path, x=x)).x
    assert loaded.dtype == np.dtype(becomes) and loaded.dtype.isnative
    assert loaded.tolist() == x.tolist()


def test_numbers_beyond_float32_are_refused_and_the_sample_is_named() -> None:
    for x, mapping in (
        (np.array([[1.0], [1e39]]), InputMapping.of()),
        (np.array([[1], [2]], np.uint8), InputMapping.of([2.5e38])),
        (np.array([[0.0], [-1e308]]), InputMapping.of(1e-300, 1e308)),
        (np.array([[0], [100]], np.int16), InputMapping.of(1e37)),
    ):
        with pytest.raises(DataError, match=r"beyond float32 \(first in sample 1\)"):
            mapping.to_float(x)
    assert InputMapping.of(1e-300).to_float(np.array([[1e308]])).tolist() == [[1e8]]


def test_names_of_classes_become_their_numbers(tmp_path: Path) -> None:
    y = [["dog"], ["cat"], ["dog"]]
    listed = data.load(write(tmp_path, x=np.zeros((3, 2)), y=y, classes=["dog", "emu", "cat"]))
    assert listed.y is not None and listed.y.tolist() == [[0], [2], [0]]
    assert (listed.classes, listed.classes_sorted) == (("dog", "emu", "cat"), False)
    assert listed.take(1).classes == ("dog", "emu", "cat")
    alone = data.load(write(tmp_path, x=np.zeros((3, 2)), y=np.array(y).astype("S")))
    assert alone.y is not None and alone.y.tolist() == [[1], [0], [1]]
    assert (alone.classes, alone.classes_sorted) == (("cat", "dog"), True)
    numbers = data.load(write(tmp_path, x=np.zeros((3, 2)), y=["10", "9", "0"]))
    assert numbers.y is not None and numbers.y.tolist() == [10, 9, 0] and numbers.classes is None
    twice = data.load(write(tmp_path, x=np.zeros((3, 2)), y=y, classes=["dog", "emu", "cat"], class_names=["dog", "emu", "cat"]))
    assert twice.classes == listed.classes
    counted = data.load(write(tmp_path, x=np.zeros((3, 2)), y=[2, 0, 1], class_names=["a", "b", "c"]))
    assert counted.y is not None and counted.y.tolist() == [2, 0, 1] and counted.classes is None


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((4, 3, 8, 6), "transpose"), ((4, 8, 6), "newaxis"), ((4, 144), "reshape"), ((4, 9, 6, 3), "(N, 8, 6, 3)")],
)
def test_a_wrong_shape_comes_with_a_hint(shape: tuple[int, ...], hint: str) -> None:
    model = (1, 8, 6, 1) if shape == (4, 8, 6) else (1, 8, 6, 3)
    with pytest.raises(DataError) as caught:
        data.check_shape(Dataset(np.zeros(shape, np.uint8)), model)
    assert hint in caught.value.hint


def test_a_fitting_shape_passes() -> None:
    data.check_shape(Dataset(np.zeros((4, 8, 6, 3), np.uint8)), (1, 8, 6, 3))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "float32", "float64"])
def test_the_mapping_subtracts_then_scales(dtype: str) -> None:
    x = np.arange(12).reshape(2, 2, 3).astype(dtype)
    result = InputMapping.of(0.5, 3).to_float(x)
    assert result.dtype == np.float32 and np.allclose(result, (np.arange(12).reshape(2, 2, 3) - 3) * 0.5)
    channels = InputMapping.of([1, 2, 4], [0, 1, 2])
    assert np.allclose(channels.to_float(x), (np.arange(12).reshape(2, 2, 3) - [0, 1, 2]) * [1, 2, 4])
    assert channels.per_channel(3)[0].tolist() == [1, 2, 4]
    assert np.allclose(InputMapping.of(1 / 255).to_float(x), np.arange(12).reshape(2, 2, 3) / 255)


@pytest.mark.parametrize(("scale", "zero_point"), [(0, 0), (-1, 0), (np.nan, 0), ([1, 0], 0), (1, np.inf), ([], 0)])
def test_a_mapping_without_sense_is_refused(scale: Any, zero_point: Any) -> None:
    with pytest.raises(RecipeError):
        InputMapping.of(scale, zero_point)


def test_a_mapping_must_have_the_channels_of_the_input() -> None:
    with pytest.raises(RecipeError, match="3 channels"):
        InputMapping.of([1, 2]).to_float(np.zeros((1, 2, 3), np.uint8))


def npy(descr: str, shape: str, body: bytes = b"", padding: int = 0) -> bytes:
    """A .npy file of any header."""
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b" " * padding + b"\n"
    return b"\x93NUMPY\x02\x00" + len(head).to_bytes(4, "little") + head + body


WHOLE = npy("'|u1'", "(2, 2)", bytes(4))
HOSTILE = {
    "nothing, any number of times": ({"x": WHOLE, "y": npy("'<U0'", "(1000000000000,)")}, "values of 0 bytes"),
    "nothing, as groups": ({"x": WHOLE, "group": npy("'|S0'", "(100000000,)")}, "values of 0 bytes"),
    "two negative dimensions": ({"x": npy("'|u1'", "(-2, -2)", bytes(4))}, r"shape \(-2, -2\)"),
    "a negative dimension": ({"x": npy("'|u1'", "(-2, 2)", bytes(4))}, r"shape \(-2, 2\)"),
    "more than memory": ({"x": npy("'|u1'", "(4611686018427387904, 2)", bytes(4))}, "does not have the 9,223,"),
    "a long header": ({"x": npy("'|u1'", "(2, 2)", bytes(4), padding=1 << 20)}, "header of 1,048"),
    "no letters": ({"x": WHOLE, "y": npy("'<U1'", "(2,)", b"\0\0\x11\0a\0\0\0")}, "no letters"),
    "half a letter": ({"x": WHOLE, "y": npy("'<U1'", "(2,)", b"\0\xd8\0\0a\0\0\0")}, "no letters"),
    "values of several numbers": ({"x": npy("('<f4', (3,))", "(2, 2)", bytes(48))}, "x is "),
    "a pickle": ({"x": WHOLE, "y": npy("'|O'", "(2,)", pickle.dumps([1, 2]))}, "'y' holds Python objects"),
    "a pickle in a structure": ({"x": WHOLE, "y": npy("[('a', '|O')]", "(2,)", pickle.dumps([1]))}, "'y' holds Python objects"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_headers_that_lie_are_refused_at_once(case: str, tmp_path: Path) -> None:
    members, says = HOSTILE[case]
    with zipfile.ZipFile(tmp_path / "data.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match=says):
        data.load(tmp_path / "data.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for content in (bytes(4), b"\1\2\3\4"):
            archive.writestr("x.npy", npy("'|u1'", "(2, 2)", content))
    assert "holds 'x' twice" in refusal(tmp_path / "data.npz").message
