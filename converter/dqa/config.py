"""The settings of a conversion: one definition for the commands, the Python API and the recipe."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from dqa.errors import RecipeError

Method = Literal["dqa", "direct"]
Coding = Literal["huffman", "raw"]
MapLayout = Literal["coded", "planes"]
Numbers = float | tuple[float, ...]

METHODS: tuple[str, ...] = get_args(Method)
CODINGS: tuple[str, ...] = get_args(Coding)
LAYOUTS: tuple[str, ...] = get_args(MapLayout)
RUNTIMES = ("standalone", "tflm")
METRICS = ("top1", "auc", "miou", "mse")
MAX_BITS = 8
MAX_EXTRA_BITS = 4
MAX_CHANNELS = 65535
WEIGHT_BITS = (4, 8)


@dataclass(frozen=True)
class ConvertConfig:
    """How a model is converted. Raises RecipeError, naming the setting, if a value is not allowed.

    layout             how maps are stored: coded, entropy-coded within a hard average of stored bits; planes, planes of fixed width
    bits               coded: stored bits per value, an average over the maps, 1..8, also a fraction; planes: bits of a code, 1..8
    method             planes: dqa, codes and shifting errors for the important channels; direct, codes alone
    extra_bits         planes: bits of a shifting error, 0..4, bits + extra_bits <= 8
    important          planes: share of the channels that keep their shifting error, 0..1
    error_coding       planes: how the errors are written: huffman, or raw bits
    weight_bits        bits of the weights of convolutions and dense layers, 8 or 4; depthwise convolutions and small layers keep 8
    bias_correction    biases take back what quantization shifts the sums of a layer by on average, if the answers come nearer by it
    input_scale        S of the model's float input (x - Z) * S, x as in the .npz; one number > 0, or one per channel
    input_zero_point   Z, one number or one per channel
    calibration_samples  at most so many samples of the calibration file are used, >= 1
    ranking            what orders the channels by importance; the names are those of dqa.quantization
    seed               of every random choice, >= 0
    ram                bytes that the plan must fit; "auto": where more RAM stops paying; None: activations are stored as `bits` says
    runtime            what `ram` is of: standalone, the program's arena; tflm, the arena of TensorFlow Lite Micro, all in it
    push_rows          the caller hands over the input row by row, so that it takes no room in the arena
    metric             top1, auc, miou or mse; None: by the kind of task
    """

    method: Method = "dqa"
    bits: float = 4
    extra_bits: int = 2
    important: float = 0.4
    error_coding: Coding = "huffman"
    weight_bits: int = 8
    input_scale: Numbers = 1.0
    input_zero_point: Numbers = 0.0
    calibration_samples: int = 512
    ranking: str = "gain"
    seed: int = 0
    metric: str | None = None
    ram: int | Literal["auto"] | None = None
    push_rows: bool = False
    runtime: str = "standalone"
    layout: MapLayout = "coded"
    bias_correction: bool = False

    def __post_init__(self) -> None:
        _one_of("method", self.method, METHODS)
        _one_of("layout", self.layout, LAYOUTS)
        if isinstance(self.bits, float) and self.bits.is_integer():
            object.__setattr__(self, "bits", int(self.bits))
        _whole("extra_bits", self.extra_bits, 0, MAX_EXTRA_BITS)
        if self.layout == "coded":
            if not _is_number(self.bits) or not 1 <= self.bits <= MAX_BITS:
                raise RecipeError(f"bits: expected a number from 1 to {MAX_BITS}, got {self.bits!r}")
        else:
            _whole("bits", self.bits, 1, MAX_BITS)
        if self.layout == "planes" and self.bits + self.extra_bits > MAX_BITS:
            raise RecipeError(
                f"bits + extra_bits: expected at most {MAX_BITS}, got {self.bits} + {self.extra_bits}",
                hint=f"with {self.bits} bits use at most {MAX_BITS - self.bits} extra bits",
            )
        if not _is_number(self.important) or not 0 <= self.important <= 1:
            raise RecipeError(f"important: expected a number from 0 to 1, got {self.important!r}")
        if self.weight_bits not in WEIGHT_BITS or isinstance(self.weight_bits, bool):
            raise RecipeError(f"weight_bits: expected 4 or 8, got {self.weight_bits!r}")
        _one_of("error_coding", self.error_coding, CODINGS)
        _whole("calibration_samples", self.calibration_samples, 1, 2**31 - 1)
        if not isinstance(self.ranking, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", self.ranking):
            raise RecipeError(f"ranking: expected a name of small letters, got {self.ranking!r}")
        _whole("seed", self.seed, 0, 2**32 - 1)
        if self.metric is not None:
            _one_of("metric", self.metric, METRICS)
        object.__setattr__(self, "ram", ram_budget(self.ram))
        _flag("push_rows", self.push_rows)
        _flag("bias_correction", self.bias_correction)
        _one_of("runtime", self.runtime, RUNTIMES)
        if self.push_rows and self.runtime == "tflm":
            raise RecipeError("push_rows: runtime tflm takes no rows one by one", hint="leave one of the two out")
        # Whole numbers and lists are taken as well; the settings of two equal recipes are equal.
        object.__setattr__(self, "important", float(self.important))
        object.__setattr__(self, "input_scale", numbers("input_scale", self.input_scale, positive=True))
        object.__setattr__(self, "input_zero_point", numbers("input_zero_point", self.input_zero_point))


def ram_budget(value: object) -> int | Literal["auto"] | None:
    """Bytes from a number or a text such as "16k" (1 k = 1024) or "auto"."""
    if value is None or value == "auto":
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,9})\s*([kK]i?[bB]?|[bB])?", value.strip())):
        value = int(match[1]) * (1024 if (match[2] or "").lower().startswith("k") else 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 1 << 31:
        raise RecipeError(f"ram: expected bytes, a size like 16k, or auto, got {value!r}")
    return value


def numbers(name: str, value: object, *, positive: bool = False) -> Numbers:
    """A finite number, or one per channel, from a number, a fraction such as "1/255", a list, or text with commas."""
    if isinstance(value, str) and "," in value:
        value = value.split(",")
    if isinstance(value, list | tuple):
        if not 1 <= len(value) <= MAX_CHANNELS:
            raise RecipeError(f"{name}: expected a number for each channel, got a list of {len(value)}")
        return tuple(_number(name, item, positive) for item in value)
    return _number(name, value, positive)


def _number(name: str, value: object, positive: bool) -> float:
    result = math.nan
    try:
        if isinstance(value, str):
            numerator, slash, denominator = value.partition("/")
            result = float(numerator) / (float(denominator) if slash else 1.0)
        elif _is_number(value):
            result = float(value)  # type: ignore[arg-type]
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    if not math.isfinite(result) or (positive and result <= 0):
        kind = "a number greater than 0" if positive else "a number"
        raise RecipeError(f"{name}: expected {kind}, or one per channel, got {value!r}", hint="for example 0.5, 1/255 or 0.1,0.2,0.3")
    return result


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RecipeError(f"{name}: expected a whole number from {low} to {high}, got {value!r}")


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise RecipeError(f"{name}: expected true or false, got {value!r}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RecipeError(f"{name}: expected {', '.join(allowed[:-1])} or {allowed[-1]}, got {value!r}")
