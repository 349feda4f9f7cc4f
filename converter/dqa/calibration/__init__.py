"""Calibration: what the activations of a float network look like on given samples."""

from dqa.calibration.observe import float_outputs, observe
from dqa.calibration.ranges import NEGLIGIBLE, around_zero, tensor_ranges
from dqa.calibration.statistics import ChannelStatistics, collect

__all__ = ["NEGLIGIBLE", "ChannelStatistics", "around_zero", "collect", "float_outputs", "observe", "tensor_ranges"]
