"""Records of a program: edges, windows, requantizations; field meanings and value ranges are those of docs/format.md.

Names of edges and operators are for people: they are not stored in the program's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dqa.coding.huffman import HuffmanTable
from dqa.support.arrays import Int8, Int32, UInt8


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
    """How the weights of an operator lie in the program: as they are, as indices into a code book, of all or of each output channel, as
    pairs of outputs, or as affine codes."""

    INT8 = 0
    BOOK = 1
    BOOKS = 2
    PAIRS = 3
    AFFINE = 4


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
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

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
