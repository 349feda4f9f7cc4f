"""Maps in numpy: the bytes of a stored edge and the values they read back as (docs/format.md, section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.coding import pack, plane_bytes, unpack
from dqa.program import MAX_ERROR_BYTES, Edge, ErrorCoding, base_row_bytes, has_errors, row_bytes
from reference import coded as mirror_coded

Int8 = npt.NDArray[np.int8]
UInt8 = npt.NDArray[np.uint8]


def _raw_bits(errors: UInt8, bits: int) -> UInt8:
    """Errors of `bits` bits each as bytes, most significant bit first."""
    places = np.arange(bits - 1, -1, -1)
    return np.packbits((errors[:, None] >> places & 1).astype(np.uint8))


def _raw_errors(data: UInt8, count: int, bits: int) -> UInt8:
    planes = np.unpackbits(data)[: count * bits].reshape(count, bits)
    errors: UInt8 = (planes << np.arange(bits - 1, -1, -1)).sum(axis=1).astype(np.uint8)
    return errors


def _codes(edge: Edge, q: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes of unsigned values (..., channels): cut off in important channels, rounded in the others."""
    shift = edge.extra_bits
    if not shift:
        return q
    codes: npt.NDArray[np.int32] = np.minimum(q + (1 << (shift - 1)) >> shift, (1 << edge.code_bits) - 1)
    important = list(edge.important)
    codes[..., important] = q[..., important] >> shift
    return codes


def encode(edge: Edge, values: Int8) -> tuple[UInt8, int]:
    """The bytes of a map holding `values` (height, width, channels), and the number of rows whose errors or low bits were dropped."""
    if edge.coding is not None:
        return mirror_coded.encode(edge, edge.coding, values)
    q = values.astype(np.int32) - edge.low
    planes = pack(_codes(edge, q).reshape(edge.height, -1), edge.code_bits)
    if not has_errors(edge):
        return planes.reshape(-1), 0
    errors = (q[..., list(edge.important)] & ((1 << edge.extra_bits) - 1)).astype(np.uint8).reshape(edge.height, -1)
    base = base_row_bytes(edge)
    pool, used, dropped, rows = edge.capacity - edge.height * base, 0, 0, []
    for y in range(edge.height):
        plane = _raw_bits(errors[y], edge.extra_bits) if edge.huffman is None else edge.huffman.encode(errors[y])
        extra = row_bytes(edge.row_values, edge.code_bits, len(plane)) - base
        left = edge.height - 1 - y
        level = 0
        if len(plane) > MAX_ERROR_BYTES or used + extra + left * edge.expected_extra > pool:
            plane, extra, level, dropped = plane[:0], 0, edge.extra_bits, dropped + 1
        used += extra
        row = np.zeros(base + extra, np.uint8)
        start = planes.shape[1]
        row[:start] = planes[y]
        row[start : start + 2] = level | (len(plane) & 15) << 4, len(plane) >> 4
        row[start + 2 : start + 2 + len(plane)] = plane
        rows.append(row)
    return np.concatenate(rows), dropped


def _zero_points(edge: Edge) -> npt.NDArray[np.int32]:
    points = np.full(edge.channels, edge.zero_point) if edge.zero_points is None else edge.zero_points
    return points.astype(np.int32)


def decode(edge: Edge, data: UInt8) -> Int8:
    """The values (height, width, channels) of a map. Raises ValueError for bytes that are none."""
    if edge.coding is not None:
        return mirror_coded.decode(edge, edge.coding, data)
    shape = (edge.width, edge.channels)
    size, at, rows = plane_bytes(edge.row_values, edge.code_bits), 0, []
    important, middle = list(edge.important), (1 << edge.extra_bits) - 1 >> 1
    for _ in range(edge.height):
        q = unpack(data[at : at + size], edge.row_values, edge.code_bits).astype(np.int32).reshape(shape) << edge.extra_bits
        at += size
        if has_errors(edge):
            header = int(data[at]) | int(data[at + 1]) << 8
            level, length = header & 15, header >> 4
            plane = data[at + 2 : at + 2 + length]
            at += row_bytes(edge.row_values, edge.code_bits, length) - size
            if level == 0:
                count = edge.width * len(important)
                errors = edge.huffman.decode(plane, count) if edge.huffman else _raw_errors(plane, count, edge.extra_bits)
                q[:, important] += errors.reshape(edge.width, -1)
            elif level == edge.extra_bits:
                q[:, important] += np.where(q + edge.low == _zero_points(edge), 0, middle)[:, important]
            else:
                raise ValueError(f"a row with drop level {level}")
        rows.append(q + edge.low)
    return np.stack(rows).astype(np.int8)


def store(edge: Edge, values: Int8) -> tuple[Int8, int]:
    """What an edge gives back of `values`, and the number of rows dropped on the way; a raw edge gives back all."""
    if edge.coding is None and edge.error_coding is ErrorCoding.NONE and edge.extra_bits == 0:
        return values, 0
    data, dropped = encode(edge, values)
    return decode(edge, data), dropped
