"""Calibration: what the activations of a float network look like on given samples."""

from dqa.calibration.observe import float_outputs, observe
from dqa.calibration.ranges import tensor_ranges
from dqa.calibration.statistics import ChannelStatistics, collect

__all__ = ["ChannelStatistics", "collect", "float_outputs", "observe", "tensor_ranges"]
