"""How numbers enter and leave a converted model: its inputs and outputs, and the data that feed it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dqa.data.entries import Entries, Entry
from dqa.errors import InputError
from dqa.support.arrays import Array, Float32, Float64, Floating, UInt8
from dqa.support.settings import MetricByOutput, Numbers, NumbersByInput


@dataclass(frozen=True)
class Port:
    """An input or output of the model: bytes of `dtype` (uint8 or int8), real = (byte - zero_point) * scale.

    shape is without the batch; scale and zero_point hold one number, or one for each entry of the last dimension.
    argmax: the model's answer is the index of the largest along the last dimension.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[float, ...]
    argmax: bool = False

    def to_real(self, data: Array) -> Float32:
        """(N, bytes) of the model's dtype as real numbers (N, *shape)."""
        values = data.reshape(len(data), *self.shape).astype(np.float64)
        return np.asarray((values - np.array(self.zero_point)) * np.array(self.scale), np.float32)

    def to_bytes(self, real: Floating) -> UInt8:
        """Real numbers (N, *shape) as the model's bytes (N, bytes), rounded to nearest and clipped."""
        limits = np.iinfo(np.dtype(self.dtype))
        values = np.clip(self._steps(real), limits.min, limits.max)
        return np.asarray(values.astype(self.dtype).reshape(len(real), -1).view(np.uint8))

    def clipped(self, real: Floating) -> float:
        """The share, 0..1, of real numbers (N, *shape) that are beyond what the model's bytes hold."""
        limits, values = np.iinfo(np.dtype(self.dtype)), self._steps(real)
        return float(np.mean((values < limits.min) | (values > limits.max)))

    def _steps(self, real: Floating) -> Float64:
        return np.asarray(np.rint(real.astype(np.float64) / np.array(self.scale) + np.array(self.zero_point)))


@dataclass(frozen=True)
class Interface:
    """The model's ports, and the mapping of the data: float input = (x - data_zero_point) * data_scale.

    These are settings: for all inputs, or by input. push_rows: runtime standalone takes the input row by row.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    data_scale: Numbers | NumbersByInput
    data_zero_point: Numbers | NumbersByInput
    metric: str | MetricByOutput | None
    push_rows: bool = False

    @property
    def entries(self) -> Entries:
        return Entries(tuple(Entry(port.name, port.shape) for port in self.inputs))

    def pushed_on(self, runtime: str) -> bool:
        """Whether a runtime takes the input row by row: TensorFlow Lite Micro owns its tensors, so that there it is whole."""
        return self.push_rows and runtime == "standalone"

    @property
    def output_names(self) -> list[str]:
        return [port.name for port in self.outputs]

    def place(self, output: str | None) -> int:
        """The place of the output of that name; of the first without one. Raises InputError for a name that no output has."""
        if output is None:
            return 0
        if output not in self.output_names:
            raise InputError(f"the model has no output '{output}'", hint=f"its outputs: {', '.join(self.output_names)}")
        return self.output_names.index(output)

    def answers(self, outputs: Array, place: int) -> Float32:
        """The real numbers (N, *shape) of one output in the bytes (N, bytes) of all of them, one after the other."""
        sizes = [math.prod(port.shape) for port in self.outputs]
        start = sum(sizes[:place])
        return self.outputs[place].to_real(outputs[:, start : start + sizes[place]].view(np.int8))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
