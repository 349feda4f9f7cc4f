"""The range of whole activations, for operators that have one scale per tensor."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.calibration.observe import observe
from dqa.errors import DataError
from dqa.frontend.model import FloatModel
from dqa.support.arrays import Float32
from dqa.support.progress import Progress, SilentProgress

NEGLIGIBLE = 1e-30
"""A range below this is none: scales are float32, with room for the product of two of them."""


def around_zero(low: float, high: float) -> tuple[float, float]:
    """The range with 0 in it; (0, 1) where there is nothing but 0."""
    low, high = min(0.0, low), max(0.0, high)
    return (low, high) if high - low >= NEGLIGIBLE else (0.0, 1.0)


def tensor_ranges(
    model: FloatModel, x_float: Float32, tensors: Sequence[int], progress: Progress | None = None
) -> dict[int, tuple[float, float]]:
    """Lowest and highest value of each tensor, by number in the .tflite; (0, 1) of a tensor that is always 0.

    x_float  float32 (N, input shape without batch); N >= 1
    Raises DataError if the samples do not fit the model or make an activation NaN or infinite.
    """
    if not len(x_float):
        raise DataError("calibration needs at least one sample", hint="give a file with samples")
    found: dict[int, tuple[float, float]] = {}

    def add(tensor: int, values: Float32) -> None:
        low, high = float(values.min()), float(values.max())
        before = found.get(tensor, (low, high))
        found[tensor] = min(low, before[0]), max(high, before[1])

    with (progress or SilentProgress()).task("Calibrating: builtins", len(x_float)) as done:
        observe(model, x_float, tensors, add, done)
    return {tensor: (low, high) if max(abs(low), abs(high)) >= NEGLIGIBLE else (0.0, 1.0) for tensor, (low, high) in found.items()}
