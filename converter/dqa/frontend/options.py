"""What the options and constant inputs of a TFLite operator say, as attributes of graph.model.Op.

A reader takes a Request and gives (attributes, tensor numbers of the inputs that carry data, a bias to add or None).
It raises ValueError, saying what is wrong, where options or inputs make no sense.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.frontend import schema
from dqa.frontend.flatbuffer import Table
from dqa.graph.model import Tensor

Float32 = npt.NDArray[np.float32]
Attributes = dict[str, Any]
Answer = tuple[Attributes, list[int], Float32 | None]
MAX_WINDOW = 4096


@dataclass
class Request:
    """One operator of the file: its inputs (None where absent), its output and its options table."""

    inputs: list[Tensor | None]
    output: Tensor
    options: Table | None

    def input(self, position: int) -> Tensor:
        if position >= len(self.inputs) or (tensor := self.inputs[position]) is None:
            raise ValueError(f"input {position} is missing")
        return tensor

    def integer(self, slot: int, default: int = 0) -> int:
        return default if self.options is None else self.options.integer(slot, default=default)

    def positive(self, slot: int, default: int, what: str) -> int:
        value = self.integer(slot, default)
        if not 1 <= value <= MAX_WINDOW:
            raise ValueError(f"{what} is {value}")
        return value

    def flag(self, slot: int) -> bool:
        return self.options is not None and self.options.flag(slot)

    def number(self, slot: int, default: float = 0.0) -> float:
        return default if self.options is None else self.options.number(slot, default)

    def activation(self, slot: int) -> str:
        code = 0 if self.options is None else self.options.integer(slot, "<b")
        if schema.ACTIVATIONS.get(code, "SIGN_BIT") == "SIGN_BIT":
            raise ValueError(f"fused activation {code} is not known")
        return schema.ACTIVATIONS[code]

    def same_padding(self) -> bool:
        return self.options is None or self.options.integer(0, "<b") == schema.SAME

    def whole_numbers(self, position: int) -> list[int]:
        """A constant integer input, flattened."""
        tensor = self.input(position)
        if tensor.data is None or tensor.data.dtype.kind != "i":
            raise ValueError(f"input {position} is not a constant of whole numbers")
        return [int(value) for value in tensor.data.reshape(-1)]


def padding(same: bool, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """(before, after) in TFLite's sense: SAME puts the odd one after."""
    if not same:
        return 0, 0
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _window(request: Request, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Attributes:
    shape = request.input(0).shape
    if len(shape) != 4:
        raise ValueError(f"the input has {len(shape)} dimensions, expected 4")
    stride_w, stride_h = request.positive(1, 0, "stride_w"), request.positive(2, 0, "stride_h")
    top, bottom = padding(request.same_padding(), shape[1], kernel[0], stride_h, dilation[0])
    left, right = padding(request.same_padding(), shape[2], kernel[1], stride_w, dilation[1])
    return {"stride_h": stride_h, "stride_w": stride_w, "pad_top": top, "pad_bottom": bottom, "pad_left": left, "pad_right": right}


def _weights(request: Request, dimensions: int) -> Float32:
    weights = request.input(1)
    if weights.data is None or weights.data.dtype != np.float32 or weights.data.ndim != dimensions:
        raise ValueError(f"the weights are not a float constant of {dimensions} dimensions")
    return weights.data


def _with_bias(request: Request, attributes: Attributes, channels: int) -> Answer:
    """All three of x, weights and bias; a bias of zeros where the file has none."""
    kept = [request.input(0).index, request.input(1).index]
    if len(request.inputs) < 3 or request.inputs[2] is None:
        return attributes, kept, np.zeros(channels, np.float32)
    bias = request.input(2)
    if bias.data is None or bias.data.dtype != np.float32 or bias.data.size != channels:
        raise ValueError(f"the bias is not a float constant of {channels} numbers")
    return attributes, [*kept, bias.index], None


def conv_2d(request: Request) -> Answer:
    weights = _weights(request, 4)
    dilation = request.positive(5, 1, "dilation_h"), request.positive(4, 1, "dilation_w")
    attributes = _window(request, (weights.shape[1], weights.shape[2]), dilation)
    attributes |= {"dilation_h": dilation[0], "dilation_w": dilation[1], "activation": request.activation(3)}
    return _with_bias(request, attributes, weights.shape[0])


def depthwise_conv_2d(request: Request) -> Answer:
    weights = _weights(request, 4)
    channels = request.input(0).shape[-1]
    if weights.shape[0] != 1 or weights.shape[3] % channels:
        raise ValueError(f"weights of shape {weights.shape} do not fit {channels} input channels")
    dilation = request.positive(6, 1, "dilation_h"), request.positive(5, 1, "dilation_w")
    attributes = _window(request, (weights.shape[1], weights.shape[2]), dilation)
    attributes |= {"dilation_h": dilation[0], "dilation_w": dilation[1], "activation": request.activation(4)}
    attributes["depth_multiplier"] = weights.shape[3] // channels
    return _with_bias(request, attributes, weights.shape[3])


def pool_2d(request: Request) -> Answer:
    kernel = request.positive(4, 0, "filter_height"), request.positive(3, 0, "filter_width")
    attributes = _window(request, kernel)
    attributes |= {"kernel_h": kernel[0], "kernel_w": kernel[1], "activation": request.activation(5)}
    return attributes, [request.input(0).index], None


def fully_connected(request: Request) -> Answer:
    weights = _weights(request, 2)
    if request.integer(1):
        raise ValueError("shuffled weights are not supported")
    return _with_bias(request, {"activation": request.activation(0)}, weights.shape[0])


def binary(request: Request) -> Answer:
    return {"activation": request.activation(0)}, [request.input(0).index, request.input(1).index], None


def concatenation(request: Request) -> Answer:
    rank = len(request.output.shape)
    axis = request.integer(0)
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank or rank > 4:
        raise ValueError(f"axis {request.integer(0)} of {rank} dimensions")
    kept = [request.input(position).index for position in range(len(request.inputs))]
    return {"axis": axis + 4 - rank, "activation": request.activation(1)}, kept, None


def pad(request: Request) -> Answer:
    rank = len(request.input(0).shape)
    numbers = request.whole_numbers(1)
    if len(numbers) != 2 * rank or rank > 4 or any(not 0 <= value <= MAX_WINDOW for value in numbers) or numbers[0] or numbers[1]:
        raise ValueError(f"paddings {numbers} for {rank} dimensions")
    pairs = [(numbers[2 * i], numbers[2 * i + 1]) for i in range(rank)]
    # Dimensions that the tensor does not have come after the batch: (1, C) is 1 x 1 x 1 x C.
    return {"paddings": tuple([(0, 0)] * (4 - rank + 1) + pairs[1:])}, [request.input(0).index], None


def nearest_sources(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> npt.NDArray[np.int64]:
    """Source row (or column) of each of `out` output rows, computed in float32 as TFLite does."""
    scale = np.float32(size - 1) / np.float32(out - 1) if align_corners and out > 1 else np.float32(size) / np.float32(out)
    position = (np.arange(out, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0.0)) * scale
    # std::round goes away from zero at a half; positions are never negative.
    source = np.floor(position + np.float32(0.5)) if align_corners else np.floor(position)
    return np.asarray(np.clip(source, 0, size - 1), np.int64)


def resize_nearest_neighbor(request: Request) -> Answer:
    shape, out = request.input(0).shape, request.output.shape
    if len(shape) != 4 or len(out) != 4 or request.whole_numbers(1) != list(out[1:3]):
        raise ValueError(f"resizes {shape} to {out}")
    corners, centers = request.flag(0), request.flag(1)
    attributes = {
        "rows": nearest_sources(shape[1], out[1], corners, centers),
        "columns": nearest_sources(shape[2], out[2], corners, centers),
    }
    return attributes, [request.input(0).index], None


def mean(request: Request) -> Answer:
    rank = len(request.input(0).shape)
    axes = sorted({axis + rank if axis < 0 else axis for axis in request.whole_numbers(1)})
    if not axes or axes[0] < 1 or axes[-1] >= rank or rank > 4:
        raise ValueError(f"axes {request.whole_numbers(1)} of {rank} dimensions")
    return {"axes": tuple(axis + 4 - rank for axis in axes), "keep_dims": request.flag(0)}, [request.input(0).index], None


def tile(request: Request) -> Answer:
    repeats = request.whole_numbers(1)
    if len(repeats) != len(request.input(0).shape) or any(not 1 <= value <= MAX_WINDOW for value in repeats):
        raise ValueError(f"repeats {repeats}")
    return {"repeats": tuple(repeats)}, [request.input(0).index], None


def softmax(request: Request) -> Answer:
    beta = request.number(0)
    if not (math.isfinite(beta) and beta > 0):
        raise ValueError(f"beta is {beta}")
    return {"beta": beta}, [request.input(0).index], None


def leaky_relu(request: Request) -> Answer:
    alpha = request.number(0)
    if not math.isfinite(alpha):
        raise ValueError(f"alpha is {alpha}")
    return {"alpha": alpha}, [request.input(0).index], None


def gelu(request: Request) -> Answer:
    return {"approximate": request.flag(0)}, [request.input(0).index], None


def data_only(request: Request) -> Answer:
    """Operators whose meaning is in their kind and shapes alone."""
    return {}, [request.input(0).index], None


READERS: dict[str, Callable[[Request], Answer]] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "AVERAGE_POOL_2D": pool_2d,
    "MAX_POOL_2D": pool_2d,
    "FULLY_CONNECTED": fully_connected,
    "ADD": binary,
    "SUB": binary,
    "MUL": binary,
    "DIV": binary,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "MEAN": mean,
    "TILE": tile,
    "SOFTMAX": softmax,
    "LEAKY_RELU": leaky_relu,
    "GELU": gelu,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE"), data_only),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "ELU", "HARD_SWISH", "ABS", "EXP"), data_only),
}
