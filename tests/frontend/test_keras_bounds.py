"""A configuration is never given more than its file holds, and a file never unpacks to more than it may."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from builders.keras_files import keras_2_input, keras_2_layer, write_h5, write_keras
from dqa.errors import ModelError
from dqa.frontend import limits
from dqa.frontend.keras_config import check_config
from dqa.frontend.keras_files import read_archive, read_hdf5

KERNEL = [np.zeros((4, 3), np.float32), np.zeros(3, np.float32)]


def net(*layers: dict[str, Any], shape: tuple[int, ...] = (4,)) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [keras_2_input("in", shape, functional=False), *layers]}}


SIZES: dict[str, Any] = {"padding": "same", "activation": "linear"}
GREEDY = {
    "dense": net(keras_2_layer("Dense", "greedy", units=1_900_000_000)),
    "filters": net(keras_2_layer("Conv2D", "greedy", filters=500_000_000, kernel_size=[3, 3], **SIZES), shape=(8, 8, 4)),
    "kernel": net(keras_2_layer("Conv2D", "greedy", filters=4, kernel_size=[20_000, 20_000], **SIZES), shape=(8, 8, 4)),
    "many moderate": net(*(keras_2_layer("Dense", f"greedy_{i}", units=30_000) for i in range(8))),
    "nested": net(
        keras_2_layer("Dense", "first", units=3),
        {"class_name": "Sequential", "config": {"name": "inner", "layers": [keras_2_layer("Dense", "greedy", units=1_000_000_000)]}},
    ),
}


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("case", sorted(GREEDY))
def test_weights_that_the_file_does_not_hold_are_never_made(case: str, form: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    import resource

    from dqa.frontend.keras_load import load_keras

    weights = {"greedy": KERNEL}
    write = write_h5 if form == "h5" else write_keras
    path = write(tmp_path / f"m.{form}", json.loads(json.dumps(GREEDY[case])), weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError) as caught:
        load_keras(path, path.name, tmp_path)
    assert "weights, but holds 15" in caught.value.message and "greedy" in caught.value.message and caught.value.hint
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB; the least of them asks for 3.6 GB


def test_weights_that_were_refused_are_not_made_with_those_of_the_next_model(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from dqa.frontend.keras_load import load_keras

    with pytest.raises(ModelError, match="holds 15"):
        load_keras(write_h5(tmp_path / "greedy.h5", json.loads(json.dumps(GREEDY["dense"])), {"greedy": KERNEL}), "greedy.h5", tmp_path)
    good = write_h5(tmp_path / "good.h5", net(keras_2_layer("Dense", "d", units=3)), {"d": KERNEL})
    model, _ = load_keras(good, "good.h5", tmp_path)
    assert [tuple(weight.shape) for weight in model.weights] == [(4, 3), (3,)]


def test_a_configuration_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from dqa.frontend.keras_load import load_keras

    path = write_keras(tmp_path / "m.keras", {"class_name": "Sequential", "module": "keras"}, {"d": KERNEL})
    with pytest.raises(ModelError, match="describes no model"):
        load_keras(path, "m.keras", tmp_path)


def test_more_layers_than_a_device_runs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqa.frontend.keras_config.MAX_LAYERS", 5)
    check_config(net(*(keras_2_layer("ReLU", f"r{i}") for i in range(3))), "m.h5")
    with pytest.raises(ModelError, match="more than 5 layers"):
        check_config(net(*(keras_2_layer("ReLU", f"r{i}") for i in range(4))), "m.h5")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_an_archive_that_unpacks_to_much_more_is_refused(member: str, tmp_path: Path) -> None:
    contents = {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b""}
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(70 << 20) if name == member else content)
    with pytest.raises(ModelError, match="unpacks to 734"):
        read_archive(tmp_path / "m.keras", tmp_path / "weights.h5", "m.keras")
    assert not (tmp_path / "weights.h5").exists()


@pytest.mark.parametrize("storage", [{"compression": "gzip"}, {"chunks": (1 << 20,)}], ids=["compressed", "never written"])
def test_an_hdf5_file_that_holds_much_less_than_it_says_is_refused(storage: dict[str, Any], tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", net(keras_2_layer("Dense", "d", units=3)), {"d": KERNEL})
    with h5py.File(path, "r+") as file:
        file.create_dataset("more", shape=(20 << 20,), dtype=np.float32, fillvalue=0.0, **storage)
    with pytest.raises(ModelError, match="bytes of weights"):
        read_hdf5(path, "m.h5")


def test_a_trained_network_that_compresses_well_is_read(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", net(keras_2_layer("Dense", "d", units=3)), {"d": KERNEL})
    with h5py.File(path, "r+") as file:
        file.create_dataset("more", data=np.zeros(1 << 20, np.float32), compression="gzip")
    assert read_hdf5(path, "m.h5")[1] == (1 << 20) + 15


def test_the_address_space_follows_the_memory_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    asked: dict[int, int] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda limit, values: asked.update({limit: values[0]}))
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found = []
    for gib in (1, 16, 64):
        monkeypatch.setattr(limits, "memory_bytes", lambda gib=gib: gib << 30)
        limits.limit_process()
        found.append(asked[resource.RLIMIT_AS] / (1 << 30))
    assert found == [8, 18, 54]
    asked.clear()
    monkeypatch.setattr(limits, "memory_bytes", lambda: 0)
    limits.limit_process()
    assert resource.RLIMIT_AS not in asked


def test_a_container_may_have_less_memory_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CGROUP_LIMITS", ())
    whole = limits.memory_bytes()
    for content, expected in (("1048576\n", 1 << 20), ("max\n", whole), ("9223372036854771712", whole)):
        (tmp_path / "limit").write_text(content)
        monkeypatch.setattr(limits, "_CGROUP_LIMITS", (tmp_path / "missing", tmp_path / "limit"))
        assert limits.memory_bytes() == expected
    assert whole > 1 << 28
