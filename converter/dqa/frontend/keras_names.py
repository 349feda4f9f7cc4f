"""Which classes and functions a Keras configuration may name."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELS = _names("Functional Model Sequential")
IDLE_LAYERS = _names("""
ActivityRegularization AlphaDropout AugMix CutMix Dropout GaussianDropout GaussianNoise MixUp RandAugment RandomBrightness
RandomColorDegeneration RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom SpatialDropout1D SpatialDropout2D SpatialDropout3D
""")
"""Layers that give at inference what they are given."""
LAYERS = (
    MODELS
    | IDLE_LAYERS
    | _names("""
Activation Add AdditiveAttention Attention AutoContrast Average AveragePooling1D AveragePooling2D AvgPool1D AvgPool2D BatchNormalization
Bidirectional CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Cropping1D Cropping2D Dense DepthwiseConv1D
DepthwiseConv2D Dot ELU EinsumDense Embedding Equalization Flatten GRU GlobalAveragePooling1D GlobalAveragePooling2D GlobalAvgPool1D
GlobalAvgPool2D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPooling1D GlobalMaxPooling2D GroupNormalization Identity InputLayer InputSpec
LSTM LayerNormalization LeakyReLU MaxPool1D MaxPool2D MaxPooling1D MaxPooling2D Maximum Minimum MultiHeadAttention Multiply Normalization
PReLU Permute RMSNormalization RandomCrop ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax
Solarization SpectralNormalization Subtract ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D ZeroPadding1D
ZeroPadding2D
""")
)
OPERATIONS = _names("""
Absolute Argmax Average BroadcastTo Ceil Celu Clip Concatenate Cos Divide Dot Einsum Elu Equal Exp ExpandDims Expm1 Flip Floor Gelu
GetItem Glu Greater GreaterEqual HardShrink HardSigmoid HardSilu HardTanh Hstack LeakyRelu Less LessEqual Log Log1p LogSigmoid LogicalAnd
LogicalNot LogicalOr Logsumexp Matmul Max Mean Min Mish Moveaxis Negative Norm Normalize NotEqual Pad Power Reciprocal Relu Relu6 Repeat
Reshape Roll Round Rsqrt Selu Sigmoid Sign Silu Sin SoftShrink Softmax Softplus Softsign SparsePlus Split Sqrt Square Squareplus Squeeze
Stack Std Sum Swapaxes Take Tanh TanhShrink Tensordot Threshold Tile Transpose TrueDivide Unstack Var Vstack Where
""")
"""Operations that a functional model calls without a layer, such as keras.ops.abs, in Keras 3's modules `keras.src.ops`."""
PARTS = _names("""
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal RandomNormal RandomUniform
TruncatedNormal VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm DTypePolicy Policy
FloatDTypePolicy TensorShape __tuple__ __slice__ __numpy__ __tensor__ __keras_tensor__ __ellipsis__
""")
FUNCTIONS = _names("""
celu elu exponential gelu glu hard_sigmoid hard_silu hard_swish leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax
softplus softsign swish tanh
""")
CODE = _names("Lambda __lambda__")
