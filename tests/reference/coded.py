"""Coded maps in numpy: the bytes of an entropy-coded edge and the values they read back as (docs/format.md, section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.coding import HuffmanTable
from dqa.program import MAX_PAYLOAD_WORDS, Coding, Edge, base_row_bytes

Int8 = npt.NDArray[np.int8]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]


def _symbol(u: int) -> tuple[int, int]:
    """The symbol of a magnitude, and how many of its low bits follow."""
    exponent = max(1, u.bit_length() - 1)
    return (u, 0) if u < 4 else (2 * exponent + (u >> exponent - 1 & 1), exponent - 1)


def _limits(edge: Edge) -> tuple[int, int]:
    """The most that a value lies below and above the zero point."""
    return edge.zero_point - edge.low, edge.high - edge.zero_point


def _dropped(v: int, drop: int) -> int:
    return abs(v) + ((1 << drop) - 1) // 2 >> drop


def _codeword(edge: Edge, table: HuffmanTable, drop: int, v: int) -> str:
    """The bits of a value, as text."""
    u = _dropped(v, drop)
    symbol, low_bits = _symbol(u)
    bits = format(table.codes[symbol], f"0{table.lengths[symbol]}b")
    bits += format(u & (1 << low_bits) - 1, f"0{low_bits}b") if low_bits else ""
    return bits + ("01"[v < 0] if u and edge.low < edge.zero_point else "")


def _raw_code(edge: Edge, v: int) -> str:
    below, above = _limits(edge)
    drop = edge.extra_bits
    u = min(_dropped(v, drop), (below if v < 0 else above) >> drop)
    return format((below >> drop) + (-u if v < 0 else u), f"0{edge.code_bits}b")


def _channel_bits(edge: Edge, coding: Coding, drop: int, channel: npt.NDArray[np.int32]) -> str:
    """The bits of v = value - zero_point of a channel of a row."""
    bits, left = [], 0
    for v in map(int, channel):
        bits.append(_codeword(edge, coding.tables[coding.contexts[drop][left]], drop, v))
        left = _symbol(_dropped(v, drop))[0]
    return "".join(bits)


class _Row:
    """A row (width, channels) of v = value - zero_point and its bits at any level."""

    def __init__(self, edge: Edge, coding: Coding, v: npt.NDArray[np.int32]) -> None:
        self.edge, self.coding, self.v = edge, coding, v
        self.done: dict[tuple[int, int], str] = {}

    def bits(self, level: int) -> str:
        if level == self.coding.raw_level:
            return "".join(_raw_code(self.edge, int(v)) for v in self.v.T.reshape(-1))
        drops = self.coding.drops(level)
        return "".join(self._channel(c, drops[group]) for c, group in enumerate(self.coding.groups))

    def _channel(self, c: int, drop: int) -> str:
        if (c, drop) not in self.done:
            self.done[c, drop] = _channel_bits(self.edge, self.coding, drop, self.v[:, c])
        return self.done[c, drop]

    def fits(self, level: int, used: int, y: int) -> bool:
        """Whether row y may be at a level, `used` bytes lying before it."""
        words = -(-len(self.bits(level)) // 16)
        if level == self.coding.raw_level:
            return True
        later = (self.edge.height - 1 - y) * base_row_bytes(self.edge)
        expected = self.coding.expected[level] * self.coding.share[y] >> 8
        return words <= MAX_PAYLOAD_WORDS and used + 2 + 2 * words + max(later, expected) <= self.edge.capacity


def encode(edge: Edge, coding: Coding, values: Int8) -> tuple[UInt8, int]:
    """The bytes of a coded map holding `values` (height, width, channels), and the number of rows that dropped bits."""
    data, dropped, level = b"", 0, 0
    for y, v in enumerate(values.astype(np.int32) - edge.zero_point):
        row, level = _Row(edge, coding, v), min(level, coding.raw_level - 1)
        if row.fits(level, len(data), y):
            while level > 0 and row.fits(level - 1, len(data), y):
                level -= 1
        else:
            level = next(higher for higher in range(level + 1, coding.raw_level + 1) if row.fits(higher, len(data), y))
        bits = row.bits(level)
        words = -(-len(bits) // 16)
        bits = bits.ljust(16 * words, "0")
        units = [level | words << 5, *(int(bits[i : i + 16], 2) for i in range(0, len(bits), 16))]
        data += np.array(units, "<u2").tobytes()
        dropped += level > 0 and edge.extra_bits > 0
    return np.frombuffer(data, np.uint8), dropped


class _Bits:
    """Takes the bits of a payload, most significant first."""

    def __init__(self, words: UInt16) -> None:
        self.bits = "".join(f"{int(word):016b}" for word in words)
        self.at = 0

    def take(self, count: int) -> int:
        """The next `count` bits. Raises ValueError where there are not as many."""
        if self.at + count > len(self.bits):
            raise ValueError(f"a payload of {len(self.bits)} bits ends inside a value")
        self.at += count
        return int("0" + self.bits[self.at - count : self.at], 2)

    def symbol(self, table: HuffmanTable) -> int:
        window = self.bits[self.at : self.at + table.max_length].ljust(table.max_length, "0")
        entry = table.decode_table[int(window, 2)]
        self.take(entry >> 4)
        return entry & 15


def _channel(edge: Edge, coding: Coding, drop: int, bits: _Bits) -> list[int]:
    """The v of the next channel of a row."""
    below, above = _limits(edge)
    symbol, channel = 0, []
    for _ in range(edge.width):
        u = symbol = bits.symbol(coding.tables[coding.contexts[drop][symbol]])
        if symbol >= 4:
            low_bits = (symbol >> 1) - 1
            u = (2 + (symbol & 1) << low_bits) + bits.take(low_bits)
        negative = bool(u) and below > 0 and bool(bits.take(1))
        channel.append(-min(u << drop, below) if negative else min(u << drop, above))
    return channel


def _raw_value(edge: Edge, bits: _Bits) -> int:
    drop = edge.extra_bits
    u = bits.take(edge.code_bits) - (_limits(edge)[0] >> drop)
    return -(-u << drop) if u < 0 else u << drop


def decode(edge: Edge, coding: Coding, data: UInt8) -> Int8:
    """The values (height, width, channels) of a coded map. Raises ValueError for bytes that are none."""
    units, at = np.ascontiguousarray(data).view("<u2"), 0
    values = np.zeros((edge.height, edge.width, edge.channels), np.int32)
    for y in range(edge.height):
        level, words = int(units[at]) & 31, int(units[at]) >> 5
        bits = _Bits(units[at + 1 : at + 1 + words])
        at += 1 + words
        if level > coding.raw_level:
            raise ValueError(f"a row at level {level}; expected 0..{coding.raw_level}")
        drops = coding.drops(level)
        for c, group in enumerate(coding.groups):
            if level == coding.raw_level:
                values[y, :, c] = [_raw_value(edge, bits) for _ in range(edge.width)]
            else:
                values[y, :, c] = _channel(edge, coding, drops[group], bits)
    return (values + edge.zero_point).astype(np.int8)
