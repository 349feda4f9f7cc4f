"""Every layer that Keras offers, in a small network: it is converted and gives Keras' numbers, or refused in one error that names it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.keras_files import in_process
from dqa import convert
from dqa.calibration import float_outputs
from dqa.errors import InputError
from dqa.frontend import load_model
from dqa.frontend.keras_names import IDLE_LAYERS

pytestmark = pytest.mark.slow
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

IMAGE, COLORS, SEQUENCE, VECTOR, VOLUME = (8, 8, 4), (8, 8, 3), (12, 4), (6,), (4, 4, 4, 2)
MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
PAIRS = (*MERGES, "AdditiveAttention", "Attention", "Dot")
# Layers that stand for others, run another framework's code, take text or boxes, are a part of RNN, or (Equalization) that Keras cannot
# call while it builds a model.
NOT_ALONE = {
    *("Equalization", "FlaxLayer", "GRUCell", "HashedCrossing", "InputLayer", "JaxLayer", "LSTMCell", "Layer", "MaxNumBoundingBoxes"),
    *("SimpleRNNCell", "StackedRNNCells", "StringLookup", "TFSMLayer", "TextVectorization", "TorchModuleWrapper", "Wrapper"),
}
# What a layer must be told; one that is not here is made without arguments.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **{f"Conv{n}D{kind}": (3, 2) for n in (1, 2, 3) for kind in ("", "Transpose")},
    **{f"{kind}Conv{n}D": (3, 2) for n in (1, 2) for kind in ("Separable",)},
    **{f"DepthwiseConv{n}D": (2,) for n in (1, 2)},
    **{f"{kind}Pooling{n}D": (2,) for n in (1, 2, 3) for kind in ("Average", "Max")},
    **{f"Adaptive{kind}Pooling{n}D": (2,) for n in (1, 2, 3) for kind in ("Average", "Max")},
    **{f"SpatialDropout{n}D": (0.3,) for n in (1, 2, 3)},
    **{f"Cropping{n}D": (1,) for n in (1, 2, 3)},
    **{f"ConvLSTM{n}D": (2, 2) for n in (1, 2, 3)},
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "RandomZoom", "RandomShear", "RandomHue"), (0.3,)),
    **dict.fromkeys(("RandomBrightness", "RandomContrast", "RandomRotation", "RandomSaturation", "RandomSharpness"), (0.3,)),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "Dense"), (3,)),
    **dict.fromkeys(("Resizing", "CenterCrop", "RandomCrop"), (5, 5)),
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), (10, 3)),
    "Activation": ("relu",),
    "CategoryEncoding": (4,),
    "Discretization": ([0.0, 1.0],),
    "Dot": (2,),
    "EinsumDense": ("abcd,de->abce", (8, 8, 5)),
    "GroupNormalization": (2,),
    "Hashing": (4,),
    "MelSpectrogram": (64, 32),
    "Permute": ((2, 1),),
    "RandomColorDegeneration": (0.5,),
    "RandomPosterization": (3,),
    "RandomTranslation": (0.1, 0.1),
    "RepeatVector": (3,),
    "STFTSpectrogram": ("log", 64, 32),
    "Rescaling": (0.5, 0.1),
    "Reshape": ((16, 16),),
}
SHAPES = {
    "RepeatVector": VECTOR,
    "Permute": SEQUENCE,
    "LSTM": SEQUENCE,
    "GRU": SEQUENCE,
    "SimpleRNN": SEQUENCE,
    "SpatialDropout1D": SEQUENCE,
    "AdditiveAttention": SEQUENCE,
    "Attention": SEQUENCE,
    "Dot": SEQUENCE,
    "RandomColorDegeneration": COLORS,
    "MelSpectrogram": (256,),
    "STFTSpectrogram": (256, 1),
}


def layer_classes() -> list[str]:
    """Names of the layers, each class once, without those of SPECIAL."""
    found: dict[type, str] = {}
    for name in sorted(dir(keras.layers)):
        item = getattr(keras.layers, name)
        if isinstance(item, type) and issubclass(item, keras.layers.Layer) and item.__name__ == name:
            found.setdefault(item, name)
    return sorted(set(found.values()) - NOT_ALONE - {name.split()[0] for name in SPECIAL})


def shape_of(name: str) -> tuple[int, ...]:
    if name.startswith("ConvLSTM"):
        return (2, *{"1D": SEQUENCE, "2D": IMAGE, "3D": VOLUME}[name[-2:]])
    return SHAPES.get(name) or (VOLUME if "3D" in name else SEQUENCE if "1D" in name else IMAGE)


def simple(name: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        layer = getattr(keras.layers, name)(*ARGUMENTS.get(name, ()), name="suspect")
        return layer([x, keras.layers.LeakyReLU(name="other")(x)]) if name in PAIRS else layer(x)

    return apply


SPECIAL: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "TimeDistributed": (SEQUENCE, lambda x: keras.layers.TimeDistributed(keras.layers.Dense(3), name="suspect")(x)),
    "Bidirectional": (SEQUENCE, lambda x: keras.layers.Bidirectional(keras.layers.LSTM(3), name="suspect")(x)),
    "MultiHeadAttention": (SEQUENCE, lambda x: keras.layers.MultiHeadAttention(2, 2, name="suspect")(x, x)),
    "Lambda": (VECTOR, lambda x: keras.layers.Lambda(lambda y: y, name="suspect")(x)),
    "IntegerLookup": (VECTOR, lambda x: keras.layers.IntegerLookup(vocabulary=[1, 2, 3], name="suspect")(x)),
    "Pipeline": (IMAGE, lambda x: keras.layers.Pipeline([keras.layers.Rescaling(0.5)], name="suspect")(x)),
    "RNN": (SEQUENCE, lambda x: keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)], name="suspect")(x)),
    "SpectralNormalization": (VECTOR, lambda x: keras.layers.SpectralNormalization(keras.layers.Dense(3), name="suspect")(x)),
    "bilinear": (IMAGE, lambda x: keras.layers.UpSampling2D(2, interpolation="bilinear", name="suspect")(x)),
    "5 dimensions": (IMAGE, lambda x: keras.layers.Permute((2, 1, 3, 4), name="suspect")(keras.layers.Reshape((2, 4, 4, 8), name="r")(x))),
    "groups": (IMAGE, lambda x: keras.layers.Conv2D(4, 3, groups=2, name="suspect")(x)),
    "dilated": (IMAGE, lambda x: keras.layers.Conv2D(4, 3, dilation_rate=2, name="suspect")(x)),
    "long dense": ((2,), lambda x: keras.layers.Dense(2, name="last")(keras.layers.Dense(70_000, name="suspect")(x))),
    "long flat": ((256, 300, 1), lambda x: keras.layers.Dense(2, name="suspect")(keras.layers.Flatten()(x))),
    "long input": ((70_000,), lambda x: keras.layers.Dense(2, name="suspect")(x)),
}
ON_VECTORS = {"SeparableConv1D", "hard_sigmoid"}
NO_ACTIVATIONS = {"get", "serialize", "deserialize", "threshold", "glu"}
"""threshold takes more than a tensor; a model with glu does not run in Keras, which expects another shape of it."""
ACTIVATIONS = sorted(
    name for name, item in vars(keras.activations).items() if callable(item) and not isinstance(item, type) and name not in NO_ACTIVATIONS
)


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    in_process(monkeypatch)
    keras.utils.set_random_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def check(shape: tuple[int, ...], apply: Callable[[Any], Any], directory: Path, refused: bool | None = None) -> None:
    """Converts a network of that layer: with Keras' numbers, or (refused: must it be?) with an error that names the layer."""
    entry = keras.Input(shape, name="entry")
    model = keras.Model(entry, apply(entry))
    model.save(directory / "m.keras")
    x = np.random.default_rng(0).normal(size=(12, *shape)).astype(np.float32)
    np.savez(directory / "c.npz", x=x)
    try:
        convert(directory / "m.keras", directory / "c.npz", directory / "out")
    except InputError as error:
        assert refused is not False, error.message
        assert "'suspect" in error.message or "input 'entry'" in error.message, error.message
        assert "\n" not in error.message and error.hint
        return
    assert not refused
    expected = np.asarray(model(x, training=False))
    actual = float_outputs(load_model(directory / "out" / "float.tflite"), x)
    np.testing.assert_allclose(actual.reshape(expected.shape), expected, atol=1e-4)


@pytest.mark.parametrize("name", layer_classes())
def test_a_layer_is_converted_or_refused_by_name(name: str, tmp_path: Path) -> None:
    if name in ON_VECTORS:
        pytest.xfail("stages of vectors do not run in LiteRT")
    check(shape_of(name), simple(name), tmp_path)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_converted_or_refused_by_name(name: str, tmp_path: Path) -> None:
    if name in ON_VECTORS:
        pytest.xfail("stages of vectors do not run in LiteRT")
    check((24,), lambda x: keras.layers.Dense(24, name="last")(keras.layers.Activation(name, name="suspect")(x)), tmp_path)


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_a_layer_of_layers_or_of_odd_shapes(name: str, tmp_path: Path) -> None:
    refused = {"Lambda": True, "5 dimensions": True, "long dense": True, "long input": True, "long flat": False, "groups": False}.get(name)
    check(*SPECIAL[name], tmp_path, refused)


@pytest.mark.parametrize("name", sorted(IDLE_LAYERS & set(dir(keras.layers))))
def test_a_layer_that_is_passed_through_does_nothing_in_keras(name: str) -> None:
    shape = {"SpatialDropout1D": SEQUENCE, "SpatialDropout3D": VOLUME}.get(name, (8, 8, 3))
    x = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype(np.float32)
    layer = getattr(keras.layers, name)(*ARGUMENTS.get(name, ()))
    np.testing.assert_array_equal(np.asarray(layer(x, training=False)), x)


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_model_of_another_precision_is_converted(policy: str, form: str, tmp_path: Path) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        entry = keras.Input((8,), name="entry")
        x = keras.layers.BatchNormalization()(keras.layers.Dense(16, activation="relu")(entry))
        model = keras.Model(entry, keras.layers.Dense(4, activation="softmax", name="scores")(x))
        model.save(tmp_path / f"m.{form}")
    finally:
        keras.config.set_dtype_policy("float32")
    x = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    loaded = load_model(tmp_path / f"m.{form}")
    np.testing.assert_allclose(float_outputs(loaded, x), np.asarray(model(x, training=False), np.float32), atol=0.02)
    assert loaded.output.name == "scores"


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_augmentation_in_a_nested_model_is_passed_through(form: str, tmp_path: Path) -> None:
    layers = keras.layers
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.GaussianNoise(0.2)], name="augment")
    entry = keras.Input((8, 8, 3), name="entry", dtype="uint8")
    x = layers.Dropout(0.2)(layers.Conv2D(4, 3, activation="relu")(augment(layers.Rescaling(1 / 255)(entry))))
    model = keras.Model(entry, layers.Dense(3, name="scores")(layers.Flatten()(layers.SpatialDropout2D(0.3)(x))))
    model.save(tmp_path / f"m.{form}")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    loaded = load_model(tmp_path / f"m.{form}")
    actual = float_outputs(loaded, pixels.astype(np.float32))
    np.testing.assert_allclose(actual, np.asarray(model(pixels, training=False)), atol=1e-4)
    assert {op.kind for op in loaded.graph.ops} <= {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "RESHAPE", "MUL"}
