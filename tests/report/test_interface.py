"""The interface that evaluation reads back from report.json: as it was written, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dqa.errors import InputError
from dqa.program import Interface, Port
from dqa.report.interface import load_interface

WHOLE = Interface(
    (Port("x", (2, 3), "uint8", (0.5,), (0.0,)),),
    (Port("y", (4,), "int8", (1.0, 2.0, 3.0, 4.0), (1.0,)),),
    1 / 255,
    (0.0, 1.0, 2.0),
    "top1",
)
JUNK: tuple[Any, ...] = (None, float("inf"), float("nan"), -1, [], {}, "x", [float("inf")], [-1], ["a"], 10**30, [[1]])


def save(folder: Path, section: Any) -> None:
    (folder / "report.json").write_text(json.dumps({"interface": section}))


def test_an_interface_reads_back_as_it_was_written(tmp_path: Path) -> None:
    save(tmp_path, WHOLE.to_json())
    assert load_interface(tmp_path) == WHOLE


@pytest.mark.parametrize("place", ["inputs", "outputs", "data_scale", "data_zero_point", "metric"])
def test_a_section_that_is_none_is_refused(place: str, tmp_path: Path) -> None:
    for value in JUNK:
        if (place == "metric" and value is None) or (place.startswith("data") and value in (-1, [-1], 10**30)):
            continue  # that is one
        save(tmp_path, WHOLE.to_json() | {place: value})
        with pytest.raises(InputError, match="is damaged"):
            load_interface(tmp_path)


@pytest.mark.parametrize("key", ["shape", "dtype", "scale", "zero_point"])
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_port_that_is_none_is_refused(side: str, key: str, tmp_path: Path) -> None:
    others = {"shape": ([0], [2, -1]), "dtype": ("int16", "O", "float32"), "scale": ([0.0], [1.0, 2.0]), "zero_point": ([1.0, 2.0],)}
    for value in (*JUNK, *others[key]):
        if key == "zero_point" and value == [-1]:
            continue
        section = json.loads(json.dumps(WHOLE.to_json()))
        section[side][0][key] = value
        save(tmp_path, section)
        with pytest.raises(InputError, match="is damaged"):
            load_interface(tmp_path)
