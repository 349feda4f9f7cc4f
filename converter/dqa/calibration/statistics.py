"""Statistics of each channel of each activation, in two passes over the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dqa.calibration.observe import observe
from dqa.calibration.ranges import NEGLIGIBLE
from dqa.errors import DataError
from dqa.frontend.model import FloatModel
from dqa.graph.model import Graph
from dqa.support.arrays import Float32, Float64, Int64
from dqa.support.progress import Progress, SilentProgress

BINS = 2048


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """What the C channels (last axis) of one activation take as values, over all samples and pixels.

    minimum, maximum  float64 (C,), real numbers
    mean, energy      float64 (C,), mean of the values and of their squares
    counts            int64 (C, bins): values in each of the equal bins between that channel's minimum and maximum
                      (all in bin 0 if they are as good as equal)
    samples           values per channel: the sum of each row of counts
    """

    minimum: Float64
    maximum: Float64
    mean: Float64
    energy: Float64
    counts: Int64
    samples: int

    @property
    def channels(self) -> int:
        return len(self.minimum)

    def centers(self) -> Float64:
        """(C, bins) the middle of each bin, a real number."""
        bins = self.counts.shape[1]
        steps = (np.arange(bins) + 0.5) / bins
        return np.asarray(self.minimum[:, None] + (self.maximum - self.minimum)[:, None] * steps)


class _Moments:
    """First pass: ranges, means and energies."""

    def __init__(self, channels: int) -> None:
        self.minimum = np.full(channels, np.inf)
        self.maximum = np.full(channels, -np.inf)
        self.total = np.zeros(channels)
        self.squares = np.zeros(channels)
        self.samples = 0

    def add(self, values: Float32) -> None:
        """values (n, C)"""
        self.minimum = np.minimum(self.minimum, values.min(axis=0))
        self.maximum = np.maximum(self.maximum, values.max(axis=0))
        self.total += values.sum(axis=0, dtype=np.float64)
        self.squares += np.einsum("nc,nc->c", values, values, dtype=np.float64)
        self.samples += len(values)


class _Histogram:
    """Second pass: counts in equal bins between minimum and maximum of each channel."""

    def __init__(self, moments: _Moments, bins: int) -> None:
        self.bins = bins
        self.low = moments.minimum.astype(np.float32)
        spread = (moments.maximum - moments.minimum).astype(np.float32)
        wide = spread > NEGLIGIBLE
        self.per_unit = np.where(wide, np.float32(bins) / np.where(wide, spread, 1), 0).astype(np.float32)
        self.first = (np.arange(len(self.low)) * bins).astype(np.int32)
        self.counts = np.zeros(len(self.low) * bins, np.int64)

    def add(self, values: Float32) -> None:
        """values (n, C)"""
        place = ((values - self.low) * self.per_unit).astype(np.int32)
        np.clip(place, 0, self.bins - 1, out=place)
        place += self.first
        self.counts += np.bincount(place.reshape(-1), minlength=len(self.counts))


def collect(
    model: FloatModel,
    graph: Graph,
    x_float: Float32,
    progress: Progress | None = None,
    *,
    tensors: Sequence[int] | None = None,
    bins: int = BINS,
) -> dict[int, ChannelStatistics]:
    """Statistics of every activation of the graph (or of the given tensors), by tensor number.

    x_float  float32 (N, input shape without batch); N >= 1
    Raises DataError if the samples do not fit the model or make an activation NaN or infinite.
    """
    if not len(x_float):
        raise DataError("calibration needs at least one sample", hint="give a file with samples")
    wanted = list(dict.fromkeys(tensors if tensors is not None else (tensor.index for tensor in graph.activations())))
    progress = progress or SilentProgress()
    moments = {index: _Moments(graph.tensors[index].shape[-1]) for index in wanted}
    with progress.task("Calibrating: ranges", len(x_float)) as done:
        observe(model, x_float, wanted, lambda index, values: moments[index].add(_rows(values)), done)
    histograms = {index: _Histogram(moments[index], bins) for index in wanted}
    with progress.task("Calibrating: distributions", len(x_float)) as done:
        observe(model, x_float, wanted, lambda index, values: histograms[index].add(_rows(values)), done)
    return {index: _statistics(moments[index], histograms[index]) for index in wanted}


def _rows(values: Float32) -> Float32:
    return values.reshape(-1, values.shape[-1])


def _statistics(moments: _Moments, histogram: _Histogram) -> ChannelStatistics:
    return ChannelStatistics(
        minimum=moments.minimum,
        maximum=moments.maximum,
        mean=moments.total / moments.samples,
        energy=moments.squares / moments.samples,
        counts=histogram.counts.reshape(-1, histogram.bins),
        samples=moments.samples,
    )
