"""Keras files: those that load, and those that would run code or cannot be read. Configurations are judged without TensorFlow."""

from __future__ import annotations

import base64
import json
import marshal
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqa.calibration import float_outputs
from dqa.errors import ModelError, ToolError
from dqa.frontend import load_model
from dqa.frontend.keras_config import check_config, layer_names
from dqa.frontend.keras_forms import canonical
from dqa.graph.execute import run


def model_config(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "net", "layers": list(layers)}}


def layer(class_name: str, name: str = "suspect", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def test_a_plain_configuration_passes_and_names_its_layers() -> None:
    initializer = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}, "registered_name": None}
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    config = model_config(layer("Conv2D", "a", kernel_initializer=initializer, activation="relu", dtype=policy), layer("Dense", "b"))
    check_config(config, "m.h5")
    assert layer_names(config) == ["net", "a", "b"]


@pytest.mark.parametrize(
    "suspect",
    [
        layer("Lambda", function=["4wEAAAA=", None, None]),
        layer("Dense", activation={"class_name": "__lambda__", "config": {"value": "4wEA"}}),
        layer("Dense", activation={"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}),
        layer("Dense", kernel_initializer={"module": "os", "class_name": "system", "config": {}}),
        {**layer("Dense"), "module": "keras_evil.layers"},
        {**layer("Dense"), "module": "subprocess", "registered_name": "Popen"},
        {**layer("Dense"), "registered_name": "Evil>Dense"},
        layer("TorchModuleWrapper", module="UEsDB"),
        layer("TFSMLayer", filepath="/tmp/evil"),
        layer("StringLookup", vocabulary="/etc/passwd"),
        layer("MyOwnLayer"),
        {"class_name": ["Lambda"], "config": {"name": "suspect"}},
    ],
)
def test_anything_but_plain_layers_is_refused_by_name(suspect: dict[str, Any]) -> None:
    nested = model_config(layer("InputLayer", "in"), model_config(suspect))
    with pytest.raises(ModelError) as caught:
        check_config(nested, "m.keras")
    assert caught.value.message.startswith("m.keras") and "suspect" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("config", [None, [], 3, "text", {}, {"layers": []}])
def test_a_configuration_that_is_none_is_refused(config: object) -> None:
    with pytest.raises(ModelError):
        check_config(config, "m.h5")


def test_a_configuration_nested_too_deep_is_refused() -> None:
    config: dict[str, Any] = model_config()
    for _ in range(300):
        config = model_config(config)
    with pytest.raises(ModelError, match="nested"):
        check_config(config, "m.h5")


def test_what_keras_3_refuses_of_keras_2_is_taken_out() -> None:
    config = model_config(layer("DepthwiseConv2D", groups=1, kernel_size=[3, 3]), layer("Conv2D", "c", groups=2))
    depthwise, convolution = canonical(config, "m.h5")["config"]["layers"]
    assert "groups" not in depthwise["config"] and depthwise["config"]["kernel_size"] == [3, 3]
    assert convolution["config"]["groups"] == 2


def test_missing_tensorflow_is_a_tool_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setattr("dqa.frontend.load.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError) as caught:
        load_model(path)
    assert "pip install" in caught.value.hint


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models saved by the installed Keras: ok.h5, ok.keras, exported (a SavedModel), and hostile ones."""
    pytest.importorskip("tensorflow")
    import h5py
    import keras

    directory = tmp_path_factory.mktemp("keras")
    keras.utils.set_random_seed(3)
    entry = keras.Input((8, 6, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(entry)
    x = keras.layers.DepthwiseConv2D(3, name="second")(x)
    x = keras.layers.Flatten()(keras.layers.BatchNormalization()(x))
    model = keras.Model(entry, keras.layers.Dense(3, activation="softmax", name="last")(x))
    model.save(directory / "ok.h5")
    model.save(directory / "ok.keras")
    model.save_weights(directory / "only.weights.h5")
    (directory / "only.weights.h5").rename(directory / "weights.h5")
    model.export(directory / "exported", verbose=False)
    np.save(directory / "x.npy", np.random.default_rng(0).normal(size=(5, 8, 6, 2)).astype(np.float32))
    np.save(directory / "y.npy", model.predict(np.load(directory / "x.npy"), verbose=0))

    code = base64.b64encode(marshal.dumps(compile(f"open({str(directory / 'owned')!r}, 'w').close()", "m", "exec"))).decode()
    evil = {"class_name": "Lambda", "config": {"name": "evil", "function": [code, None, None], "function_type": "lambda"}}
    for name, change in (("groups.h5", None), ("lambda.h5", evil)):
        (directory / name).write_bytes((directory / "ok.h5").read_bytes())
        with h5py.File(directory / name, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            for item in config["config"]["layers"]:
                if item["class_name"] == "DepthwiseConv2D":
                    item["config"]["groups"] = 1
            config["config"]["layers"] += [change] if change else []
            file.attrs["model_config"] = json.dumps(config)
    (directory / "linked.h5").write_bytes((directory / "ok.h5").read_bytes())
    with h5py.File(directory / "linked.h5", "r+") as file:
        file["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    with zipfile.ZipFile(directory / "ok.keras") as source, zipfile.ZipFile(directory / "lambda.keras", "w") as target:
        for entry_name in source.namelist():
            content = source.read(entry_name)
            if entry_name == "config.json":
                config = json.loads(content)
                config["config"]["layers"].append({**evil, "module": "keras.layers", "registered_name": None})
                content = json.dumps(config).encode()
            target.writestr(entry_name, content)
    return directory


def assert_is_the_model(directory: Path, path: Path) -> None:
    model = load_model(path)
    x, y = np.load(directory / "x.npy"), np.load(directory / "y.npy")
    assert model.input.shape == (1, 8, 6, 2) and model.output.shape == (1, 3)
    np.testing.assert_allclose(run(model.graph, x)[model.output.index], y, atol=1e-5)
    np.testing.assert_allclose(float_outputs(model, x), y, atol=1e-5)
    assert [op.kind for op in model.graph.ops] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX"]


def test_a_keras_2_file_with_groups_loads_without_a_word(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_is_the_model(files, files / "groups.h5")
    captured = capfd.readouterr()
    assert captured.out == "" and "Tensor" not in captured.err.replace("TensorFlow Lite XNNPACK", "")
    names = [op.name for op in load_model(files / "ok.h5").graph.ops]
    assert names[:3] == ["first", "second", "last"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ok.h5", "ok.keras", "exported"])
def test_every_format_gives_the_same_network(files: Path, name: str) -> None:
    assert_is_the_model(files, files / name)


@pytest.mark.slow
def test_the_same_file_gives_the_same_bytes(files: Path) -> None:
    first, second = load_model(files / "ok.keras"), load_model(files / "ok.keras")
    assert first.tflite == second.tflite and first.sha256 == second.sha256


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lambda.h5", "Lambda"),
        ("lambda.keras", "Lambda"),
        ("linked.h5", "link"),
        ("weights.h5", "no model"),
        ("truncated.h5", "damaged HDF5"),
        ("truncated.keras", "damaged .keras"),
        ("bitten.h5", "bitten.h5"),
        ("bomb.keras", "bytes"),
        ("not_saved", "damaged"),
    ],
)
def test_a_hostile_or_damaged_file_is_one_error_and_nothing_runs(files: Path, name: str, says: str) -> None:
    path = files / name
    if name.startswith("truncated"):
        whole = (files / f"ok{path.suffix}").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "bitten.h5":
        content = bytearray((files / "ok.h5").read_bytes())
        content[96:2000] = bytes(1904)
        path.write_bytes(content)
    elif name == "bomb.keras":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("metadata.json", "{}")
            archive.writestr("config.json", b" " * (80 << 20))
            archive.writestr("model.weights.h5", "")
    elif name == "not_saved":
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"\xff" * 300)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert says in caught.value.message and name in caught.value.message and "\n" not in caught.value.message
    assert caught.value.hint and not (files / "owned").exists()


@pytest.mark.slow
def test_a_saved_model_that_reads_files_is_refused(files: Path) -> None:
    import tensorflow as tf

    class Reader(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
        def __call__(self, x):  # type: ignore[no-untyped-def]
            size = tf.strings.length(tf.io.read_file("/etc/hostname"))
            return {"y": x * tf.cast(size, tf.float32)}

    module = Reader()
    tf.saved_model.save(module, str(files / "reader"), signatures=module.__call__)
    with pytest.raises(ModelError, match="ReadFile"):
        load_model(files / "reader")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("unet_camvid.h5", {"CONV_2D": 15, "MAX_POOL_2D": 3, "RESIZE_NEAREST_NEIGHBOR": 3, "CONCATENATION": 3}),
        ("cifar10_resnet32.h5", {"CONV_2D": 31, "ADD": 15, "MAX_POOL_2D": 2, "PAD": 2, "MEAN": 1, "FULLY_CONNECTED": 1}),
        ("mltk_kws_mobilenetv2.h5", {"CONV_2D": 35, "DEPTHWISE_CONV_2D": 17, "ADD": 12, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}),
        ("orig_vww_96_keras2.4.h5", {"CONV_2D": 14, "DEPTHWISE_CONV_2D": 13, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}),
        ("mlperf_ad01_autoencoder.h5", {"FULLY_CONNECTED": 10}),
    ],
)
def test_real_networks_keep_their_outputs(shared: Path, name: str, operators: dict[str, int]) -> None:
    pytest.importorskip("tensorflow")
    model = load_model(shared / "models" / name)
    assert Counter(op.kind for op in model.graph.ops) == operators
    x = np.random.default_rng(4).uniform(-1, 1, (2, *model.input.shape[1:])).astype(np.float32)
    expected = float_outputs(model, x)
    actual = run(model.graph, x)[model.output.index]
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
