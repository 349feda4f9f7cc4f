"""Typical architectures, small: what benchmarks/networks.py trains on generated data (benchmarks/generated.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import generated as data
import numpy as np


@dataclass(frozen=True)
class Architecture:
    """shapes: of the inputs, without the batch. build: what is built on the inputs. samples: how many of them, the shapes of the outputs,
    random numbers -> the data of each input and of each output."""

    shapes: tuple[tuple[int, ...], ...]
    build: Callable[..., Any]
    samples: Callable[[int, Sequence[Sequence[int]], np.random.Generator], tuple[Sequence[data.Array], Sequence[data.Array]]]


def architectures() -> dict[str, Architecture]:
    """By name."""
    import keras
    from keras import layers as L

    def conv(x: Any, filters: int, kernel: int = 3, stride: int = 1, activation: str | None = "relu", **more: Any) -> Any:
        return L.Conv2D(filters, kernel, strides=stride, padding="same", activation=activation, **more)(x)

    def normed(x: Any, filters: int, kernel: int = 3, stride: int = 1, activation: str = "relu") -> Any:
        return L.Activation(activation)(L.BatchNormalization()(conv(x, filters, kernel, stride, None, use_bias=False)))

    def head(x: Any, classes: int = 6) -> Any:
        return L.Dense(classes, activation="softmax")(L.GlobalAveragePooling2D()(x))

    def last(x: Any, classes: int = 6) -> Any:
        return L.Dense(classes, activation="softmax")(L.GlobalAveragePooling1D()(x))

    def excited(x: Any, ratio: int = 4) -> Any:
        channels = x.shape[-1]
        gate = L.Dense(channels // ratio, activation="relu")(L.GlobalAveragePooling2D()(x))
        return L.Multiply()([x, L.Reshape((1, 1, channels))(L.Dense(channels, activation="hard_sigmoid")(gate))])

    def lenet(x: Any) -> Any:
        x = L.AveragePooling2D(2)(L.Conv2D(6, 5, activation="tanh")(x))
        return L.Dense(6, activation="softmax")(L.Dense(40, activation="tanh")(L.Flatten()(L.Conv2D(12, 5, activation="tanh")(x))))

    def vgg(x: Any) -> Any:
        for filters in (8, 16):
            x = L.MaxPooling2D()(conv(conv(x, filters), filters))
        return L.Dense(6, activation="softmax")(L.Dropout(0.5)(L.Dense(32, activation="relu")(L.Flatten()(x))))

    def inception(x: Any) -> Any:
        x = conv(x, 8, stride=2)
        branches = [
            conv(x, 4, 1),
            conv(conv(x, 4, 1), 6, 3),
            conv(conv(x, 2, 1), 4, 5),
            conv(L.MaxPooling2D(3, 1, padding="same")(x), 4, 1),
        ]
        return head(conv(L.Concatenate()(branches), 16, stride=2))

    def dense_block(x: Any) -> Any:
        x = conv(x, 8, stride=2)
        for _ in range(3):
            x = L.Concatenate()([x, conv(L.ReLU()(L.BatchNormalization()(x)), 4)])
        return head(L.AveragePooling2D(2)(conv(x, 12, 1)))

    def resnet(x: Any) -> Any:
        x = normed(x, 8)
        for filters, stride in ((8, 1), (16, 2)):
            y = L.BatchNormalization()(conv(normed(x, filters, stride=stride), filters, activation=None))
            x = x if stride == 1 else conv(x, filters, 1, stride, None)
            x = L.ReLU()(L.Add()([x, y]))
        return head(x)

    def preactivated(x: Any) -> Any:
        x = conv(x, 8, stride=2, activation=None)
        for _ in range(2):
            y = conv(L.ReLU()(L.BatchNormalization()(x)), 8, activation=None)
            x = L.Add()([x, conv(L.ReLU()(L.BatchNormalization()(y)), 8, activation=None)])
        return head(L.ReLU()(x))

    def mobile(x: Any) -> Any:
        x = normed(x, 8, stride=2)
        for filters, stride in ((12, 1), (16, 2), (16, 1)):
            x = L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)))
            x = normed(x, filters, 1)
        return head(x)

    def mobile_v3(x: Any) -> Any:
        x = normed(x, 8, stride=2, activation="hard_silu")
        for stride in (1, 2):
            y = normed(x, 24, 1, activation="hard_silu")
            y = L.Activation("hard_silu")(L.BatchNormalization()(L.DepthwiseConv2D(5, stride, padding="same", use_bias=False)(y)))
            y = L.BatchNormalization()(conv(excited(y), 8, 1, activation=None))
            x = L.Add()([x, y]) if stride == 1 else y
        return head(x)

    def efficient(x: Any) -> Any:
        x = normed(x, 8, stride=2, activation="silu")
        y = normed(x, 16, 1, activation="silu")
        y = excited(L.Activation("silu")(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(y))))
        return head(L.Add()([x, conv(y, 8, 1, activation=None)]))

    def shuffled(x: Any) -> Any:
        x = conv(x, 8, stride=2)
        y = L.Permute((1, 2, 3))(conv(x, 8, 1, groups=2))
        y = L.Reshape((12, 12, 8))(L.Permute((1, 2, 4, 3))(L.Reshape((12, 12, 2, 4))(y)))
        return head(L.Concatenate()([x, conv(L.DepthwiseConv2D(3, padding="same")(y), 8, 1, groups=2)]))

    def fire(x: Any) -> Any:
        x = L.MaxPooling2D()(conv(x, 8))
        x = conv(x, 4, 1)
        return head(conv(L.Concatenate()([conv(x, 8, 1), conv(x, 8)]), 6, 1))

    def xception(x: Any) -> Any:
        x = conv(x, 8, stride=2)
        y = L.SeparableConv2D(16, 3, padding="same")(L.ReLU()(L.SeparableConv2D(16, 3, padding="same")(x)))
        return head(L.Add()([conv(x, 16, 1, 2, None), L.MaxPooling2D(3, 2, padding="same")(y)]))

    def convnext(x: Any) -> Any:
        x = L.LayerNormalization()(L.Conv2D(12, 4, strides=4)(x))
        y = L.LayerNormalization()(L.DepthwiseConv2D(5, padding="same")(x))
        return head(L.Add()([x, conv(conv(y, 24, 1, activation="gelu"), 12, 1, activation=None)]))

    def context(x: Any) -> Any:
        x = conv(x, 8)
        for rate in (2, 4, 8):
            x = conv(x, 8, dilation_rate=rate)
        return L.Conv2D(4, 1)(x)

    def pyramid(x: Any) -> Any:
        low = conv(x, 8, stride=2)
        high = conv(low, 12, stride=2)
        merged = L.Add()([conv(low, 8, 1, activation=None), L.UpSampling2D(2, interpolation="bilinear")(conv(high, 8, 1, activation=None))])
        return L.Conv2D(4, 3, padding="same")(merged)

    def unet(x: Any) -> Any:
        a = conv(x, 8)
        b = conv(L.MaxPooling2D()(a), 12)
        c = conv(L.MaxPooling2D()(b), 16)
        b = conv(L.Concatenate()([b, L.Conv2DTranspose(12, 2, strides=2)(c)]), 12)
        return L.Conv2D(4, 1)(conv(L.Concatenate()([a, L.UpSampling2D()(b)]), 8))

    def coder(x: Any) -> Any:
        x = conv(conv(x, 8, stride=2), 4, stride=2)
        x = L.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
        return L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)

    def attended(x: Any) -> Any:
        x = excited(conv(x, 8, stride=2))
        gate = L.Conv2D(1, 7, padding="same", activation="sigmoid")(x)
        return head(L.Multiply()([x, gate]))

    def strongest(x: Any) -> Any:
        return L.Dense(6)(L.GlobalMaxPooling2D()(L.PReLU(shared_axes=[1, 2])(conv(x, 12, stride=2, activation=None))))

    def cropped(x: Any) -> Any:
        return head(L.Add()([L.Cropping2D(2)(conv(x, 8)), L.Conv2D(8, 3, activation="relu")(L.Conv2D(8, 3, activation="relu")(x))]))

    def heads(x: Any) -> Any:
        x = conv(conv(x, 8, stride=2), 12, stride=2)
        return [head(x, 4), L.Dense(2)(L.Flatten()(conv(x, 2, 1)))]

    def temporal(x: Any) -> Any:
        for rate in (1, 2, 4):
            y = L.Conv1D(8, 3, padding="causal", dilation_rate=rate, activation="relu")(x)
            x = L.Add()([L.Conv1D(8, 1)(x), y])
        return last(x)

    def gated(x: Any) -> Any:
        x = L.Conv1D(8, 1)(x)
        for rate in (1, 2):
            a, b = (L.Conv1D(8, 2, padding="causal", dilation_rate=rate, activation=f)(x) for f in ("tanh", "sigmoid"))
            x = L.Add()([x, L.Conv1D(8, 1)(L.Multiply()([a, b]))])
        return last(L.ReLU()(x))

    def heart(x: Any) -> Any:
        x = L.Conv1D(8, 7, strides=2, padding="same", activation="relu")(x)
        y = L.Conv1D(8, 5, padding="same")(L.Conv1D(8, 5, padding="same", activation="relu")(x))
        return L.Dense(4, activation="softmax")(L.Flatten()(L.MaxPooling1D(2)(L.ReLU()(L.Add()([x, y])))))

    def separable(x: Any) -> Any:
        x = L.SeparableConv1D(12, 5, strides=2, padding="same", activation="relu")(x)
        return L.Dense(4)(L.GlobalMaxPooling1D()(L.SeparableConv1D(12, 3, activation="relu")(x)))

    def recurrent(x: Any) -> Any:
        return L.Dense(4, activation="softmax")(L.GRU(12)(L.Conv1D(8, 3, strides=2, activation="relu")(x)))

    def stacked(x: Any) -> Any:
        return L.Dense(4, activation="softmax")(L.LSTM(10)(L.LSTM(10, return_sequences=True)(x)))

    def both_ways(x: Any) -> Any:
        return L.TimeDistributed(L.Dense(3))(L.Bidirectional(L.GRU(8, return_sequences=True))(x))

    def simple(x: Any) -> Any:
        return L.Dense(4)(L.SimpleRNN(12)(x))

    def series_coder(x: Any) -> Any:
        x = L.MaxPooling1D(2)(L.Conv1D(8, 3, padding="same", activation="relu")(x))
        return L.Conv1DTranspose(6, 4, strides=2, padding="same")(x)

    def mixer(x: Any) -> Any:
        y = L.Permute((2, 1))(L.Dense(32)(L.Dense(16, activation="gelu")(L.Permute((2, 1))(L.LayerNormalization()(x)))))
        x = L.Add()([x, y])
        return last(L.Add()([x, L.Dense(6)(L.Dense(12, activation="gelu")(L.LayerNormalization()(x)))]))

    def words(x: Any) -> Any:
        return L.Dense(4, activation="softmax")(L.GlobalMaxPooling1D()(L.Conv1D(12, 3, activation="relu")(L.Embedding(50, 8)(x))))

    def selu(x: Any) -> Any:
        return L.Dense(5, activation="softmax")(L.Dense(16, activation="selu")(L.Dense(24, activation="selu")(x)))

    def residual(x: Any) -> Any:
        y = L.Dense(24)(L.Dense(16, activation="mish")(L.LayerNormalization()(x)))
        return L.Dense(1)(L.UnitNormalization()(L.Add()([x, y])))

    def squeezed(x: Any) -> Any:
        return L.Dense(24)(L.Dense(12, activation="softplus")(L.Dense(4, activation="softsign")(L.Dense(12, activation="elu")(x))))

    def twice(a: Any, b: Any) -> Any:
        shared = keras.Sequential([L.Conv2D(8, 3, 2, "same", activation="relu"), L.Conv2D(16, 3, 2, "same", activation="relu")])
        shared.add(L.Flatten())
        shared.add(L.Dense(24, activation="relu"))
        apart = keras.ops.abs(shared(a) - shared(b))
        return L.Dense(1, activation="sigmoid")(apart)

    def both(image: Any, vector: Any) -> Any:
        seen = L.GlobalAveragePooling2D()(conv(conv(image, 8, stride=2), 16, stride=2))
        x = L.Dense(24, activation="relu")(L.Concatenate()([seen, L.Dense(12, activation="relu")(vector)]))
        return [L.Dense(6, activation="softmax", name="shape")(x), L.Dense(2, name="place")(x)]

    images = {
        **{"lenet": lenet, "vgg": vgg, "inception": inception, "dense-block": dense_block, "resnet-v1": resnet},
        **{"resnet-v2": preactivated, "mobilenet-v1": mobile, "mobilenet-v3": mobile_v3, "efficientnet": efficient},
        **{"shufflenet": shuffled, "squeezenet": fire, "xception": xception, "convnext": convnext, "dilated-context": context},
        **{"pyramid": pyramid, "unet-transposed": unet, "autoencoder": coder, "attention-cbam": attended, "global-max": strongest},
        **{"cropped": cropped},
    }
    several = {
        "two-heads": Architecture((data.IMAGE,), heads, data.image_twice),
        "siamese": Architecture((data.IMAGE, data.IMAGE), twice, data.pairs),
        "two-in-two-out": Architecture((data.IMAGE, data.VECTOR), both, data.image_and_vector),
    }
    series = {
        **{"tcn": temporal, "gated-tcn": gated, "ecg": heart, "separable": separable, "conv-gru": recurrent, "lstm-stack": stacked},
        **{"bidirectional": both_ways, "simple-rnn": simple, "series-autoencoder": series_coder, "mlp-mixer": mixer},
    }
    vectors = {"selu-mlp": selu, "residual-mlp": residual, "squeezed-mlp": squeezed}
    kinds = [(images, data.IMAGE, data.images), (series, data.SERIES, data.series), (vectors, data.VECTOR, data.vectors)]
    kinds += [({"text-cnn": words}, data.TOKENS, data.tokens)]
    alone = {name: Architecture((shape,), build, one_to_one(samples)) for part, shape, samples in kinds for name, build in part.items()}
    return alone | several


def one_to_one(samples: Callable[..., tuple[data.Array, data.Array]]) -> Any:
    """Data of one input and one output in the form of `Architecture.samples`."""

    def made(count: int, outputs: Sequence[Sequence[int]], random: np.random.Generator) -> Any:
        x, y = samples(count, outputs[0], random)
        return (x,), (y,)

    return made
