"""Rewrites a checked Keras configuration, of Keras 2 or 3, into the one form that Keras 3 builds: float32, module by module.

For inference alone, layers that then do nothing become a stateless one, and what only training uses is left out.
Nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dqa.errors import ModelError
from dqa.frontend.keras_names import IDLE_LAYERS, LAYERS, MODELS

Config = dict[str, Any]
_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras", "Model": "keras"}
# What Keras 2 wrote into every layer and Keras 3 does not know: dropped where it says nothing.
_LEFT_OVER: dict[str, tuple[Any, ...]] = {
    "groups": (1, None),
    "dynamic": (False,),
    "time_major": (False,),
    "rng_type": ("stateful", "legacy_stateful", "stateless", None),
    "kernel_initializer": (...,),
    "kernel_regularizer": (...,),
    "kernel_constraint": (...,),
}
_NO_GROUPS = {"DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv1DTranspose", "Conv2DTranspose"}
_NO_KERNEL = {"DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
_TRAINING = ("_initializer", "_regularizer", "_constraint")
_RECURRENT = {"SimpleRNN", "GRU", "LSTM"}
_INPUT_KEYS = {"batch_shape", "shape", "batch_size", "dtype", "name"}


def canonical(config: Config, source: str, training: bool = False) -> Config:
    """The configuration, changed in place. training: keeps what a model needs to be trained.

    Raises ModelError, calling the file `source`, for a sparse or ragged input.
    """
    _drop(config, "compile_config")
    for item in _layers(config):
        _rewrite(item, source, training)
    return config


def _drop(node: Any, key: str) -> None:
    if isinstance(node, dict):
        node.pop(key, None)
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _drop(value, key)


def _layers(node: Any) -> Iterator[Config]:
    """Every layer of a configuration, the outer ones first."""
    if isinstance(node, dict):
        if isinstance(node.get("class_name"), str) and node["class_name"] in LAYERS and isinstance(node.get("config"), dict):
            yield node
        for value in node.values():
            yield from _layers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _layers(value)


def _rewrite(item: Config, source: str, training: bool) -> None:
    kind, inner = item["class_name"], item["config"]
    if kind == "Model" and "input_layers" in inner:
        kind = item["class_name"] = "Functional"
    if kind in IDLE_LAYERS and not training:
        kind, inner = "Dropout", {"name": inner.get("name"), "rate": 0.0}
        item |= {"class_name": kind, "config": inner, "module": "keras.layers", "registered_name": None}
        item.pop("build_config", None)
    if kind == "ThresholdedReLU":
        kind = item["class_name"] = "ReLU"
        inner["threshold"] = inner.pop("theta", 1.0)
        item.pop("module", None)
    if kind in _RECURRENT:
        _check_recurrent(kind, inner, source)
    module = item.get("module")
    if not isinstance(module, str) or ".engine." in module or module.split(".")[0] != "keras":
        item |= {"module": _MODULES.get(kind, "keras.layers"), "registered_name": None}
    if "dtype" in inner:
        inner["dtype"] = "float32"
    if isinstance(inner.get("axis"), list) and len(inner["axis"]) == 1:  # Keras 2: of BatchNormalization
        inner["axis"] = inner["axis"][0]
    if kind == "InputLayer":
        _rewrite_input(inner, source)
    elif kind == "Sequential":
        _give_input(item)
    elif kind == "Functional":
        _count_nodes_from_0(inner)
    if kind != "InputLayer":
        inner.pop("batch_input_shape", None)
    for key in [key for key in inner if key.endswith(_TRAINING) and not training]:
        del inner[key]
    for key, idle in _LEFT_OVER.items():
        applies = kind in (_NO_GROUPS if key == "groups" else _NO_KERNEL if key.startswith("kernel_") else {kind})
        if applies and key in inner and (inner[key] in idle or ... in idle):
            del inner[key]


def _check_recurrent(kind: str, inner: Config, source: str) -> None:
    where = f"{source}: layer '{inner.get('name')}' ({kind})"
    if inner.get("stateful"):
        raise ModelError(f"{where} is stateful: each inference would go on where the last one ended", hint="build it with stateful=False")
    # Only Keras 2 wrote `implementation`: its hard_sigmoid is another function than that of Keras 3, which would run it.
    if "implementation" in inner and "hard_sigmoid" in (inner.get("activation"), inner.get("recurrent_activation")):
        raise ModelError(
            f"{where} has the hard_sigmoid of Keras 2, clip(0.2 x + 0.5), which Keras 3 does not have",
            hint="train the model on with recurrent_activation='sigmoid', or with Keras 3",
        )


def _rewrite_input(inner: Config, source: str) -> None:
    for key in ("sparse", "ragged"):
        if inner.get(key):
            raise ModelError(f"{source}: input '{inner.get('name')}' is {key}", hint="build it with a dense input of a fixed size")
    if "batch_input_shape" in inner:
        inner["batch_shape"] = inner["batch_input_shape"]
    for key in set(inner) - _INPUT_KEYS:
        del inner[key]


def _give_input(item: Config) -> None:
    """Keras 2 kept the input's shape of a Sequential in its first layer, or beside the layers."""
    inner = item["config"]
    layers = inner.get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict) or layers[0].get("class_name") == "InputLayer":
        return
    built = item.get("build_config")
    shape = _entry_shape(layers[0]) or inner.get("build_input_shape") or (built.get("input_shape") if isinstance(built, dict) else None)
    if isinstance(shape, list):
        entry = {"batch_shape": shape, "dtype": "float32", "name": f"{layers[0].get('config', {}).get('name', 'layer')}_input"}
        layers.insert(0, {"class_name": "InputLayer", "config": entry, "module": "keras.layers", "registered_name": None})


def _entry_shape(item: Any) -> Any:
    """The shape, batch included, that a layer or nested model says it takes; None if it does not."""
    inner = item.get("config") if isinstance(item, dict) else None
    if not isinstance(inner, dict):
        return None
    if item.get("class_name") in MODELS and isinstance(inner.get("layers"), list):
        entries = [x for x in inner["layers"] if isinstance(x, dict) and x.get("class_name") == "InputLayer"]
        return _entry_shape((entries or inner["layers"] or [None])[0])
    return inner.get("batch_input_shape") or inner.get("batch_shape")


def _count_nodes_from_0(inner: Config) -> None:
    """Keras 2 counts the calls of a nested model from 1, as 0 is the model itself; Keras 3 counts from 0.

    (For outputs of a nested functional model, Keras 3 still takes 1 off itself.)
    """
    layers = [x for x in inner.get("layers") or [] if isinstance(x, dict) and isinstance(x.get("inbound_nodes"), list)]
    references = [r for x in layers for node in x["inbound_nodes"] for r in _references(node)]
    ends = list(_references([inner.get("output_layers"), inner.get("input_layers")]))
    for nested in layers:
        if nested.get("class_name") not in MODELS or any(isinstance(node, dict) for node in nested["inbound_nodes"]):
            continue
        name, calls = nested.get("name"), len(nested["inbound_nodes"])
        own = [r for r in references if r[0] == name]
        out = [r for r in ends if r[0] == name]
        if max((r[1] for r in own + out), default=0) >= calls:
            for reference in own + (out if nested["class_name"] == "Sequential" else []):
                reference[1] -= 1


def _references(node: Any) -> Iterator[list[Any]]:
    """Every [layer, call, tensor, ...] in nodes as Keras 2 writes them."""
    if not isinstance(node, list):
        return
    if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
        yield node
        return
    for value in node:
        yield from _references(value)
