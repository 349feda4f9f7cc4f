"""Keras layers that are refused by their names, and what does in their place."""

from __future__ import annotations

_THREE_D = "dqa has maps of height and width and series of steps: see the third axis as channels, or run a network of two for each step"
_OUTSIDE = "do it before the network, where its input is made, and train on what comes out"
_ATTENTION = "MultiHeadAttention, or convolutions over the steps"
_CELL = "use SimpleRNN, GRU or LSTM themselves"


def _all(names: str, hint: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), hint)


INSTEAD: dict[str, str] = {
    **_all(
        "Conv3D Conv3DTranspose Convolution3D Convolution3DTranspose MaxPooling3D MaxPool3D AveragePooling3D AvgPool3D "
        "GlobalMaxPooling3D GlobalMaxPool3D GlobalAveragePooling3D GlobalAvgPool3D UpSampling3D ZeroPadding3D Cropping3D "
        "AdaptiveAveragePooling3D AdaptiveMaxPooling3D",
        _THREE_D,
    ),
    **dict.fromkeys(
        ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        "a network of convolutions for each step on the device, then GRU or LSTM on what it gives",
    ),
    **_all("RNN StackedRNNCells SimpleRNNCell GRUCell LSTMCell", _CELL),
    **_all(
        "CategoryEncoding Discretization Hashing HashedCrossing IntegerLookup StringLookup TextVectorization FeatureSpace "
        "MelSpectrogram STFTSpectrogram RandomPosterization ContrastLimitedAdaptiveHistogramEqualization",
        _OUTSIDE,
    ),
    **dict.fromkeys(
        ("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D"), "AveragePooling of input size / output size, or GlobalAveragePooling"
    ),
    **_all("AdaptiveMaxPooling1D AdaptiveMaxPooling2D", "MaxPooling of input size / output size, or GlobalMaxPooling"),
    **_all("GroupQueryAttention GroupedQueryAttention", _ATTENTION),
    "Masking": "leave it out: series have one length on a microcontroller; repeat or drop steps where data are made",
    "ReversibleEmbedding": "Embedding and a dense layer",
    "TFSMLayer": "convert the SavedModel that it wraps",
    **_all("FlaxLayer JaxLayer TorchModuleWrapper", "write the network in Keras layers; no code of a model file is run"),
}
