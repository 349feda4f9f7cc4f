"""The operator kinds of the format: number, name, class."""

from __future__ import annotations

from enum import IntEnum

from dqa.program import model


class Kind(IntEnum):
    """The number of an operator in a program (docs/format.md, section 5)."""

    CONV_2D = 1
    DEPTHWISE_CONV_2D = 2
    FULLY_CONNECTED = 3
    ADD = 4
    AVERAGE_POOL_2D = 5
    MEAN = 6
    MAX_POOL_2D = 7
    PAD = 8
    CONCATENATION = 9
    RESIZE_NEAREST_NEIGHBOR = 10
    RESHAPE = 11
    LUT = 12
    SOFTMAX = 13


KINDS: dict[type[model.Operator], Kind] = {
    model.Conv2D: Kind.CONV_2D,
    model.DepthwiseConv2D: Kind.DEPTHWISE_CONV_2D,
    model.FullyConnected: Kind.FULLY_CONNECTED,
    model.Add: Kind.ADD,
    model.AveragePool2D: Kind.AVERAGE_POOL_2D,
    model.Mean: Kind.MEAN,
    model.MaxPool2D: Kind.MAX_POOL_2D,
    model.Pad: Kind.PAD,
    model.Concatenation: Kind.CONCATENATION,
    model.ResizeNearestNeighbor: Kind.RESIZE_NEAREST_NEIGHBOR,
    model.Reshape: Kind.RESHAPE,
    model.Lut: Kind.LUT,
    model.Softmax: Kind.SOFTMAX,
}

COPIES = (model.MaxPool2D, model.Pad, model.Concatenation, model.ResizeNearestNeighbor, model.Reshape)
"""Operators that copy values: their inputs and output have one range."""


def kind_of(op: model.Operator) -> Kind:
    """The kind of an operator; KeyError for a class that is none."""
    return KINDS[type(op)]
