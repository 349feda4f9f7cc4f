"""Methods on a network: fits them on calibration samples, runs test samples through them, adds up what they stored and lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dqa.calibration.segments import Change, Runner
from dqa.lab.methods.base import CONSUMER_SAMPLES, Calibration, Method, Quantizer
from dqa.support.arrays import Float32

CAPTURED_VALUES = 1 << 24
"""Values kept of one tensor for calibration: 64 MiB."""


@dataclass
class Totals:
    """Sums over what one tensor stored. noise: squared errors, signal: squared values."""

    values: int = 0
    bits: float = 0.0
    noise: float = 0.0
    signal: float = 0.0

    @property
    def bits_per_value(self) -> float:
        return self.bits / self.values if self.values else 0.0

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise, in dB; infinite without noise."""
        return float(10 * np.log10(self.signal / self.noise)) if self.noise > 0 and self.signal > 0 else float("inf")


@dataclass(frozen=True, eq=False)
class Outcome:
    """outputs: float32 (N, *output shape). tensors: by tensor number."""

    outputs: Float32
    tensors: dict[int, Totals] = field(default_factory=dict)

    @property
    def bits_per_value(self) -> float:
        """Stored bits per activation, over all tensors and samples."""
        return sum(t.bits for t in self.tensors.values()) / max(sum(t.values for t in self.tensors.values()), 1)


def capture(runner: Runner, x: Float32, tensors: Sequence[int], limit: int = CAPTURED_VALUES) -> dict[int, Float32]:
    """The values of hooked tensors on the first samples of x, (n, ..., C), each with at most `limit` values or one sample."""
    shapes = {index: runner.graph.tensors[index].shape[1:] for index in tensors}
    room = {index: max(1, min(len(x), limit // int(np.prod(shape)))) for index, shape in shapes.items()}
    kept = {index: np.empty((room[index], *shapes[index]), np.float32) for index in tensors}
    filled = dict.fromkeys(tensors, 0)

    def watch(index: int) -> Change:
        def look(values: Float32) -> Float32:
            start = filled[index]
            part = values[: room[index] - start]
            kept[index][start : start + len(part)] = part
            filled[index] += len(part)
            return values

        return look

    runner.run(x[: max(room.values(), default=0)], {index: watch(index) for index in tensors})
    return kept


def fit(
    runner: Runner,
    x: Float32,
    methods: Mapping[int, Method],
    orders: Mapping[int, Sequence[int]] | None = None,
    seed: int = 0,
    done: Callable[[int], None] = lambda _count: None,
) -> dict[int, Quantizer]:
    """A quantizer for every hooked tensor in `methods`, from the float network's values on x (N, *input shape).

    orders: channels in ascending importance, for methods that use it. `done` is called with 1 for every tensor.
    """
    values = capture(runner, x, list(methods))
    small = Runner(runner.graph, runner.hooks, batch=min(CONSUMER_SAMPLES, len(x)), threads=runner.threads)
    quantizers = {}
    for index, method in methods.items():
        consumers = _consumers(small, x, index) if method.uses_consumers else None
        calibration = Calibration(values.pop(index), (orders or {}).get(index), consumers, seed)
        quantizers[index] = method.fit(calibration)
        done(1)
    return quantizers


def evaluate(runner: Runner, x: Float32, quantizers: Mapping[int, Quantizer], done: Callable[[int], None] = lambda _count: None) -> Outcome:
    """Runs x with every tensor in `quantizers` stored and read back. `done` is called with the samples just finished."""
    tensors = {index: Totals() for index in quantizers}

    def change(index: int) -> Change:
        def store(values: Float32) -> Float32:
            stored = quantizers[index].apply(values)
            total, error = tensors[index], (stored.values - values).ravel()
            total.values += values.size
            total.bits += stored.bits
            total.noise += float(np.dot(error, error))
            total.signal += float(np.dot(values.ravel(), values.ravel()))
            return stored.values

        return store

    return Outcome(runner.run(x, {index: change(index) for index in quantizers}, done), tensors)


def _consumers(runner: Runner, x: Float32, index: int) -> Callable[[Float32], Float32]:
    """What the first stage that reads a tensor makes of it, all else as in the float network; for the first batch of x."""
    own = runner.stage_of[index]
    reader = next(number for number, stage in enumerate(runner.stages) if index in stage.reads)
    state = runner.resume(runner.start(x[: runner.batch]), 0, last=own)

    def follow(values: Float32) -> Float32:
        behind = runner.resume(state | {index: values}, own + 1, last=reader)
        return np.concatenate([behind[written].ravel() for written in runner.stages[reader].writes])

    return follow
