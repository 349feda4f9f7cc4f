"""A DQA program as Python objects; field meanings and value ranges are those of docs/format.md.

Names of edges and operators are for people: they are not stored in the program's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

from dqa.coding.huffman import HuffmanTable

Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]


class Storage(IntEnum):
    """How an edge lies in memory."""

    RAW_INT8 = 0
    RAW_UINT8 = 1
    MAP = 2
    RING = 3
    CODED = 4


class ErrorCoding(IntEnum):
    """How the shifting errors of the important channels are written."""

    NONE = 0
    RAW = 1
    HUFFMAN = 2


class WeightEncoding(IntEnum):
    """How the weights of an operator lie in the program: as they are, or as indices into a code book, of all or of each output channel."""

    INT8 = 0
    BOOK = 1
    BOOKS = 2


@dataclass(frozen=True, eq=False)
class Coding:
    """How a coded map is written (docs/format.md, section 2): S bits at most dropped, G groups, S * G + 1 levels before the raw one.

    groups: of each channel, 0 .. G - 1, 0 the least important. tables: of 16 symbols, the same tuple for edges that share them.
    contexts[s][k]: the number of the table with s = 0 .. S bits dropped and the symbol k to the left.
    expected[l]: bytes of a map all of whose rows are at level l. share[y]: of these, what the rows after y take, in units of 1/256.
    """

    group_count: int
    groups: tuple[int, ...]
    tables: tuple[HuffmanTable, ...]
    contexts: tuple[tuple[int, ...], ...]
    expected: tuple[int, ...]
    share: tuple[int, ...]

    @property
    def most_dropped(self) -> int:
        """S."""
        return len(self.contexts) - 1

    @property
    def raw_level(self) -> int:
        """The last level: all drop S bits, no entropy code."""
        return self.most_dropped * self.group_count + 1

    def drops(self, level: int) -> tuple[int, ...]:
        """Bits each group drops at a level."""
        whole, more = divmod(min(level, self.raw_level - 1), self.group_count)
        return tuple(whole + (group < more) for group in range(self.group_count))


@dataclass(frozen=True, eq=False)
class Edge:
    """A tensor between operators, `height x width x channels` values.

    ring_rows > 0: not the whole map is stored but a ring of its latest rows. coding: of a coded map, else None.
    """

    name: str
    height: int
    width: int
    channels: int
    storage: Storage
    code_bits: int
    extra_bits: int
    low: int
    zero_point: int
    capacity: int
    zero_points: Int8 | None = None
    important: tuple[int, ...] = ()
    error_coding: ErrorCoding = ErrorCoding.NONE
    expected_extra: int = 0
    huffman: HuffmanTable | None = None
    ring_rows: int = 0
    coding: Coding | None = None

    @property
    def bits(self) -> int:
        """n + m, the bits of a value."""
        return self.code_bits + self.extra_bits

    @property
    def high(self) -> int:
        """Highest value."""
        return self.low + (1 << self.bits) - 1

    @property
    def row_values(self) -> int:
        return self.width * self.channels

    @property
    def values(self) -> int:
        return self.height * self.width * self.channels

    @property
    def pads_with_zeros(self) -> bool:
        """Whether the zero points of all channels are 0, so that padding adds nothing to a sum."""
        return self.zero_point == 0 if self.zero_points is None else not self.zero_points.any()


@dataclass(frozen=True)
class Window:
    """The window of a convolution or pool, in rows and columns."""

    kernel_h: int
    kernel_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0


@dataclass(frozen=True, eq=False)
class Requantization:
    """Per output channel: int32 bias added to the sum, multiplier in [0, 2^31), shift in 1..31."""

    bias: Int32
    multiplier: Int32
    shift: UInt8


@dataclass(frozen=True, eq=False)
class Operator:
    """Base: `inputs` and `output` are edge numbers."""

    name: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True, eq=False)
class Conv2D(Operator):
    """weights int8 (O, kernel_h, kernel_w, I); with a code book (16,) or (O, 16) every weight is one of its values, stored in 4 bits."""

    window: Window
    weights: Int8
    requantization: Requantization
    book: Int8 | None = None


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(Operator):
    """weights int8 (kernel_h, kernel_w, O), O = I * multiplier."""

    window: Window
    weights: Int8
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class FullyConnected(Operator):
    """weights int8 (O, H * W * I) over the whole input map in NHWC order; book as Conv2D's."""

    weights: Int8
    requantization: Requantization
    book: Int8 | None = None


@dataclass(frozen=True, eq=False)
class Add(Operator):
    """weights_a, weights_b int16 (C,): the scales of the two inputs relative to the sum."""

    weights_a: Int16
    weights_b: Int16
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class AveragePool2D(Operator):
    window: Window
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class Mean(Operator):
    """Over the whole map; output 1 x 1 x C."""

    requantization: Requantization


@dataclass(frozen=True, eq=False)
class MaxPool2D(Operator):
    window: Window


@dataclass(frozen=True, eq=False)
class Pad(Operator):
    top: int
    left: int
    before: int


@dataclass(frozen=True, eq=False)
class Concatenation(Operator):
    """axis 0 = height, 1 = width, 2 = channels."""

    axis: int


@dataclass(frozen=True, eq=False)
class ResizeNearestNeighbor(Operator):
    """rows, columns uint16: the input row / column of each output row / column."""

    rows: UInt16
    columns: UInt16


@dataclass(frozen=True, eq=False)
class Reshape(Operator):
    pass


@dataclass(frozen=True, eq=False)
class Lut(Operator):
    """table int8 (256,): value -> table[value + 128]."""

    table: Int8


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """table uint16 (256,): exp(-difference * scale * beta), first entry the largest."""

    table: UInt16


LayoutName = Literal["internal", "external", "pushed"]
"""The layouts of a program by name, in the order of the format."""

IN_OUTPUT = 1 << 31
"""The bit of an offset that counts from the first output."""


def in_output(offset: int) -> int:
    """A place in the first output, as a layout says it."""
    return IN_OUTPUT | offset


@dataclass(frozen=True)
class Layout:
    """Arena offsets in bytes: of each edge, of each operator's scratch and of its transient row; None: not in the arena.

    Where the outputs are the caller's, an offset may be `in_output`: a place in the first output, used before that is written.
    """

    arena_size: int
    edges: tuple[int | None, ...]
    scratch: tuple[int, ...]
    transient: tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """Edges 0..input_count-1 are the inputs, the next output_count the outputs.

    phases: of each operator; operators of one phase run together, phases one after the other. None: one operator per phase.
    pushed: the layout for input rows that come one by one, None if there is none.
    """

    edges: tuple[Edge, ...]
    ops: tuple[Operator, ...]
    input_count: int
    output_count: int
    internal: Layout
    external: Layout
    notes: dict[str, str] = field(default_factory=dict)
    phases: tuple[int, ...] | None = None
    pushed: Layout | None = None

    @property
    def op_phases(self) -> tuple[int, ...]:
        """The phase of each operator."""
        return tuple(range(len(self.ops))) if self.phases is None else self.phases

    @property
    def inputs(self) -> tuple[Edge, ...]:
        return self.edges[: self.input_count]

    @property
    def outputs(self) -> tuple[Edge, ...]:
        return self.edges[self.input_count : self.input_count + self.output_count]
