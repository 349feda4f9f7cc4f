"""The storage format of every activation: bits, range, scales, important channels, error coding.

A `TensorFormat` is a decision, written to the recipe; everything after it is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from dqa.calibration import around_zero
from dqa.coding.huffman import HuffmanTable
from dqa.program import Coding, Edge, ErrorCoding, Storage, base_row_bytes, minimum_capacity, row_bytes
from dqa.support.arrays import Bool, Float32, Float64


class Reason(StrEnum):
    """Why an edge got its format; shown in the report."""

    INPUT = "input of the model"
    OUTPUT = "output of the model"
    TABLE = "output of a table operator (softmax, logistic)"
    TABLE_INPUT = "input of a table operator, one scale"
    SMALL = "small: under 1 % of the activations"
    MAP = "packed map"
    CODED = "coded map"
    FEW = "few values, which plain bytes hold best"
    EIGHT = "8 bits, as all activations have"
    PLANNED = "planned"
    PASSING = "passes row by row to its reader"
    BORDER = "between DQA groups, or at a TFLite builtin"


@dataclass(frozen=True, eq=False)
class TensorFormat:
    """How one activation is stored.

    scales: float64 (C,), real units per value. zero_points: float64 (C,), the (real-valued) value of real zero.
    important: channel numbers whose shifting error is kept. expected_extra: bytes of a row's error plane the writer plans for.
    capacity: bytes of the stored edge. ring_rows: rows of a ring, else 0. coding: of a coded map.
    """

    storage: Storage
    code_bits: int
    extra_bits: int
    low: int
    zero_points: Float64
    scales: Float64
    reason: Reason
    important: tuple[int, ...] = ()
    error_coding: ErrorCoding = ErrorCoding.NONE
    huffman: HuffmanTable | None = None
    expected_extra: int = 0
    capacity: int = 0
    ring_rows: int = 0
    coding: Coding | None = None

    @property
    def bits(self) -> int:
        return self.code_bits + self.extra_bits

    @property
    def high(self) -> int:
        return self.low + (1 << self.bits) - 1

    @property
    def rounded_by_writer(self) -> Bool:
        """The direct channels of a map with extra bits, bool (C,): the writer rounds them to 2^m steps."""
        direct = np.full(len(self.scales), self.storage is Storage.MAP and self.extra_bits > 0)
        direct[list(self.important)] = False
        return direct

    def stored(self, values: Float32) -> Float32:
        """What real values (..., C) read back as, no row dropped."""
        q = np.clip(np.rint(values / self.scales + self.zero_points), self.low, self.high) - self.low
        if self.extra_bits and self.rounded_by_writer.any():
            top = (1 << self.code_bits) - 1
            rounded = np.minimum((q.astype(np.int64) + (1 << self.extra_bits >> 1)) >> self.extra_bits, top) << self.extra_bits
            q = np.where(self.rounded_by_writer, rounded, q)
        return np.asarray((q + self.low - self.zero_points) * self.scales, np.float32)

    def edge(self, name: str, shape: tuple[int, int, int]) -> Edge:
        """This format as an edge of a program; real zero points become the nearest values inside int8."""
        rounded = np.clip(np.rint(self.zero_points), -128, 127).astype(np.int8)
        uniform = bool(np.all(rounded == rounded[0]))
        height, width, channels = shape
        return Edge(
            name=name,
            height=height,
            width=width,
            channels=channels,
            storage=self.storage,
            code_bits=self.code_bits,
            extra_bits=self.extra_bits,
            low=self.low,
            zero_point=int(rounded[0]) if uniform else 0,
            capacity=self.capacity,
            zero_points=None if uniform else rounded,
            important=self.important,
            error_coding=self.error_coding,
            expected_extra=self.expected_extra,
            huffman=self.huffman,
            ring_rows=self.ring_rows,
            coding=self.coding,
        )


def raw(
    reason: Reason, shape: tuple[int, int, int], scales: Float64, zero_points: Float64, *, unsigned_bytes: bool = False
) -> TensorFormat:
    """An edge of plain bytes, 8 bits."""
    storage = Storage.RAW_UINT8 if unsigned_bytes else Storage.RAW_INT8
    return TensorFormat(storage, 8, 0, -128, zero_points, scales, reason, capacity=shape[0] * shape[1] * shape[2])


def whole(
    shape: tuple[int, int, int],
    storage: Storage,
    code_bits: int,
    extra_bits: int,
    low: int,
    zero_points: Float64,
    scales: Float64,
    *,
    reason: Reason,
) -> TensorFormat:
    """An edge without shifting errors: plain bytes, codes that the writer rounds, or a ring (whose rows the lowering adds)."""
    height, width, channels = shape
    size = height * row_bytes(width * channels, code_bits, None) if storage is Storage.MAP else height * width * channels
    return TensorFormat(storage, code_bits, extra_bits, low, zero_points, scales, reason, capacity=size)


def as_ring(fmt: TensorFormat, shape: tuple[int, int, int], rows: int) -> TensorFormat:
    """The format of a ring, or of packed rows, with so many rows (all, if the map has fewer)."""
    ring = replace(fmt, ring_rows=min(rows, shape[0]))
    return replace(ring, capacity=minimum_capacity(ring.edge("", shape)))


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """`low` and the zero point of an edge of `bits` bits (docs/format.md, section 1)."""
    if signed:
        return -(1 << (bits - 1)), 0
    return (-128, -128) if bits == 8 else (0, 0)


def affine(low: float, high: float) -> tuple[float, float]:
    """Scale and integer zero point that spread 8 bits over a range, 0 included."""
    low, high = around_zero(low, high)
    scale = (high - low) / 255
    return scale, float(np.rint(-128 - low / scale))


def packed(
    shape: tuple[int, int, int],
    *,
    code_bits: int,
    extra_bits: int,
    signed: bool,
    scales: Float64,
    important: tuple[int, ...],
    error_coding: ErrorCoding,
    error_counts: Float64,
    reason: Reason = Reason.MAP,
) -> TensorFormat:
    """A packed map with room for the errors its calibration expects, plus a margin of 1/16.

    error_counts: float64 (2^m,), how often each error was seen in the important channels; decides the Huffman code.
    """
    height, width, channels = shape
    bits = code_bits + extra_bits
    low, zero = value_range(bits, signed)
    if not important or extra_bits == 0:
        important, error_coding = (), ErrorCoding.NONE
    huffman = None
    symbol_bits = float(extra_bits)
    if error_coding is ErrorCoding.HUFFMAN:
        total = max(float(error_counts.sum()), 1.0)
        counts = np.maximum(np.rint(error_counts / total * 65536), 1).astype(np.int64)
        huffman = HuffmanTable.from_counts(counts.tolist())
        symbol_bits = huffman.encoded_bits(counts.tolist()) / float(counts.sum())
    zero_points = np.full(channels, float(zero))
    bare = TensorFormat(Storage.MAP, code_bits, extra_bits, low, zero_points, scales, reason, important, error_coding, huffman)
    base = base_row_bytes(bare.edge("", shape))
    plane = width * len(important) * symbol_bits / 8
    if error_coding is ErrorCoding.HUFFMAN:
        plane *= 17 / 16
    # A row's header leaves two bytes of its word to the error plane.
    expected = min(max(-(-(int(np.ceil(plane)) - 2) // 4) * 4, 0), 4092) if important else 0
    return TensorFormat(
        Storage.MAP,
        code_bits,
        extra_bits,
        low,
        zero_points,
        scales,
        reason,
        important,
        error_coding,
        huffman,
        expected_extra=expected,
        capacity=height * (base + expected),
    )
