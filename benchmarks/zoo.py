"""Networks of kinds that users bring, trained here: each with calibration and test data that the converter never helped to make.

    python benchmarks/zoo.py [NAME ...] [-o out/zoo]

Writes NAME.keras, NAME-calibration.npz and NAME-test.npz; what is there is kept. Needs TensorFlow and Debian's dataset-fashion-mnist.
Every network sees seeded data and starts from seeded weights; training on other processors may end in slightly different ones.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True, eq=False)
class Data:
    """Samples and what a network should answer for them: x (N, ...), y (N, ...)."""

    x: Array
    y: Array

    def part(self, start: int, stop: int) -> Data:
        return Data(self.x[start:stop], self.y[start:stop])


@dataclass(frozen=True)
class Entry:
    """build: the network and its loss. data: all samples, the first `train` of them for training.

    calibration: how many of the training samples the converter gets. scale: the network's input is the data times it.
    """

    about: str
    data: Callable[[], Data]
    build: Callable[[Any], Any]
    loss: str
    metric: str
    epochs: int = 4
    train: int = 8000
    test: int = 1500
    calibration: int = 300
    scale: str = "1"
    decay: float = 0.0


def fashion(size: int = 28) -> Data:
    """10,000 of Fashion-MNIST's training images, then its test images; uint8 (N, size, size, 1)."""
    parts = []
    for name in ("train", "t10k"):
        pixels = np.frombuffer(gzip.decompress((FASHION / f"{name}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
        labels = np.frombuffer(gzip.decompress((FASHION / f"{name}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
        parts.append((pixels.reshape(-1, 28, 28, 1), labels))
    x, y = (np.concatenate([parts[0][i][:10000], parts[1][i]]) for i in (0, 1))
    return Data(x[:, ::2, ::2] if size == 14 else x, y.astype(np.int64))


def sensors() -> Data:
    """Temperature, humidity, pressure, gas, light and three accelerations: units of unlike size, five classes."""
    r = np.random.default_rng(1)
    centers = r.normal(0, 1.2, (5, 8))
    y = r.integers(0, 5, 12000)
    z = centers[y] + r.normal(0, 0.8, (len(y), 8))
    z[:, 3], z[:, 4] = np.exp(z[:, 3]), np.exp(1.5 * z[:, 4])
    x = z * [8, 20, 15, 2, 40, 0.5, 0.5, 0.5] + [22, 50, 1013, 0, 0, 0, 0, 9.81]
    return Data(x.astype(np.float32), y)


def motion() -> Data:
    """Windows of 64 steps and 6 channels: rhythms of six activities with drift and noise; float32 (N, 64, 1, 6)."""
    r = np.random.default_rng(2)
    y = r.integers(0, 6, 9500)
    t = np.arange(64) / 20
    rate = np.array([0.0, 0.9, 1.5, 2.2, 2.9, 4.0])[y] * r.uniform(0.85, 1.15, len(y))
    size = np.array([0.05, 0.5, 1.0, 1.6, 0.8, 0.4])[y]
    phase = r.uniform(0, 2 * np.pi, (len(y), 1, 6))
    wave = np.sin(2 * np.pi * rate[:, None, None] * t[None, :, None] + phase) * size[:, None, None]
    x = wave + 0.3 * wave**2 + r.normal(0, 0.25, wave.shape) + r.normal(0, 0.4, (len(y), 1, 6)) + [0, 0, 9.81, 0, 0, 0]
    return Data(x[:, :, None, :].astype(np.float32), y)


def steps() -> Data:
    """The same rhythms as a series: float32 (N, 64, 6)."""
    data = motion()
    return Data(data.x[:, :, 0, :], data.y)


def words() -> Data:
    """Ten words of three sounds out of six, each a pair of formants that glide, in 49 frames of 10 bands, loud or not, fast or slow.

    Some words are others said backwards, so that the order of the sounds counts. uint8 (N, 49, 10).
    """
    r = np.random.default_rng(6)
    sounds = r.uniform(0, 9, (6, 2, 2))  # formant, begin and end, in bands
    spoken = np.array([[0, 1, 2], [2, 1, 0], [3, 4, 5], [5, 4, 3], [0, 3, 1], [1, 3, 0], [2, 5, 4], [4, 5, 2], [0, 5, 1], [3, 2, 4]])
    y, bands, frames = r.integers(0, 10, 9500), np.arange(10), np.arange(49)
    x = r.normal(0, 0.12, (len(y), 49, 10))
    for i, word in enumerate(spoken[y]):
        start, gain = r.uniform(2, 16), r.uniform(0.5, 1.1)
        for sound in sounds[word]:
            length = r.uniform(6, 11)
            at = (frames - start) / length
            inside = ((at >= 0) & (at < 1)) * np.sin(np.pi * np.clip(at, 0.05, 0.95))
            for begin, end in sound + r.normal(0, 0.5, (2, 1)):
                x[i] += gain * inside[:, None] * np.exp(-((bands - begin - (end - begin) * at[:, None]) ** 2) / 2)
            start += length
    return Data(np.clip(60 + 110 * x, 0, 255).astype(np.uint8), y)


def sine() -> Data:
    r = np.random.default_rng(3)
    x = r.uniform(0, 2 * np.pi, (6000, 1)).astype(np.float32)
    return Data(x, np.sin(x))


def spectra() -> Data:
    """Sums of three peaks on 64 bins, to be compressed to 4 numbers and given back."""
    r = np.random.default_rng(4)
    bins = np.arange(64)
    place, height = r.uniform(8, 56, (8000, 2, 1)), r.uniform(0.3, 1, (8000, 2, 1))
    x = (height * np.exp(-((bins - place) ** 2) / 40)).sum(axis=1) + r.normal(0, 0.02, (8000, 64))
    return Data(x.astype(np.float32), x.astype(np.float32))


def shapes() -> Data:
    """Discs and bars on noise, and which of the three each pixel is; uint8 (N, 32, 32, 1)."""
    r = np.random.default_rng(5)
    row, column = np.mgrid[:32, :32]
    x, y = np.zeros((5000, 32, 32, 1)), np.zeros((5000, 32, 32), np.int64)
    for i in range(len(x)):
        (a, b), radius = r.integers(6, 26, 2), r.integers(3, 7)
        disc = (row - a) ** 2 + (column - b) ** 2 <= radius**2
        start, wide = r.integers(0, 26), r.integers(2, 6)
        bar = (column >= start) & (column < start + wide) & ~disc
        y[i][bar], y[i][disc] = 2, 1
        x[i, ..., 0] = 90 + 60 * disc - 40 * bar + r.normal(0, 18, (32, 32))
    return Data(np.clip(x, 0, 255).astype(np.uint8), y)


def _conv(x: Any, filters: int, stride: int = 1, kernel: int = 3, act: str = "relu", norm: bool = True) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=not norm)(x)
    x = layers.BatchNormalization(momentum=0.9)(x) if norm else x
    return layers.Activation(act)(x)


def _separable(x: Any, filters: int, stride: int = 1, act: str = "relu") -> Any:
    from keras import layers

    x = layers.Activation(act)(layers.BatchNormalization(momentum=0.9)(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)))
    return _conv(x, filters, kernel=1, act=act)


def _head(x: Any, classes: int) -> Any:
    from keras import layers

    return layers.Dense(classes, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def mlp(i: Any) -> Any:
    from keras import layers

    normalize = layers.Normalization()
    normalize.adapt(sensors().x[:8000])
    x = layers.Dense(32, activation="relu")(normalize(i))
    return layers.Dense(5, activation="softmax")(layers.Dense(16, activation="tanh")(x))


def har(i: Any) -> Any:
    from keras import layers

    x = layers.Conv2D(16, (5, 1), padding="same", activation="relu")(i)
    x = layers.MaxPooling2D((2, 1))(x)
    x = layers.Conv2D(24, (5, 1), padding="same", activation="relu")(x)
    x = layers.MaxPooling2D((2, 1))(x)
    return layers.Dense(6, activation="softmax")(layers.Dense(32, activation="relu")(layers.Flatten()(x)))


def gru(i: Any) -> Any:
    from keras import layers

    x = layers.GRU(32)(layers.GRU(32, return_sequences=True)(i))
    return layers.Dense(10, activation="softmax")(x)


def lstm(i: Any) -> Any:
    from keras import layers

    return layers.Dense(6, activation="softmax")(layers.LSTM(24)(layers.Normalization(mean=[0, 0, 9.81, 0, 0, 0], variance=[1.0] * 6)(i)))


def both_ways(i: Any) -> Any:
    from keras import layers

    x = layers.Bidirectional(layers.LSTM(16))(layers.Conv1D(16, 3, padding="same", activation="relu")(i))
    return layers.Dense(10, activation="softmax")(x)


def gesture(i: Any) -> Any:
    from keras import layers

    x = layers.MaxPooling2D((3, 1))(layers.Conv2D(8, (4, 3), padding="same", activation="relu")(i))
    x = layers.MaxPooling2D((3, 1))(layers.Conv2D(16, (4, 1), padding="same", activation="relu")(x))
    return layers.Dense(6)(layers.Dense(16, activation="relu")(layers.Flatten()(x)))


def dscnn(i: Any) -> Any:
    x = _conv(i, 24, 2, 5)
    for _ in range(3):
        x = _separable(x, 24)
    return _head(x, 10)


def depthwise_few(i: Any) -> Any:
    from keras import layers

    x = _conv(i, 8, 1)
    for filters, stride in ((16, 2), (32, 2), (48, 1)):
        x = _separable(x, filters, stride)
    return layers.Dense(10)(layers.Flatten()(layers.AveragePooling2D(2)(x)))


def mobilenet(i: Any) -> Any:
    from keras import layers

    x = _conv(i, 16, 2, act="relu6")
    for filters, stride in ((16, 1), (24, 2), (24, 1), (32, 1)):
        wide = _conv(x, 4 * x.shape[-1], kernel=1, act="relu6")
        deep = layers.Activation("relu6")(
            layers.BatchNormalization(momentum=0.9)(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(wide))
        )
        narrow = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 1, use_bias=False)(deep))
        x = layers.Add()([x, narrow]) if stride == 1 and x.shape[-1] == filters else narrow
    return _head(_conv(x, 64, kernel=1, act="relu6"), 10)


def fire(i: Any) -> Any:
    from keras import layers

    x = layers.MaxPooling2D(2)(_conv(i, 16, norm=False))
    for squeeze, expand in ((8, 16), (8, 16), (12, 24)):
        s = _conv(x, squeeze, kernel=1, norm=False)
        x = layers.Concatenate()([_conv(s, expand, kernel=1, norm=False), _conv(s, expand, norm=False)])
    return layers.Activation("softmax")(layers.GlobalAveragePooling2D()(layers.Conv2D(10, 1)(x)))


def elu(i: Any) -> Any:
    from keras import layers

    x = layers.MaxPooling2D(2)(layers.ELU()(layers.Conv2D(12, 3, padding="same")(i)))
    x = layers.MaxPooling2D(2)(layers.LeakyReLU(negative_slope=0.1)(layers.Conv2D(24, 3, padding="same")(x)))
    return layers.Dense(10, activation="softmax")(layers.Dense(32, activation="elu")(layers.Flatten()(x)))


def relu_norm(i: Any) -> Any:
    from keras import layers

    x = i
    for filters, stride in ((12, 2), (24, 2)):
        x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, stride, "same", activation="relu")(x))
        x = layers.BatchNormalization(momentum=0.9)(layers.DepthwiseConv2D(3, padding="same", activation="relu")(x))
    return _head(x, 10)


def resnet(i: Any) -> Any:
    from keras import layers

    x = _conv(i, 12)
    for filters, stride in ((12, 1), (24, 2)):
        short = x if stride == 1 else layers.Conv2D(filters, 1, stride)(x)
        y = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, 1, "same")(_conv(x, filters, stride)))
        x = layers.ReLU()(layers.Add()([short, y]))
    return _head(x, 10)


def dying(i: Any) -> Any:
    from keras import layers

    x = layers.MaxPooling2D(2)(_conv(i, 24))
    return _head(_separable(_separable(x, 48, 2), 48), 10)


def waves(i: Any) -> Any:
    from keras import layers

    return layers.Dense(1)(layers.Dense(16, activation="relu")(layers.Dense(16, activation="relu")(i)))


def bottleneck(i: Any) -> Any:
    from keras import layers

    x = layers.Dense(4, activation="relu")(layers.Dense(32, activation="relu")(i))
    return layers.Dense(64)(layers.Dense(32, activation="relu")(x))


def unet(i: Any) -> Any:
    from keras import layers

    a = _conv(i, 8)
    b = _conv(layers.MaxPooling2D(2)(a), 16)
    c = _conv(layers.MaxPooling2D(2)(b), 24)
    b = _conv(layers.Concatenate()([layers.UpSampling2D(2)(c), b]), 16)
    a = _conv(layers.Concatenate()([layers.UpSampling2D(2)(b), a]), 8)
    return layers.Conv2D(3, 1)(a)


CROSS, SQUARE = "sparse_categorical_crossentropy", "mse"
PIXEL = "1/255"
ZOO: dict[str, Entry] = {
    "mlp": Entry("MLP on sensors of unlike units", sensors, mlp, CROSS, "top1", 12),
    "har": Entry("activity recognition, convolutions along time", motion, har, CROSS, "top1", 4),
    "gesture": Entry("gestures, logits", motion, gesture, "logits", "top1", 4),
    "lstm": Entry("activity recognition, LSTM", steps, lstm, CROSS, "top1", 6),
    "gru": Entry("words, two layers of GRU", words, gru, CROSS, "top1", 10, scale=PIXEL),
    "both_ways": Entry("words, LSTM in both directions behind a convolution", words, both_ways, CROSS, "top1", 6, scale=PIXEL),
    "dscnn": Entry("DS-CNN, batch norm", fashion, dscnn, CROSS, "top1", 3, scale=PIXEL),
    "depthwise": Entry(
        "depthwise and batch norm, 250 samples, logits", fashion, depthwise_few, "logits", "top1", 4, calibration=250, scale=PIXEL
    ),
    "mobilenet": Entry("MobileNetV2 with ReLU6", fashion, mobilenet, CROSS, "top1", 4, scale=PIXEL),
    "fire": Entry("fire modules", fashion, fire, CROSS, "top1", 4, scale=PIXEL),
    "elu": Entry("ELU and LeakyReLU", lambda: fashion(14), elu, CROSS, "top1", 5, scale=PIXEL),
    "relu_norm": Entry("batch norm behind ReLU", fashion, relu_norm, CROSS, "top1", 4, scale=PIXEL),
    "resnet": Entry("residual blocks", lambda: fashion(14), resnet, CROSS, "top1", 5, scale=PIXEL),
    "dying": Entry("strong weight decay", fashion, dying, CROSS, "top1", 4, scale=PIXEL, decay=0.02),
    "sine": Entry("regression of a sine", sine, waves, SQUARE, "mse", 150, 4000, calibration=300),
    "bottleneck": Entry("autoencoder with a bottleneck of 4", spectra, bottleneck, SQUARE, "mse", 12, 6000),
    "unet": Entry("U-Net with skips", shapes, unet, "logits", "miou", 3, 3500, 400, 200, scale=PIXEL),
}


def paths(name: str, out: Path) -> tuple[Path, Path, Path]:
    """Model, calibration and test data of a network, made if they are not there."""
    found = out / f"{name}.keras", out / f"{name}-calibration.npz", out / f"{name}-test.npz"
    if not all(path.is_file() for path in found):
        _make(ZOO[name], *found)
    return found


def _make(entry: Entry, model_path: Path, calibration: Path, test: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    data = entry.data()
    factor = np.float32(1 / 255 if entry.scale == PIXEL else 1)
    train, held = data.part(0, entry.train), data.part(entry.train, entry.train + entry.test)
    i = keras.Input(data.x.shape[1:])
    model = keras.Model(i, entry.build(i))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if entry.loss == "logits" else entry.loss
    optimizer = keras.optimizers.AdamW(0.003, weight_decay=entry.decay) if entry.decay else keras.optimizers.Adam(0.003)
    model.compile(optimizer, loss)
    model.fit(train.x.astype(np.float32) * factor, train.y, 64, entry.epochs, verbose=0)
    model_path.parent.mkdir(parents=True, exist_ok=True)
    model.save(model_path)
    np.savez(calibration, x=train.x[: entry.calibration])
    np.savez(test, x=held.x, y=held.y)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(ZOO))
    parser.add_argument("-o", "--out", type=Path, default=Path("out") / "zoo")
    options = parser.parse_args(arguments)
    for name in options.names:
        print(f"{name}: {ZOO[name].about}", flush=True)
        paths(name, options.out)


if __name__ == "__main__":
    main()
