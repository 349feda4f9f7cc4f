"""Sizes of edges in bytes (docs/format.md, section 2)."""

from __future__ import annotations

from dqa.coding import plane_bytes
from dqa.operators.records import Edge, Storage

MAX_ERROR_BYTES = 4095
"""The longest error plane a row header can announce."""
MAX_PAYLOAD_WORDS = 2047
"""The longest row of a coded map, in words of 16 bits behind its header."""


def align(size: int) -> int:
    """The next multiple of 4."""
    return -(-size // 4) * 4


def row_bytes(row_values: int, code_bits: int, error_bytes: int | None) -> int:
    """A packed row: code plane and, unless error_bytes is None (no header), an error plane of that many bytes."""
    plane = plane_bytes(row_values, code_bits)
    return plane if error_bytes is None else plane + align(2 + error_bytes)


def has_errors(edge: Edge) -> bool:
    """Whether the rows of a map have a header and an error plane."""
    return edge.storage is Storage.MAP and bool(edge.important) and edge.extra_bits > 0


def may_drop(edge: Edge) -> bool:
    """Whether rows of an edge may lose errors or low bits, and are counted then."""
    return has_errors(edge) or (edge.storage is Storage.CODED and edge.extra_bits > 0)


def coded_row_bytes(values: int, bits: int) -> int:
    """A row of a coded map at the raw level, of codes of `bits` bits."""
    return 2 + 2 * -(-values * bits // 16)


def base_row_bytes(edge: Edge) -> int:
    """A row of a map with an empty error plane, a coded row at the raw level; of any other edge its values."""
    if edge.storage is Storage.CODED:
        return coded_row_bytes(edge.row_values, edge.code_bits)
    if edge.storage is not Storage.MAP:
        return edge.row_values
    return row_bytes(edge.row_values, edge.code_bits, 0 if has_errors(edge) else None)


def minimum_capacity(edge: Edge) -> int:
    """The least `capacity` of an edge, and the only one of a raw edge or a ring: every stored row at its least."""
    return (edge.ring_rows or edge.height) * base_row_bytes(edge)
