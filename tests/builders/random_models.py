"""Small random float networks with weights, calibration data and options, ordinary and extreme; the same for the same number."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from builders.mixed_models import concatenation, difference, mean, softmax
from dqa import ConvertConfig, DqaError, convert
from dqa.calibration import float_outputs
from dqa.data.dataset import load
from dqa.engine.host import HostModel
from dqa.evaluation.subject import model_inputs
from dqa.frontend import load_model
from dqa.report import load_interface
from tflite_builder import Net, options

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "ram auto": {"ram": "auto"},
    "4-bit weights": {"weight_bits": 4},
    "ram auto, 4-bit weights": {"ram": "auto", "weight_bits": 4},
    "planes": {"maps": "planes"},
    "planes, direct": {"maps": "planes", "method": "direct", "bits": 5},
    "bias correction": {"bias_correction": True},
    "planes, 4-bit weights, bias correction": {"maps": "planes", "weight_bits": 4, "bias_correction": True},
    **{f"{bits} bits": {"bits": bits} for bits in (2, 3, 5.5, 7)},
    "8 bits": {"maps": "planes", "method": "direct", "bits": 8},
}
EIGHT_BITS = "8 bits"
_UNARY = ("TANH", "LOGISTIC", "HARD_SWISH", "ELU", "RELU", "RELU6", "ABS")
_FUSED = ("NONE", "RELU", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclass(frozen=True, eq=False)
class Case:
    """A conversion to try: model, a float .tflite; x, what calibrates it; options, settings of dqa.ConvertConfig.

    weights, data, way: names of what was drawn. sane: whether the answers of 8 bits must be those of the float network.
    """

    number: int
    model: bytes
    x: np.ndarray
    options: dict[str, Any]
    weights: str
    data: str
    way: str
    sane: bool

    def __str__(self) -> str:
        return f"case {self.number} (weights: {self.weights}; data: {self.data}; {self.way})"


def case(number: int) -> Case:
    """The case of a number >= 0."""
    random = np.random.default_rng(number)
    ordinary = random.random()  # two extremes at once are mostly refused
    weights = str(random.choice(list(WEIGHTS if ordinary < 0.6 else SANE_WEIGHTS)))
    data = str(random.choice(list(DATA if ordinary > 0.5 else SANE_DATA)))
    way = str(random.choice(list(OPTIONS)))
    net = _Random(random, WEIGHTS[weights])
    model, shape = net.network(mixed=OPTIONS[way].get("ram") is None and random.random() < 0.1)
    x = DATA[data](random, (int(random.integers(8, 25)), *shape))
    return Case(number, model, x, OPTIONS[way], weights, data, way, weights in SANE_WEIGHTS and data in SANE_DATA)


Draw = Callable[[np.random.Generator, np.ndarray, bool], np.ndarray]


def _dead(random: np.random.Generator, values: np.ndarray, bias: bool) -> np.ndarray:
    """One output channel that a bias keeps below 0, or that has no weights."""
    values = values.copy()
    values[0] = -100 if bias else values[0] * random.choice([0, 1])
    return values


def _uneven(random: np.random.Generator, values: np.ndarray, bias: bool) -> np.ndarray:
    scales = 10 ** random.uniform(-8, 8, len(values))
    return values * scales.reshape(-1, *(1,) * (values.ndim - 1))


WEIGHTS: dict[str, Draw] = {
    "ordinary": lambda _random, values, _bias: values,
    "small": lambda _random, values, bias: values * (1e-3 if bias else 1e-2),
    "dead channel": _dead,
    "all 0": lambda _random, values, _bias: values * 0,
    "no biases": lambda _random, values, bias: values * (not bias),
    "no weights": lambda _random, values, bias: values * bias,
    "biases 1e6": lambda _random, values, bias: values * 1e6 if bias else values,
    "biases 1e30": lambda _random, values, bias: values * 1e30 if bias else values,
    "one bias -1e30": lambda _random, values, bias: np.where(np.arange(len(values)) == 0, -1e30, values) if bias else values,
    "times 1e-30": lambda _random, values, _bias: values * 1e-30,
    "times 1e-10": lambda _random, values, _bias: values * 1e-10,
    "times 1e10": lambda _random, values, _bias: values * 1e10,
    "times 1e30": lambda _random, values, _bias: values * 1e30,
    "denormal": lambda _random, values, _bias: values * 1e-41,
    "uneven channels": _uneven,
    "either end": lambda random, values, _bias: values * random.choice([1e-30, 1e-6, 1, 1e6, 1e30]),
}
SANE_WEIGHTS = ("ordinary", "small", "dead channel", "no biases")


def _normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.normal(0, 1, shape).astype(np.float32)


def _whole(dtype: str, low: int, high: int) -> Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]:
    return lambda random, shape: random.integers(low, high, shape, endpoint=True).astype(dtype)


DATA: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": _normal,
    "positive": lambda random, shape: np.abs(_normal(random, shape)),
    "float64": lambda random, shape: _normal(random, shape).astype(np.float64),
    "uint8": _whole("uint8", 0, 255),
    "int8": _whole("int8", -128, 127),
    "int16": _whole("int16", -32768, 32767),
    "uint8, all 0": _whole("uint8", 0, 0),
    "uint8, all 255": _whole("uint8", 255, 255),
    "0 and 1": _whole("uint8", 0, 1),
    "all 0": lambda _random, shape: np.zeros(shape, np.float32),
    "all 3": lambda _random, shape: np.full(shape, 3, np.float32),
    "one sample": lambda random, shape: _normal(random, (1, *shape[1:])),
    "one value": lambda random, shape: np.where(np.arange(np.prod(shape)).reshape(shape) == 0, np.float32(1), np.float32(0)),
    "denormal": lambda random, shape: _normal(random, shape) * np.float32(1e-41),
    "times 1e-30": lambda random, shape: _normal(random, shape) * np.float32(1e-30),
    "times 1e-6": lambda random, shape: _normal(random, shape) * np.float32(1e-6),
    "times 1e6": lambda random, shape: _normal(random, shape) * np.float32(1e6),
    "times 1e30": lambda random, shape: _normal(random, shape) * np.float32(1e30),
    "uneven features": lambda random, shape: _normal(random, shape) * (10 ** random.uniform(-20, 20, shape[-1])).astype(np.float32),
    "one outlier": lambda random, shape: np.where(np.arange(np.prod(shape)).reshape(shape) == 0, np.float32(1e30), _normal(random, shape)),
}
SANE_DATA = ("normal", "positive", "float64", "uint8", "int8", "int16", "0 and 1", "times 1e6")


def _activation(name: str) -> dict[str, int]:
    return {"fusedActivationFunction": int(getattr(schema.ActivationFunctionType, name))}


@dataclass
class _Random:
    random: np.random.Generator
    draw: Draw
    net: Net = field(init=False)

    def network(self, mixed: bool) -> tuple[bytes, tuple[int, ...]]:
        """The model, and the shape of a sample."""
        random = self.random
        if random.random() < 0.2:
            shape: tuple[int, ...] = (int(random.integers(1, 25)),)
        else:
            shape = tuple(int(n) for n in (*random.integers(4, 11, 2), random.integers(1, 5)))
        self.net = Net(1, *shape, seed=int(random.integers(1 << 30)))
        x = self.net.input
        for _ in range(random.integers(1, 5)):
            x = self._maps(x) if len(shape) == 3 else self._vectors(x)
        if mixed:
            x = difference(self.net, x, self.net.weights(self.net.shape(x)[-1]))
        return self.net.build(*self._head(x)), shape

    def _vectors(self, x: int) -> int:
        return self._dense(x, int(self.random.integers(1, 20)), self._fused()) if self.random.random() < 0.7 else self._unary(x)

    def _maps(self, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        kinds = ["conv", "conv", "depthwise", "unary", "residual", "branches", "pad"]
        kinds += ["max pool", "average pool"] if min(height, width) > 1 else []
        kind = self.random.choice(kinds)
        if kind == "conv":
            return self._conv(x, int(self.random.integers(1, 9)), self._fused(), int(self.random.integers(1, 3)))
        if kind == "depthwise":
            return self._depthwise(x, int(self.random.integers(1, 3)), self._fused())
        if kind == "residual":
            return self.net.binary("ADD", self._conv(x, channels, self._fused()), x, self._fused())
        if kind == "branches":
            axis = int(self.random.integers(1, 4))
            other = self._conv(x, channels, self._fused()) if self.random.random() < 0.7 else self._unary(x)
            first = x if self.random.random() < 0.5 else self._conv(x, channels, self._fused())
            if axis == 3:
                return concatenation(self.net, first, other)
            grown = tuple(2 * n if i == axis else n for i, n in enumerate(self.net.shape(x)))
            return self.net.op("CONCATENATION", [first, other], grown, options("ConcatenationOptions", axis=axis))
        if kind == "pad":
            return self.net.pad(x, [[0, 0], [1, 0], [0, 1], [0, int(self.random.integers(0, 2))]])
        return self._unary(x) if kind == "unary" else self._pool(kind.split()[0].upper(), x)

    def _head(self, x: int) -> list[int]:
        if len(self.net.shape(x)) == 4:
            if self.random.random() < 0.2:
                return [x]
            x = mean(self.net, x) if self.random.random() < 0.5 else self.net.reshape(x, 1, int(np.prod(self.net.shape(x))))
        x = self._dense(x, int(self.random.integers(1, 7)), "NONE")
        end = self.random.choice(["none", "none", "softmax", "LOGISTIC", "TANH"])
        if end == "none":
            return [x]
        return [softmax(self.net, x) if end == "softmax" else self.net.unary(end, x)]

    def _fused(self) -> str:
        return str(self.random.choice(_FUSED))

    def _constant(self, shape: tuple[int, ...], fan_in: int, bias: bool = False) -> int:
        values = self.random.normal(0, 0.1 if bias else max(fan_in, 1) ** -0.5, shape)
        with np.errstate(over="ignore", under="ignore"):
            return self.net.constant(np.clip(self.draw(self.random, values, bias), -3e38, 3e38).astype(np.float32))

    def _conv(self, x: int, out: int, fused: str, stride: int = 1) -> int:
        _, height, width, channels = self.net.shape(x)
        kernel = int(self.random.choice([1, 3]))
        inputs = [x, self._constant((out, kernel, kernel, channels), kernel**2 * channels), self._constant((out,), 1, True)]
        option = options("Conv2DOptions", padding=schema.Padding.SAME, strideH=stride, strideW=stride, **_activation(fused))
        return self.net.op("CONV_2D", inputs, (1, -(-height // stride), -(-width // stride), out), option)

    def _depthwise(self, x: int, multiplier: int, fused: str) -> int:
        _, height, width, channels = self.net.shape(x)
        out = channels * multiplier
        values = np.moveaxis(np.zeros((out, 1, 3, 3)), 0, -1)
        inputs = [x, self._constant(values.shape, 9), self._constant((out,), 1, True)]
        option = options(
            "DepthwiseConv2DOptions", padding=schema.Padding.SAME, strideH=1, strideW=1, depthMultiplier=multiplier, **_activation(fused)
        )
        return self.net.op("DEPTHWISE_CONV_2D", inputs, (1, height, width, out), option)

    def _dense(self, x: int, out: int, fused: str) -> int:
        size = int(np.prod(self.net.shape(x)))
        inputs = [x, self._constant((out, size), size), self._constant((out,), 1, True)]
        return self.net.op("FULLY_CONNECTED", inputs, (1, out), options("FullyConnectedOptions", **_activation(fused)))

    def _unary(self, x: int) -> int:
        return self.net.unary(str(self.random.choice(_UNARY)), x)

    def _pool(self, kind: str, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        option = options("Pool2DOptions", padding=schema.Padding.VALID, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
        return self.net.op(f"{kind}_POOL_2D", [x], (1, height // 2, width // 2, channels), option)


@dataclass(frozen=True)
class Outcome:
    """What became of a case. result: converted, refused (with a clear error), unhandled (anything else) or wrong (answers).

    why: the error. snr: of the answers on the calibration samples, dB, None where there is nothing to compare.
    """

    title: str
    way: str
    result: str
    why: str = ""
    snr: float | None = None

    @property
    def failed(self) -> bool:
        return self.result in ("unhandled", "wrong")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


LEAST_SNR = 15.0
"""dB, of the answers of 8 bits of an ordinary small random network; bytes of inputs and outputs take their share."""


def attempt(case: Case, folder: Path) -> Outcome:
    """Converts a case below `folder`, warnings of numpy as errors, and compares the answers of the host engine with the float network's."""
    (folder / "model.tflite").write_bytes(case.model)
    np.savez(folder / "x.npz", x=case.x)
    found = partial(Outcome, str(case), case.way)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            convert(folder / "model.tflite", folder / "x.npz", folder / "out", ConvertConfig(**case.options))
            real, kept, step = _answers(folder)
            again = case.number % 3 or _again(folder)
    except DqaError as error:
        return found("refused" if error.exit_code == 2 else "unhandled", re.sub(r"^.*tflite: |'[^']*'", "", error.message).strip())
    except Exception as error:
        return found("unhandled", f"{type(error).__name__}: {error} ({traceback.extract_tb(error.__traceback__)[-1]})")
    if not again:
        return found("wrong", "the recipe gives other bytes")
    if kept is None:
        return found("converted")
    snr = _snr(real, kept)
    far = snr < LEAST_SNR and float(np.abs(kept - real).max()) > 2 * step
    short = case.sane and case.way == EIGHT_BITS and far
    return found("wrong" if short else "converted", f"{snr:.1f} dB" if short else "", snr)


def _answers(folder: Path) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Of the float network and of the converted one (None where only TensorFlow Lite Micro runs it), on the calibration samples, and the
    step of the latter."""
    interface = load_interface(folder / "out")
    real, inputs = model_inputs(interface, load(folder / "x.npz"))
    floats = float_outputs(load_model(folder / "out" / "float.tflite"), real)
    port = interface.outputs[0]
    if not (folder / "out" / "model.dqa").exists():
        return floats, None, port.scale[0]
    outputs = HostModel((folder / "out" / "model.dqa").read_bytes()).run(inputs).outputs
    return floats, port.to_real(outputs[:, : int(np.prod(port.shape))]).reshape(floats.shape), port.scale[0]


def _again(folder: Path) -> bool:
    """Whether a conversion with the recipe that another left gives the same bytes."""
    convert(folder / "model.tflite", folder / "x.npz", folder / "again", recipe=folder / "out" / "recipe.yaml")
    return (folder / "again" / "model.tflite").read_bytes() == (folder / "out" / "model.tflite").read_bytes()


def _snr(real: np.ndarray, kept: np.ndarray) -> float:
    """dB of the answers over their errors; relative to the answers' mean square, so that constant answers count."""
    real, kept = real.astype(np.float64), kept.astype(np.float64)
    largest = max(float(np.abs(real).max()), 1e-300)
    noise = float((((kept - real) / largest) ** 2).mean())
    return float(10 * np.log10(max(float(((real / largest) ** 2).mean()), 1e-30) / max(noise, 1e-30)))
