"""Judges a Keras model's configuration before Keras sees it: only layers that are plain data may be loaded.

A Keras file can name arbitrary classes and functions, and carry Python code (Lambda layers). Nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dqa.errors import ModelError
from dqa.frontend.keras_instead import INSTEAD
from dqa.frontend.keras_names import CODE, FUNCTIONS, LAYERS, OPERATIONS, PARTS
from dqa.frontend.limits import MAX_LAYERS

Config = dict[str, Any]
OTHERWISE = "replace it by built-in layers, or convert the model to a float32 .tflite yourself and give that"
_MAX_DEPTH = 100
_UNCHECKED = ("compile_config",)  # taken out by keras_forms.canonical


def check_config(config: object, source: str) -> None:
    """Raises ModelError, naming the layer, if a configuration holds anything but known layers and their parts, or more than MAX_LAYERS."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelError(
            f"{source}: the model's configuration is not that of a Keras model", hint="save the whole model with model.save(...)"
        )
    layers = 0
    for item, layer in _items(config, "", 0, source):
        _check_item(item, layer, source)
        layers += item["class_name"] in LAYERS
        if layers > MAX_LAYERS:
            raise ModelError(f"{source}: has more than {MAX_LAYERS} layers", hint="such a model does not fit a microcontroller")


def layer_names(config: object) -> list[str]:
    """Names of all layers of a checked configuration, nested models included."""
    names: list[str] = []
    for item, _ in _items(config, "", 0, ""):
        inner = item.get("config")
        if str(item["class_name"]) in LAYERS and isinstance(inner, dict) and isinstance(inner.get("name"), str):
            names.append(inner["name"])
    return names


def _items(node: object, layer: str, depth: int, source: str) -> Iterator[tuple[Config, str]]:
    """Every dictionary with a class_name, and the name of the layer around it."""
    if depth > _MAX_DEPTH:
        raise ModelError(f"{source}: the model's configuration is nested more than {_MAX_DEPTH} levels deep", hint="the file is corrupt")
    if isinstance(node, dict):
        inner = node.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            layer = inner["name"]
        if "class_name" in node:
            yield node, layer
        for key, value in node.items():
            if key not in _UNCHECKED:
                yield from _items(value, layer, depth + 1, source)
    elif isinstance(node, list):
        for value in node:
            yield from _items(value, layer, depth + 1, source)


def _check_item(item: Config, layer: str, source: str) -> None:
    name, module = str(item["class_name"]), item.get("module")
    where = f"layer '{layer}'" if layer else "the model"
    if name in CODE:
        raise ModelError(
            f"{source}: {where} is a Lambda, which is Python code inside the model file; dqa never runs code from a model file",
            hint="replace it by built-in layers (Rescaling, Activation, Reshape, ...), or give a float32 .tflite",
        )
    if name == "function":
        allowed = item.get("config") in FUNCTIONS
        name = f"function {item.get('config')}"
    else:
        operation = isinstance(module, str) and module.startswith("keras.src.ops.")
        allowed = name in LAYERS | PARTS or (operation and name in OPERATIONS)
    known_module = module in (None, "builtins", "numpy") or (isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras"))
    known_alias = item.get("registered_name") in (None, "function", "DTypePolicy", item["class_name"], item.get("config"))
    if not (allowed and known_module and known_alias):
        raise ModelError(
            f"{source}: {where} uses '{name}', which is not one of the layers that dqa loads",
            hint=f"instead: {INSTEAD[name]}" if name in INSTEAD else OTHERWISE,
        )
