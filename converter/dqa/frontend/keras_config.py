"""Judges a Keras model's configuration before Keras sees it: only layers that are plain data may be loaded.

A Keras file can name arbitrary classes and functions, and carry Python code (Lambda layers). Nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dqa.errors import ModelError

Config = dict[str, Any]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LAYERS = _names("""
Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D AveragePooling2D BatchNormalization Concatenate Conv1D
Conv1DTranspose Conv2D Conv2DTranspose Cropping1D Cropping2D Dense DepthwiseConv1D DepthwiseConv2D Dropout ELU Flatten GaussianDropout
GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D GroupNormalization Identity InputLayer
InputSpec LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D Maximum Minimum Multiply Normalization PReLU Permute ReLU Rescaling
Reshape SeparableConv1D SeparableConv2D Softmax SpatialDropout1D SpatialDropout2D Subtract ThresholdedReLU UnitNormalization
UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D GlobalAvgPool1D GlobalAvgPool2D GlobalMaxPool1D GlobalMaxPool2D AvgPool1D
AvgPool2D MaxPool1D MaxPool2D Functional Model Sequential TimeDistributed
""")
_PARTS = _names("""
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal RandomNormal RandomUniform
TruncatedNormal VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm DTypePolicy Policy
FloatDTypePolicy TensorShape __tuple__ __numpy__ __tensor__ __keras_tensor__ __ellipsis__
""")
_ALLOWED = _LAYERS | _PARTS
_FUNCTIONS = _names("""
celu elu exponential gelu glu hard_sigmoid hard_silu hard_swish leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax
softplus softsign swish tanh
""")
_CODE = {"Lambda", "__lambda__"}
_MAX_DEPTH = 100
_UNCHECKED = ("compile_config",)  # taken out by clean_config


def check_config(config: object, source: str) -> None:
    """Raises ModelError, naming the layer, if a configuration holds anything but known layers and their parts."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelError(
            f"{source}: the model's configuration is not that of a Keras model", hint="save the whole model with model.save(...)"
        )
    for item, layer in _items(config, "", 0, source):
        _check_item(item, layer, source)


def layer_names(config: object) -> list[str]:
    """Names of all layers of a checked configuration, nested models included."""
    names: list[str] = []
    for item, _ in _items(config, "", 0, ""):
        inner = item.get("config")
        if str(item["class_name"]) in _LAYERS and isinstance(inner, dict) and isinstance(inner.get("name"), str):
            names.append(inner["name"])
    return names


def clean_config(config: Config) -> Config:
    """Takes out of a checked configuration, in place, what was not checked (compile_config: optimizers and losses) and what
    Keras 2 wrote but Keras 3 refuses."""
    for item, _ in _items(config, "", 0, ""):
        item.pop("compile_config", None)
        inner = item.get("config")
        if isinstance(inner, dict) and item["class_name"] in ("DepthwiseConv2D", "DepthwiseConv1D", "SeparableConv2D", "SeparableConv1D"):
            for key in ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
                inner.pop(key, None)
        if isinstance(inner, dict) and item["class_name"] in ("Conv2DTranspose", "Conv1DTranspose"):
            inner.pop("groups", None)
    return config


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
    if name in _CODE:
        raise ModelError(
            f"{source}: {where} is a Lambda, which is Python code inside the model file; dqa never runs code from a model file",
            hint="replace it by built-in layers (Rescaling, Activation, Reshape, ...), or give a float32 .tflite",
        )
    if isinstance(module, str) and module.startswith("tf_keras"):
        raise ModelError(
            f"{source}: was saved by tf_keras (Keras 2), which Keras 3 cannot read from a .keras file",
            hint="save it as .h5 with model.save('model.h5'), or as a SavedModel with model.export(...)",
        )
    if name == "function":
        allowed = item.get("config") in _FUNCTIONS
        name = f"function {item.get('config')}"
    else:
        allowed = isinstance(name, str) and name in _ALLOWED
    known_module = module in (None, "builtins", "numpy") or (isinstance(module, str) and module.split(".")[0] == "keras")
    known_alias = item.get("registered_name") in (None, "function", "DTypePolicy", item["class_name"], item.get("config"))
    if not (allowed and known_module and known_alias):
        raise ModelError(
            f"{source}: {where} uses '{name}', which is not one of the built-in layers that dqa loads",
            hint="replace it by built-in layers, or convert the model to a float32 .tflite yourself and give that",
        )
