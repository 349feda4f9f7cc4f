"""The DQA program: its objects, its bytes, its rules (docs/format.md)."""

from dqa.operators.add import Add
from dqa.operators.average_pool_2d import AveragePool2D
from dqa.operators.base import Operator
from dqa.operators.books import BOOK
from dqa.operators.concatenation import Concatenation
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.lut import Lut
from dqa.operators.max_pool_2d import MaxPool2D
from dqa.operators.mean import Mean
from dqa.operators.pad import Pad
from dqa.operators.records import Coding, Edge, ErrorCoding, Requantization, Storage, WeightEncoding, Window
from dqa.operators.registry import KINDS, Kind, kind_of
from dqa.operators.reshape import Reshape
from dqa.operators.resize_nearest_neighbor import ResizeNearestNeighbor
from dqa.operators.softmax import Softmax
from dqa.operators.windows import dilated_kernel, padding_after
from dqa.program.check import check_program
from dqa.program.interface import Interface, Port
from dqa.program.lifetimes import Lifetimes, lifetimes
from dqa.program.maps import (
    MAX_ERROR_BYTES,
    MAX_PAYLOAD_WORDS,
    align,
    base_row_bytes,
    coded_row_bytes,
    has_errors,
    may_drop,
    minimum_capacity,
    row_bytes,
)
from dqa.program.model import IN_OUTPUT, Layout, LayoutName, Program, in_output
from dqa.program.reader import read
from dqa.program.rings import packed_ring, value_ring
from dqa.program.rows import InputView, accumulates, input_view, span
from dqa.program.schedule import Schedule, simulate
from dqa.program.scratch import scratch_bytes, transient_bytes
from dqa.program.writer import Image, Section, assemble, write

__all__ = [
    "BOOK",
    "IN_OUTPUT",
    "KINDS",
    "MAX_ERROR_BYTES",
    "MAX_PAYLOAD_WORDS",
    "Add",
    "AveragePool2D",
    "Coding",
    "Concatenation",
    "Conv2D",
    "DepthwiseConv2D",
    "Edge",
    "ErrorCoding",
    "FullyConnected",
    "Image",
    "InputView",
    "Interface",
    "Kind",
    "Layout",
    "LayoutName",
    "Lifetimes",
    "Lut",
    "MaxPool2D",
    "Mean",
    "Operator",
    "Pad",
    "Port",
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
    "coded_row_bytes",
    "dilated_kernel",
    "has_errors",
    "in_output",
    "input_view",
    "kind_of",
    "lifetimes",
    "may_drop",
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
