"""The DQA program: its objects, its bytes, its rules (docs/format.md)."""

from dqa.program.check import check_program
from dqa.program.kinds import KINDS, Kind, kind_of
from dqa.program.maps import MAX_ERROR_BYTES, align, base_row_bytes, has_errors, minimum_capacity, row_bytes
from dqa.program.model import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Edge,
    ErrorCoding,
    FullyConnected,
    Layout,
    Lut,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Program,
    Requantization,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    Storage,
    WeightEncoding,
    Window,
)
from dqa.program.reader import read
from dqa.program.rings import packed_ring, value_ring
from dqa.program.rows import InputView, accumulates, dilated_kernel, input_view, padding_after, span
from dqa.program.schedule import Schedule, simulate
from dqa.program.scratch import scratch_bytes, transient_bytes
from dqa.program.weights import BOOK
from dqa.program.writer import Image, Section, assemble, write

__all__ = [
    "BOOK",
    "KINDS",
    "MAX_ERROR_BYTES",
    "Add",
    "AveragePool2D",
    "Concatenation",
    "Conv2D",
    "DepthwiseConv2D",
    "Edge",
    "ErrorCoding",
    "FullyConnected",
    "Image",
    "InputView",
    "Kind",
    "Layout",
    "Lut",
    "MaxPool2D",
    "Mean",
    "Operator",
    "Pad",
    "Program",
    "Requantization",
    "Reshape",
    "ResizeNearestNeighbor",
    "Schedule",
    "Section",
    "Softmax",
    "Storage",
    "WeightEncoding",
    "Window",
    "accumulates",
    "align",
    "assemble",
    "base_row_bytes",
    "check_program",
    "dilated_kernel",
    "has_errors",
    "input_view",
    "kind_of",
    "minimum_capacity",
    "packed_ring",
    "padding_after",
    "read",
    "row_bytes",
    "scratch_bytes",
    "simulate",
    "span",
    "transient_bytes",
    "value_ring",
    "write",
]
