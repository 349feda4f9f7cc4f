"""The settings of a conversion: one definition for the commands, the Python API and the recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from dqa.errors import RecipeError
from dqa.support import plugins
from dqa.support.limits import MAX_DIMENSION, MAX_EXTRA_BITS

Method = Literal["dqa", "direct"]
Coding = Literal["huffman", "raw"]
Maps = Literal["coded", "planes"]
Optimize = Literal["balanced", "ram", "speed"]
Numbers = float | tuple[float, ...]
NumbersByInput = Mapping[str, Numbers]
MetricByOutput = Mapping[str, str]

METHODS: tuple[str, ...] = get_args(Method)
CODINGS: tuple[str, ...] = get_args(Coding)
MAPS: tuple[str, ...] = get_args(Maps)
OPTIMIZE: tuple[str, ...] = get_args(Optimize)
RUNTIMES = ("standalone", "tflm")
DQA_ONLY, MLPERF_ONLY, BOTH = PROTOCOLS = ("dqa", "mlperf", "both")
"""Of a firmware's serial port: dqa's own, that of MLPerf Tiny, or either, told apart by its first bytes."""

FORMS = ("cmake", "arduino", "zephyr", "cubeide", "platformio", "zip")
"""Of an export: folders of templates/export."""
ZIPPED = ("cubeide", "zip")
"""Those that are files unless a folder is asked for."""

FLASH_TOOLS = ("pio", "pyocd", "probe-rs", "uf2", "sam-ba")
"""What writes firmware to boards."""

BACKENDS = ("qemu", "renode")
"""What simulates boards."""

METRICS = ("top1", "auc", "miou", "mse")
RANKINGS = ("gain", "energy", "random")
MAX_BITS = 8
WEIGHT_BITS = (4, 8)
MAX_TOLERANCE = 60
ROUNDINGS = ("compensated", "nearest")
RENAMED = {"layout": "maps"}
"""Settings that had another name: the old one, the present one."""


DEFAULTS: dict[str, Any] = {
    "bits": 4,
    "method": "dqa",
    "extra_bits": 2,
    "important": 0.4,
    "error_coding": "huffman",
    "ranking": "gain",
    "seed": 0,
    "runtime": "standalone",
}
"""Of the settings that only have an effect with some others: what holds where they have one and are not given."""
_PACKED: tuple[str, ...] = ("method", "extra_bits", "important", "error_coding", "ranking", "seed")
"""Settings of maps of packed codes; each has no effect without those before it."""


@dataclass(frozen=True)
class Packing:
    """How maps of packed codes are written, all settings known (see ConvertConfig)."""

    method: Method
    bits: float
    extra_bits: int
    important: float
    error_coding: Coding
    ranking: str
    seed: int


@dataclass(frozen=True)
class ConvertConfig:
    """How a model is converted. Raises RecipeError, naming the setting, if a value is not allowed, or, naming both, if a setting that is
    given has no effect with another.

    Without `ram`, `bits` and any setting of planes, ram is "auto".

    maps               how maps are stored: coded, entropy-coded within a hard average of stored bits; planes, planes of fixed width
    bits               coded: stored bits per value, an average over the maps, 1..8, also a fraction; planes: bits of a code, 1..8;
                       not with ram
    method             dqa, codes and shifting errors for the important channels; direct, codes alone; with maps planes, or ram
    extra_bits         bits of a shifting error, 0..4, bits + extra_bits <= 8; with maps planes and method dqa
    important          share of the channels that keep their shifting error, 0..1; as method, where there are shifting errors
    error_coding       how the errors are written: huffman, or raw bits; as important
    ranking            what orders the channels by importance: gain, energy, random, or one of a package (docs/extending.md); as
                       important
    seed               of ranking random, 0..2^32 - 1
    weight_bits        bits of the weights of convolutions and dense layers, 8 or 4; depthwise convolutions and small layers keep 8
    weight_rounding    compensated: the errors of a layer's weights make up for each other on the calibration samples, and biases keep the
                       means of its sums; nearest: each weight by itself, which takes no samples
    bias_correction    biases take back what quantization shifts the sums of a layer by on average, if the answers come nearer by it
    optimize           what the processor's own kernels may cost in RAM: ram, nothing; balanced, a ninth; speed, as much as they take
    keep_dead          channels that cannot matter, whatever comes in, stay in the program (dqa.frontend.dead_channels)
    input_scale        S of the model's float input (x - Z) * S, x as in the .npz; one number > 0, or one per channel; of several
                       inputs also these by input, under its name or x0, x1, ...
    input_zero_point   Z, as input_scale
    calibration_samples  at most so many samples of the calibration file are used, >= 1
    ram                bytes that the plan must fit; "auto": the smallest plan whose measured answers hold (dqa.conversion.guard); None:
                       activations are stored as `bits` says
    tolerance          dB that the answers may lose to those of 8 bits everywhere, 0..60
    runtime            what `ram` is of: standalone, the program's arena; tflm, the arena of TensorFlow Lite Micro, all in it; only with ram
    push_rows          the caller hands over the input row by row, so that it takes no room in the arena
    continuous         the rows of the input never end: an answer for each window, nothing computed twice; with push_rows
    metric             top1, auc, miou or mse; None: by the kind of task; of several outputs also these by output, under its name or
                       y0, y1, ...

    What is None has the value of `DEFAULTS` where it has an effect, and stays None where it has none.
    """

    method: Method | None = None
    bits: float | None = None
    extra_bits: int | None = None
    important: float | None = None
    error_coding: Coding | None = None
    weight_bits: int = 8
    input_scale: Numbers | NumbersByInput = 1.0
    input_zero_point: Numbers | NumbersByInput = 0.0
    calibration_samples: int = 512
    ranking: str | None = None
    seed: int | None = None
    metric: str | MetricByOutput | None = None
    ram: int | Literal["auto"] | None = None
    tolerance: float = 6.0
    push_rows: bool = False
    continuous: bool = False
    runtime: str | None = None
    maps: Maps = "coded"
    weight_rounding: str = "compensated"
    bias_correction: bool = False
    optimize: Optimize = "balanced"
    keep_dead: bool = False

    def __new__(cls, *_: object, **given: object) -> ConvertConfig:
        refuse_renamed(given)  # before Python calls it unknown
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_each()
        plain = self.ram is None and self.bits is None and all(getattr(self, name) is None for name in _PACKED)
        if plain and self.maps == "coded" and not self.continuous:
            object.__setattr__(self, "ram", "auto")
        for name, default in DEFAULTS.items():  # in this order: whether one has an effect may depend on those before it
            if getattr(self, name) is None and name not in self._idle():
                object.__setattr__(self, name, min(default, MAX_BITS - int(self.bits or 0)) if name == "extra_bits" else default)
        for name, (other, hint) in self._idle().items():
            if getattr(self, name) is not None:
                raise RecipeError(f"{name} has no effect with {other}", hint=hint)
        if self.extra_bits is not None and self.bits is not None and self.bits + self.extra_bits > MAX_BITS:
            raise RecipeError(
                f"bits + extra_bits: expected at most {MAX_BITS}, got {self.bits} + {self.extra_bits}",
                hint=f"with {self.bits} bits use at most {MAX_BITS - int(self.bits)} extra bits",
            )

    @property
    def packing(self) -> Packing:
        """The settings of packed codes; the defaults where they have no effect."""
        known = {name: getattr(self, name) for name in ("bits", *_PACKED)}
        return Packing(**{name: DEFAULTS[name] if value is None else value for name, value in known.items()})

    def _check_each(self) -> None:
        """Each setting by itself; numbers become one type, so that the settings of two equal recipes are equal."""
        _one_of("maps", self.maps, MAPS)
        if isinstance(self.bits, float) and self.bits.is_integer():
            object.__setattr__(self, "bits", int(self.bits))
        if self.bits is not None and self.maps == "coded" and (not _is_number(self.bits) or not 1 <= self.bits <= MAX_BITS):
            raise RecipeError(f"bits: expected a number from 1 to {MAX_BITS}, got {self.bits!r}")
        if self.bits is not None and self.maps == "planes":
            whole("bits", self.bits, 1, MAX_BITS)
        if self.extra_bits is not None:
            whole("extra_bits", self.extra_bits, 0, MAX_EXTRA_BITS)
        if self.important is not None and (not _is_number(self.important) or not 0 <= self.important <= 1):
            raise RecipeError(f"important: expected a number from 0 to 1, got {self.important!r}")
        _one_of("weight_rounding", self.weight_rounding, ROUNDINGS)
        if type(self.weight_bits) is not int or self.weight_bits not in WEIGHT_BITS:
            raise RecipeError(f"weight_bits: expected 4 or 8, got {self.weight_bits!r}")
        whole("calibration_samples", self.calibration_samples, 1, 2**31 - 1)
        if self.seed is not None:
            whole("seed", self.seed, 0, 2**32 - 1)
        names = {"method": METHODS, "error_coding": CODINGS, "ranking": _rankings(self.ranking), "runtime": RUNTIMES}
        for name, allowed in names.items():
            if getattr(self, name) is not None:
                _one_of(name, getattr(self, name), allowed)
        object.__setattr__(self, "metric", metric_by_output("metric", self.metric))
        object.__setattr__(self, "ram", ram_budget(self.ram))
        if not _is_number(self.tolerance) or not 0 <= self.tolerance <= MAX_TOLERANCE:
            raise RecipeError(f"tolerance: expected a number from 0 to {MAX_TOLERANCE}, got {self.tolerance!r}")
        object.__setattr__(self, "tolerance", float(self.tolerance))
        _flag("push_rows", self.push_rows)
        _flag("continuous", self.continuous)
        if self.continuous:
            object.__setattr__(self, "push_rows", True)
        _flag("bias_correction", self.bias_correction)
        _one_of("optimize", self.optimize, OPTIMIZE)
        _flag("keep_dead", self.keep_dead)
        if self.push_rows and self.runtime == "tflm":
            raise RecipeError("push_rows: runtime tflm takes no rows one by one", hint="leave one of the two out")
        if self.important is not None:
            object.__setattr__(self, "important", float(self.important))
        object.__setattr__(self, "input_scale", numbers_by_input("input_scale", self.input_scale, positive=True))
        object.__setattr__(self, "input_zero_point", numbers_by_input("input_zero_point", self.input_zero_point))

    def _idle(self) -> dict[str, tuple[str, str]]:
        """The settings that have no effect, each with the one that makes it so, and what to do."""
        planned = self.ram is not None
        if self.continuous:
            return dict.fromkeys(
                ("ram", "runtime", "bits", *_PACKED), ("continuous", "rows that never end flow through rings: leave it out")
            )
        if planned:
            found = dict.fromkeys(("bits", "extra_bits"), ("ram", "the planner chooses the bits: leave one of the two out"))
        else:
            found = {"runtime": ("ram left out", "runtime says what ram is of: give ram, too")}
        if not planned and self.maps == "coded":
            idle, other, hint = _PACKED, "maps coded", "choose maps planes, or leave it out"
        elif self.method == "direct":
            idle, other, hint = _PACKED[1:], "method direct", "leave one of the two out"
        elif self.extra_bits == 0:
            idle, other, hint = _PACKED[2:], "extra_bits 0", "leave one of the two out"
        elif self.important == 0:
            idle, other, hint = _PACKED[3:], "important 0", "leave one of the two out"
        elif self.ranking != "random":
            idle, other, hint = _PACKED[5:], f"ranking {self.ranking}", "choose ranking random, or leave it out"
        else:
            return found
        return dict.fromkeys(idle, (other, hint)) | found


def _rankings(given: object) -> tuple[str, ...]:
    """Those of packages are looked for where it is none of dqa's own."""
    return RANKINGS if given in (None, *RANKINGS) else (*RANKINGS, *plugins.names(plugins.RANKINGS))


def refuse_renamed(names: Iterable[str], written: Callable[[str], str] = str) -> None:
    """Raises RecipeError for a setting under the name it had before. written: how a setting is written where they were given."""
    for name in names:
        if name in RENAMED:
            old, new = written(name), written(RENAMED[name])
            raise RecipeError(f"{old} is now called {new}", hint=f"write {new} instead of {old}")


def firmware_runtime(runtime: str | None, tflm: Path | None) -> str:
    """The runtime of a firmware, standalone unless given. tflm: the tree of TensorFlow Lite Micro to build with.

    Raises RecipeError for an unknown runtime, and for a tree that it does not use.
    """
    chosen = runtime or RUNTIMES[0]
    _one_of("runtime", chosen, RUNTIMES)
    if tflm is not None and chosen != "tflm":
        raise RecipeError(f"tflm has no effect with runtime {chosen}", hint="choose runtime tflm, or leave tflm out")
    return chosen


def one_of_protocols(protocol: str) -> None:
    """RecipeError unless it is one of PROTOCOLS."""
    _one_of("protocol", protocol, PROTOCOLS)


def one_of_forms(form: str) -> None:
    """RecipeError unless it is one of FORMS."""
    _one_of("form", form, FORMS)


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
        if not 1 <= len(value) <= MAX_DIMENSION:
            raise RecipeError(f"{name}: expected a number for each channel, got a list of {len(value)}")
        return tuple(_number(name, item, positive) for item in value)
    return _number(name, value, positive)


def numbers_by_input(name: str, value: object, *, positive: bool = False) -> Numbers | NumbersByInput:
    """As `numbers`, or such of each input that a mapping names."""
    if not isinstance(value, Mapping):
        return numbers(name, value, positive=positive)
    if not value:
        raise RecipeError(f"{name}: names no input", hint="write NAME: NUMBER for each input, or one number for all")
    return {str(key): numbers(f"{name}.{key}", item, positive=positive) for key, item in value.items()}


def metric_by_output(name: str, value: object) -> str | MetricByOutput | None:
    """A metric, or one of each output that a mapping names, or None. Raises RecipeError."""
    if isinstance(value, Mapping):
        if not value:
            raise RecipeError(f"{name}: names no output", hint="write NAME: METRIC for each output, or one metric")
        return {str(output): _one_of(f"{name}.{output}", metric, METRICS) for output, metric in value.items()}
    return None if value is None else _one_of(name, value, METRICS)


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


def whole(name: str, value: object, low: int, high: int) -> int:
    """`value`, if it is a whole number from low to high. Raises RecipeError."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RecipeError(f"{name}: expected a whole number from {low} to {high}, got {value!r:.40}")
    return value


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise RecipeError(f"{name}: expected true or false, got {value!r}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise RecipeError(f"{name}: expected {', '.join(allowed[:-1])} or {allowed[-1]}, got {value!r}")
    return value
