"""docs/layers.md says of every Keras layer whether it runs: tried here on a network of each.

What fails shows the rows as they should be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from builders.keras_files import in_process
from builders.keras_layers import NO_LAYERS, Network, networks
from dqa.errors import DqaError
from dqa.frontend import load_model
from dqa.partition.split import split

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "layers.md"
Row = tuple[str, str, str]
"""Layer, where it runs, options or what to use instead."""


def verdict(build: Network, folder: Path) -> tuple[str, str]:
    """standalone, TFLM only or refused; what to use instead."""
    build().save(folder / "m.keras")
    try:
        model = load_model(folder / "m.keras")
        parted = split(model, lambda tensors: dict.fromkeys(tensors, (-1.0, 1.0)))
    except DqaError as error:
        return "refused", error.hint
    return ("standalone" if parted.builtins is None else "TFLM only"), ""


def rows(found: Mapping[tuple[str, str], tuple[str, str]]) -> list[Row]:
    """A row for each layer and what becomes of it."""
    table: dict[tuple[str, str, str], list[str]] = {}
    for (layer, options), (place, hint) in found.items():
        table.setdefault((layer, place, hint), []).append(options)
    return [(layer, place, "; ".join(filter(None, [*options, hint]))) for (layer, place, hint), options in sorted(table.items())]


def written() -> list[Row]:
    found = re.findall(r"^\| `(\w+)` \| (standalone|TFLM only|refused) \| (.*?) ?\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(layer, place, rest) for layer, place, rest in found]


@pytest.mark.parametrize("layer", sorted({layer for layer, _, _ in written()}))
def test_a_layer_runs_where_the_page_says(layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow")
    in_process(monkeypatch)
    own = {options: build for (name, options), build in networks().items() if name == layer}
    found = rows({(layer, options): verdict(build, tmp_path) for options, build in own.items()})
    assert found == [row for row in written() if row[0] == layer]


def test_the_page_has_every_layer_of_keras() -> None:
    pytest.importorskip("tensorflow")
    import keras

    classes = {one for one in vars(keras.layers).values() if isinstance(one, type) and issubclass(one, keras.layers.Layer)}
    known = {
        getattr(keras.layers, layer) for layer in ({layer for layer, _, _ in written()} | set(NO_LAYERS)) if hasattr(keras.layers, layer)
    }
    assert not {one.__name__ for one in classes - known}
