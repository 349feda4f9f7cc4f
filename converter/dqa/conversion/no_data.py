"""What stands in for calibration data where a quantized .tflite comes without: the ranges that the file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dqa.calibration import ChannelStatistics
from dqa.data.dataset import Dataset
from dqa.errors import InputError
from dqa.frontend import FloatModel
from dqa.support.settings import ConvertConfig

NOTE = "no calibration data: activations have 8 bits and the ranges that the quantized file holds; with data they take fewer, measured"
SAMPLES = 12
LEVELS = 256


def settings_without_data(settings: ConvertConfig) -> ConvertConfig:
    """What can be done without data. Raises InputError for a budget: nothing tells what that costs."""
    if settings.ram != "auto" or settings.tolerance != ConvertConfig.tolerance:
        raise InputError("a budget needs calibration data: nothing else tells what it costs", hint="give --calibration X.npz")
    return replace(settings, weight_rounding="nearest")


def patterns(model: FloatModel, settings: ConvertConfig) -> tuple[Dataset, ConvertConfig]:
    """Inputs over the range that the file gives its input, as its type has them, and the settings that say what they mean.

    Flat, coarse and fine noise. What counts are the ranges of the file (`with_ranges`); no decision is made from these.
    """
    assert model.quantized is not None
    entry = model.input
    low, high = model.quantized.ranges.get(entry.index, (-1.0, 1.0))
    random = np.random.default_rng(0)
    shape = entry.shape[1:]
    samples = []
    for number in range(SAMPLES):
        step = (1, 4, max(shape))[number % 3]  # fine, coarse, flat
        coarse = random.random([-(-size // step) for size in shape[:-1]] + [shape[-1]] if len(shape) > 1 else shape)
        for axis in range(len(shape) - 1):
            coarse = np.repeat(coarse, step, axis)[(slice(None),) * axis + (slice(shape[axis]),)]
        samples.append(coarse)
    levels = np.rint(np.stack(samples) * (LEVELS - 1))
    integers = model.quantized.entries.get(entry.index)
    if integers is None or integers[0] == "int16":
        x = (low + levels / (LEVELS - 1) * (high - low)).astype(np.float32)
        return Dataset(x, name="patterns"), settings
    kind, scale, zero = integers
    x = (levels + np.iinfo(kind).min).astype(kind)
    return Dataset(x, name="patterns"), replace(settings, input_scale=scale, input_zero_point=float(zero))


def with_ranges(statistics: Mapping[int, ChannelStatistics], ranges: Mapping[int, tuple[float, float]]) -> dict[int, ChannelStatistics]:
    """The statistics, the channels of each tensor with the range that the file gives it."""
    return {tensor: _within(seen, *ranges[tensor]) if tensor in ranges else seen for tensor, seen in statistics.items()}


def _within(seen: ChannelStatistics, low: float, high: float) -> ChannelStatistics:
    return replace(seen, minimum=np.full(seen.channels, low), maximum=np.full(seen.channels, high))
