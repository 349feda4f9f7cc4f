"""Configurations of Keras 2 and of training, in the one form that Keras 3 builds. Without TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from dqa.errors import ModelError
from dqa.frontend.keras_forms import canonical
from dqa.frontend.keras_names import IDLE_LAYERS, LAYERS

Config = dict[str, Any]


def layer(kind: str, name: str = "a", nodes: list[Any] | None = None, **config: Any) -> Config:
    item = {"class_name": kind, "config": {"name": name, **config}}
    return item if nodes is None else {**item, "name": name, "inbound_nodes": nodes}


def sequential(*layers: Config, name: str = "s", **config: Any) -> Config:
    return layer("Sequential", name, layers=list(layers), **config)


def functional(*layers: Config, outputs: list[Any]) -> Config:
    return layer("Functional", "f", layers=list(layers), input_layers=[["in", 0, 0]], output_layers=outputs)


def entry(**config: Any) -> Config:
    return layer("InputLayer", "in", [], batch_input_shape=[None, 8], **config)


def built(config: Config, training: bool = False) -> list[Config]:
    layers: list[Config] = canonical(config, "m.h5", training)["config"]["layers"]
    return layers


def test_every_layer_says_which_module_of_keras_3_it_is() -> None:
    of_keras_2 = layer("Model", "f", layers=[entry(), layer("Dense", nodes=[])], input_layers=[["in", 0, 0]], output_layers=[["a", 0, 0]])
    of_keras_2["module"] = "keras.src.engine.functional"
    config = canonical(of_keras_2, "m.keras")
    assert (config["class_name"], config["module"]) == ("Functional", "keras.src.models.functional")
    assert [item["module"] for item in config["config"]["layers"]] == ["keras.layers", "keras.layers"]
    for module in ("tf_keras.src.engine.sequential", "keras.engine.sequential", None):
        assert canonical({**sequential(), "module": module}, "m.keras")["module"] == "keras"
    operation = {**layer("Add"), "module": "keras.src.ops.numpy"}
    assert canonical(operation, "m.keras")["module"] == "keras.src.ops.numpy"


def test_an_input_has_a_shape_a_type_and_a_name() -> None:
    old = layer("InputLayer", "in", batch_input_shape=[None, 8], dtype="float16", sparse=False, ragged=False, optional=False)
    assert canonical(old, "m.h5")["config"] == {"name": "in", "batch_shape": [None, 8], "dtype": "float32"}


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_an_input_that_is_no_plain_array_is_refused(kind: str) -> None:
    config: dict[str, Any] = {"batch_input_shape": [None, 8], kind: True}
    with pytest.raises(ModelError, match=f"'in' is {kind}"):
        canonical(layer("InputLayer", "in", **config), "m.h5")


@pytest.mark.parametrize(
    "config",
    [
        sequential(layer("Dense", batch_input_shape=[None, 8])),
        sequential(layer("Dense"), build_input_shape=[None, 8]),
        {**sequential(layer("Dense")), "build_config": {"input_shape": [None, 8]}},
        sequential(sequential(layer("InputLayer", "in", batch_input_shape=[None, 8]), layer("Dense", "b"), name="inner")),
        sequential(sequential(layer("Dense", "b", batch_input_shape=[None, 8]), name="inner")),
    ],
)
def test_a_sequential_begins_with_its_input(config: Config) -> None:
    first, second = built(config)[:2]
    assert (first["class_name"], first["config"]["batch_shape"]) == ("InputLayer", [None, 8])
    assert "batch_input_shape" not in second["config"]


def test_a_sequential_with_an_input_keeps_it_and_one_without_a_shape_gets_none() -> None:
    assert [item["class_name"] for item in built(sequential(layer("InputLayer", batch_shape=[None, 8]), layer("Dense", "b")))] == [
        "InputLayer",
        "Dense",
    ]
    assert [item["class_name"] for item in built(sequential(layer("Dense")))] == ["Dense"]


@pytest.mark.parametrize(("kind", "output"), [("Sequential", 0), ("Functional", 1)])
def test_calls_of_a_nested_model_count_from_0(kind: str, output: int) -> None:
    inner = layer(kind, "inner", [[["in", 0, 0, {}]], [["x", 0, 0, {}]]], layers=[], input_layers=[], output_layers=[])
    config = functional(entry(), inner, layer("Dense", "x", [[["inner", 1, 0, {}]]]), outputs=[["inner", 1, 0], ["inner", 2, 0]])
    nested, dense = built(config)[1:]
    assert dense["inbound_nodes"] == [[["inner", 0, 0, {}]]]
    assert nested["inbound_nodes"] == [[["in", 0, 0, {}]], [["x", 0, 0, {}]]]
    # of a functional model Keras 3 takes 1 off an output's number itself
    assert config["config"]["output_layers"] == [["inner", output, 0], ["inner", output + 1, 0]]


def test_calls_of_other_layers_stay_as_they_are() -> None:
    shared = layer("Dense", "d", [[["in", 0, 0, {}]], [["d", 0, 0, {}]]])
    deferred = layer("Sequential", "inner", [[["d", 1, 0, {}]]], layers=[layer("Dense", "b")])
    config = functional(entry(), shared, deferred, outputs=[["inner", 0, 0]])
    assert built(config)[1]["inbound_nodes"] == [[["in", 0, 0, {}]], [["d", 0, 0, {}]]]
    assert config["config"]["output_layers"] == [["inner", 0, 0]]


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "mixed_bfloat16", "float64", {"class_name": "DTypePolicy", "config": {}}])
def test_every_layer_computes_in_float32(policy: Any) -> None:
    items = built(sequential(layer("InputLayer", batch_shape=[None, 8], dtype=policy), layer("Dense", "b", dtype=policy)))
    assert [item["config"]["dtype"] for item in items] == ["float32", "float32"]


@pytest.mark.parametrize("kind", sorted(IDLE_LAYERS))
def test_a_layer_that_does_nothing_at_inference_becomes_one_without_state(kind: str) -> None:
    inner = sequential(layer(kind, "idle", factor=0.3, seed=4), name="inner")
    item = built(sequential(layer("InputLayer", batch_shape=[None, 8]), inner))[1]["config"]["layers"][0]
    assert item == {
        "class_name": "Dropout",
        "config": {"name": "idle", "rate": 0.0},
        "module": "keras.layers",
        "registered_name": None,
    }


def test_what_only_training_uses_is_left_out_unless_the_model_is_trained() -> None:
    def net() -> Config:
        dense = layer("Dense", "b", kernel_regularizer={"class_name": "L2"}, kernel_initializer={"class_name": "Zeros"}, units=3)
        return sequential(layer("InputLayer", batch_shape=[None, 8]), dense, layer("Dropout", "c", rate=0.5))

    _, dense, dropout = built(net())
    assert dense["config"] == {"name": "b", "units": 3} and dropout["config"]["rate"] == 0.0
    _, dense, dropout = built(net(), training=True)
    assert set(dense["config"]) == {"name", "units", "kernel_regularizer", "kernel_initializer"} and dropout["config"]["rate"] == 0.5


def test_groups_are_dropped_only_where_they_say_nothing() -> None:
    items = built(sequential(*(layer("DepthwiseConv2D", f"d{groups}", groups=groups) for groups in (1, 2)), layer("Conv2D", groups=1)))
    assert ["groups" in item["config"] for item in items] == [False, True, True]


def test_the_axis_of_a_normalization_is_a_number() -> None:
    assert built(sequential(layer("BatchNormalization", axis=[3]), layer("LayerNormalization", axis=[1, 2])))[0]["config"]["axis"] == 3


def test_what_was_not_checked_is_nowhere_in_the_result() -> None:
    config = sequential(layer("Dense", compile_config={"class_name": "Lambda"}))
    config["compile_config"] = {"class_name": "Lambda"}
    assert "Lambda" not in str(canonical(config, "m.keras"))


def test_layers_that_are_passed_through_are_known_layers() -> None:
    assert IDLE_LAYERS < LAYERS and "Lambda" not in LAYERS
