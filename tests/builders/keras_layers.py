"""A network of every Keras layer, with the options that matter: what docs/models.md says of each is tried on these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Network = Callable[[], Any]
"""Builds a Keras model."""


def _names(text: str) -> list[str]:
    return text.split()


SAME_AT_INFERENCE = _names("""
ActivityRegularization AlphaDropout AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Dropout
GaussianDropout GaussianNoise Identity MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Solarization
SpatialDropout1D SpatialDropout2D
""")
ACTIVATIONS = _names("""
relu relu6 leaky_relu elu selu celu gelu silu hard_silu hard_sigmoid tanh sigmoid softplus mish softsign exponential hard_tanh hard_shrink
soft_shrink tanh_shrink threshold squareplus log_sigmoid sparse_plus sparse_sigmoid linear softmax log_softmax glu
""")
NO_LAYERS = _names("""
Layer Wrapper InputLayer RNN StackedRNNCells SimpleRNNCell GRUCell LSTMCell Lambda TFSMLayer FlaxLayer JaxLayer TorchModuleWrapper
Pipeline MaxNumBoundingBoxes Equalization HashedCrossing RandomPosterization TextVectorization
""")
"""Parts of layers, what runs code, and what takes no float images: no network is built of these."""


def networks() -> dict[tuple[str, str], Network]:
    """By layer and options; a layer without options that matter has the options ''."""
    import keras
    from keras import layers as L

    def image(layer: Any, shape: tuple[int, ...] = (12, 12, 4), *, dense: bool = False) -> Network:
        """The layer between two convolutions."""

        def build() -> Any:
            start = keras.Input(shape)
            x = L.Conv2D(shape[-1], 3, padding="same", activation="relu")(start)
            x = layer()(x)
            return keras.Model(start, L.Dense(3)(L.Flatten()(x)) if dense or len(x.shape) != 4 else L.Conv2D(3, 1)(x))

        return build

    def series(layer: Any, shape: tuple[int, ...] = (16, 4)) -> Network:
        def build() -> Any:
            start = keras.Input(shape)
            x = layer()(L.Conv1D(shape[-1], 3, padding="same", activation="relu")(start))
            return keras.Model(start, L.Conv1D(3, 1)(x) if len(x.shape) == 3 else L.Dense(3)(L.Flatten()(x)))

        return build

    def vector(layer: Any, size: int = 12) -> Network:
        def build() -> Any:
            start = keras.Input((size,))
            return keras.Model(start, L.Dense(3)(L.Flatten()(layer()(L.Dense(size, activation="relu")(start)))))

        return build

    def first(layer: Any, shape: tuple[int, ...]) -> Network:
        """The layer alone before a dense one."""

        def build() -> Any:
            start = keras.Input(shape)
            x = layer()(start)
            return keras.Model(start, L.Dense(3)(L.Flatten()(x)))

        return build

    def merge(layer: Any) -> Network:
        def build() -> Any:
            start = keras.Input((12, 12, 4))
            a, b = (L.Conv2D(4, 3, padding="same", activation=f)(start) for f in ("relu", "tanh"))
            return keras.Model(start, L.Conv2D(3, 1)(layer()([a, b])))

        return build

    def two(layer: Any, shape: tuple[int, ...] = (16, 4)) -> Network:
        """A layer of two series."""

        def build() -> Any:
            start = keras.Input(shape)
            a, b = (L.Conv1D(shape[-1], 3, padding="same", activation=f)(start) for f in ("relu", "tanh"))
            return keras.Model(start, L.Dense(3)(L.Flatten()(layer()(a, b))))

        return build

    def embedding() -> Any:
        start = keras.Input((16,))
        return keras.Model(start, L.Dense(3)(L.GlobalAveragePooling1D()(L.Embedding(20, 4)(start))))

    def excite() -> Any:
        start = keras.Input((12, 12, 4))
        x = L.Conv2D(8, 3, padding="same", activation="relu")(start)
        gate = L.Dense(8, activation="sigmoid")(L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(x)))
        return keras.Model(start, L.Conv2D(3, 1)(L.Multiply()([x, L.Reshape((1, 1, 8))(gate)])))

    found: dict[tuple[str, str], Network] = {}

    def add(name: str, build: Network, options: str = "") -> None:
        found[name, options] = build

    volume = (6, 8, 8, 2)
    add("Conv1D", series(lambda: L.Conv1D(6, 3)))
    add("Conv1D", series(lambda: L.Conv1D(6, 3, padding="causal", dilation_rate=4)), "causal, dilated")
    add("Conv1D", series(lambda: L.Conv1D(8, 3, strides=2, groups=2)), "strided, groups")
    add("Conv2D", image(lambda: L.Conv2D(6, 3, padding="same")))
    add("Conv2D", image(lambda: L.Conv2D(6, (3, 5), strides=(2, 1))), "strided")
    add("Conv2D", image(lambda: L.Conv2D(6, 3, dilation_rate=2, padding="same")), "dilated")
    add("Conv2D", image(lambda: L.Conv2D(8, 3, groups=2)), "groups")
    add("Conv3D", first(lambda: L.Conv3D(4, 3), volume))
    add("DepthwiseConv1D", series(lambda: L.DepthwiseConv1D(3, padding="same", depth_multiplier=2)))
    add("DepthwiseConv2D", image(lambda: L.DepthwiseConv2D(3, padding="same")))
    add("DepthwiseConv2D", image(lambda: L.DepthwiseConv2D(3, depth_multiplier=3, strides=2)), "depth_multiplier")
    add("SeparableConv1D", series(lambda: L.SeparableConv1D(6, 3, padding="same")))
    add("SeparableConv2D", image(lambda: L.SeparableConv2D(6, 3, padding="same")))
    add("Conv1DTranspose", series(lambda: L.Conv1DTranspose(4, 4, strides=2, padding="same")))
    add("Conv1DTranspose", series(lambda: L.Conv1DTranspose(4, 3, strides=2)), "valid")
    add("Conv2DTranspose", image(lambda: L.Conv2DTranspose(4, 3, strides=2, padding="same")))
    add("Conv2DTranspose", image(lambda: L.Conv2DTranspose(4, 3, strides=2)), "valid")
    add("Conv2DTranspose", image(lambda: L.Conv2DTranspose(4, 3, strides=2, output_padding=1)), "output_padding")
    add("Conv3DTranspose", first(lambda: L.Conv3DTranspose(4, 3), volume))
    add("Dense", vector(lambda: L.Dense(8)))
    add("Dense", image(lambda: L.Dense(8)), "of every pixel")
    add("EinsumDense", series(lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")))
    add("Embedding", embedding)
    for pool in ("Average", "Max"):
        add(f"{pool}Pooling1D", series(lambda pool=pool: getattr(L, f"{pool}Pooling1D")(3, 2, padding="same")))
        add(f"{pool}Pooling2D", image(lambda pool=pool: getattr(L, f"{pool}Pooling2D")(2)))
        add(f"{pool}Pooling2D", image(lambda pool=pool: getattr(L, f"{pool}Pooling2D")(3, 2, padding="same")), "same")
        add(f"{pool}Pooling3D", first(lambda pool=pool: getattr(L, f"{pool}Pooling3D")(2), volume))
        add(f"Global{pool}Pooling1D", series(lambda pool=pool: getattr(L, f"Global{pool}Pooling1D")()))
        add(f"Global{pool}Pooling2D", image(lambda pool=pool: getattr(L, f"Global{pool}Pooling2D")()))
        add(f"Global{pool}Pooling2D", image(lambda pool=pool: getattr(L, f"Global{pool}Pooling2D")(), (80, 8, 4)), "of 80 rows")
        add(f"Global{pool}Pooling3D", first(lambda pool=pool: getattr(L, f"Global{pool}Pooling3D")(), volume))
        add(f"Adaptive{pool}Pooling1D", series(lambda pool=pool: getattr(L, f"Adaptive{pool}Pooling1D")(4)))
        add(f"Adaptive{pool}Pooling2D", image(lambda pool=pool: getattr(L, f"Adaptive{pool}Pooling2D")(3)))
        add(f"Adaptive{pool}Pooling3D", first(lambda pool=pool: getattr(L, f"Adaptive{pool}Pooling3D")(2), volume))
    for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate"):
        add(name, merge(lambda name=name: getattr(L, name)()))
    add("Concatenate", merge(lambda: L.Concatenate(axis=1)), "of rows")
    add("Multiply", excite, "by a channel vector (squeeze-excite)")
    add("Dot", two(lambda: lambda a, b: L.Dot((2, 2))([a, b])))
    add("Attention", two(lambda: lambda a, b: L.Attention()([a, b])))
    add("AdditiveAttention", two(lambda: lambda a, b: L.AdditiveAttention()([a, b])))
    add("MultiHeadAttention", two(lambda: L.MultiHeadAttention(2, 4)))
    add("MultiHeadAttention", series(lambda: lambda x: L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)), "use_causal_mask")
    add("GroupQueryAttention", two(lambda: L.GroupQueryAttention(4, 2, 1)))
    for name in ACTIVATIONS:
        options = {"threshold": (0.2, 0.1)}.get(name, ())
        function = getattr(keras.activations, name)
        if name in ("threshold", "glu"):
            add("Activation", image(lambda function=function, options=options: lambda x: function(x, *options)), name)
        else:
            add("Activation", image(lambda name=name: L.Activation(name)), name)
    add("ReLU", image(lambda: L.ReLU()))
    add("ReLU", image(lambda: L.ReLU(max_value=4.0)), "max_value")
    add("ReLU", image(lambda: L.ReLU(threshold=0.5)), "threshold")
    add("ReLU", image(lambda: L.ReLU(negative_slope=0.1, max_value=3.0)), "negative_slope, max_value")
    add("LeakyReLU", image(lambda: L.LeakyReLU()))
    add("ELU", image(lambda: L.ELU(0.7)))
    add("PReLU", image(lambda: L.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")), "shared_axes")
    add("PReLU", image(lambda: L.PReLU(alpha_initializer="random_normal")), "a slope for each value")
    add("PReLU", vector(lambda: L.PReLU(alpha_initializer="random_normal")), "of a vector")
    add("Softmax", vector(lambda: L.Softmax()))
    add("BatchNormalization", image(lambda: L.BatchNormalization()))
    add("Normalization", first(lambda: L.Normalization(mean=[1.0, 2.0], variance=[2.0, 3.0]), (8, 8, 2)))
    add("Rescaling", first(lambda: L.Rescaling(1 / 127.5, -1), (8, 8, 2)))
    add("LayerNormalization", series(lambda: L.LayerNormalization()))
    add("LayerNormalization", image(lambda: L.LayerNormalization()), "of a map")
    add("LayerNormalization", image(lambda: L.LayerNormalization(axis=[1, 2, 3])), "of all values")
    add("GroupNormalization", image(lambda: L.GroupNormalization(2)))
    add("RMSNormalization", series(lambda: L.RMSNormalization()))
    add("UnitNormalization", series(lambda: L.UnitNormalization()))
    add("SpectralNormalization", image(lambda: L.SpectralNormalization(L.Conv2D(4, 3))))
    add("SimpleRNN", series(lambda: L.SimpleRNN(6)))
    add("SimpleRNN", series(lambda: L.SimpleRNN(6, return_sequences=True)), "return_sequences")
    add("GRU", series(lambda: L.GRU(6)))
    add("GRU", series(lambda: L.GRU(6, reset_after=False, return_sequences=True)), "reset_after=False, return_sequences")
    add("LSTM", series(lambda: L.LSTM(6)))
    add("LSTM", series(lambda: L.LSTM(6, return_sequences=True)), "return_sequences")
    add("Bidirectional", series(lambda: L.Bidirectional(L.LSTM(6))))
    add("Bidirectional", series(lambda: L.Bidirectional(L.GRU(6, return_sequences=True))), "return_sequences")
    for rank, shape in ((1, (6, 8, 2)), (2, volume), (3, (3, *volume))):
        add(f"ConvLSTM{rank}D", first(lambda rank=rank: getattr(L, f"ConvLSTM{rank}D")(3, 3), shape))
    add("TimeDistributed", series(lambda: L.TimeDistributed(L.Dense(5))), "of Dense")
    add("TimeDistributed", first(lambda: L.TimeDistributed(L.Conv2D(3, 3, activation="relu")), volume), "of Conv2D")
    add("Flatten", image(lambda: L.Flatten()))
    add("Reshape", vector(lambda: L.Reshape((2, 3, 2))))
    add("Permute", image(lambda: L.Permute((2, 1, 3))), "(2, 1, 3)")
    add("Permute", image(lambda: L.Permute((3, 1, 2))), "(3, 1, 2)")
    add("Permute", series(lambda: L.Permute((2, 1))), "(2, 1)")
    add("RepeatVector", vector(lambda: L.RepeatVector(4)))
    add("Cropping1D", series(lambda: L.Cropping1D((1, 2))))
    add("Cropping2D", image(lambda: L.Cropping2D(((1, 2), (0, 3)))))
    add("Cropping3D", first(lambda: L.Cropping3D(1), volume))
    add("CenterCrop", image(lambda: L.CenterCrop(8, 8)))
    add("RandomCrop", image(lambda: L.RandomCrop(8, 8)))
    add("ZeroPadding1D", series(lambda: L.ZeroPadding1D((1, 2))))
    add("ZeroPadding2D", image(lambda: L.ZeroPadding2D(((1, 2), (0, 3)))))
    add("ZeroPadding3D", first(lambda: L.ZeroPadding3D(1), volume))
    add("UpSampling1D", series(lambda: L.UpSampling1D(2)))
    add("UpSampling2D", image(lambda: L.UpSampling2D(2)))
    add("UpSampling2D", image(lambda: L.UpSampling2D(2, interpolation="bilinear")), "bilinear")
    add("UpSampling2D", image(lambda: L.UpSampling2D(2, interpolation="bicubic")), "bicubic")
    add("UpSampling3D", first(lambda: L.UpSampling3D(2), volume))
    add("Resizing", image(lambda: L.Resizing(8, 8)))
    add("Resizing", image(lambda: L.Resizing(24, 24, interpolation="nearest")), "nearest")
    add("SpatialDropout3D", first(lambda: L.SpatialDropout3D(0.5), volume))
    add("Masking", series(lambda: L.Masking()))
    add("CategoryEncoding", first(lambda: L.CategoryEncoding(num_tokens=5, output_mode="multi_hot"), (4,)))
    add("Discretization", first(lambda: L.Discretization(bin_boundaries=[0.0, 1.0]), (4,)))
    add("Hashing", first(lambda: L.Hashing(5), (4,)))
    add("IntegerLookup", first(lambda: L.IntegerLookup(vocabulary=[1, 2, 3]), (4,)))
    add("StringLookup", first(lambda: L.StringLookup(vocabulary=["a"]), (4,)))
    add("MelSpectrogram", first(lambda: L.MelSpectrogram(num_mel_bins=8, sequence_stride=64, fft_length=128), (512,)))
    add("STFTSpectrogram", first(lambda: L.STFTSpectrogram(frame_length=64, frame_step=64, fft_length=64), (512, 1)))
    add("ReversibleEmbedding", first(lambda: L.ReversibleEmbedding(20, 4), (16,)))
    for name in SAME_AT_INFERENCE:
        rank = "1D" in name
        build = (series if rank else image)(lambda name=name: _with_defaults(getattr(L, name)), *(() if rank else ((16, 16, 3),)))
        add(name, build)
    return found


def _with_defaults(layer: Any) -> Any:
    """A layer with 0.1 for whatever it needs."""
    import inspect

    needed = [
        p.name for p in inspect.signature(layer.__init__).parameters.values() if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD
    ]
    return layer(**{name: 0.1 for name in needed if name != "self"})
