"""What edges and operators of a program are, in words: for comments in C and for viewers of models."""

from __future__ import annotations

from dqa.operators.base import Operator
from dqa.operators.records import Edge, Storage, Window
from dqa.operators.registry import kind_of
from dqa.program.model import Program


def shape_words(edge: Edge) -> str:
    """28 x 28 x 16"""
    return " x ".join(map(str, edge.shape))


def storage_words(edge: Edge) -> str:
    """How an edge lies in memory, and its values."""
    if edge.storage is Storage.RAW_INT8:
        return "int8"
    if edge.storage is Storage.RAW_UINT8:
        return "uint8"
    if edge.storage is Storage.RING:
        return f"ring of {edge.ring_rows} rows of int8, values {edge.low}..{edge.high}"
    if edge.coding is not None:
        groups = f", {edge.coding.group_count} groups" if edge.coding.group_count > 1 else ""
        return f"coded map of {edge.bits} bits of which {edge.extra_bits} may be dropped{groups}, values {edge.low}..{edge.high}"
    errors = f", {len(edge.important)} channels keep errors ({edge.error_coding.name.lower()})" if edge.important else ""
    kind = f"ring of {edge.ring_rows} packed rows" if edge.ring_rows else "map"
    return f"{kind} of {edge.code_bits} + {edge.extra_bits} bits, values {edge.low}..{edge.high}{errors}"


def window_words(op: Operator) -> str:
    """The window of an operator, each part after a comma; empty if it has none."""
    window = getattr(op, "window", None)
    if not isinstance(window, Window):
        return ""
    text = f", kernel {window.kernel_h} x {window.kernel_w}, stride {window.stride_h} x {window.stride_w}"
    if (window.dilation_h, window.dilation_w) != (1, 1):
        text += f", dilation {window.dilation_h} x {window.dilation_w}"
    if (window.pad_top, window.pad_left) != (0, 0):
        text += f", padding {window.pad_top} above, {window.pad_left} left"
    return text


def kept_words(edge: Edge) -> str:
    """How an edge lies in memory, in a word or few: coded, map, raw_int8, ring of 3 rows."""
    if not edge.ring_rows:
        return edge.storage.name.lower()
    return f"ring of {edge.ring_rows} row{'s' if edge.ring_rows > 1 else ''}"


def kept_bits(edge: Edge) -> float:
    """Bits of a value: of a whole edge those that memory has for it, of a ring those of a value in it."""
    return float(edge.bits) if edge.ring_rows else 8 * edge.capacity / edge.values


def layer_words(program: Program, op: Operator) -> str:
    """An operator and what it writes: CONV_2D: 28 x 28 x 16, coded, 3.25 bits."""
    edge = program.edges[op.output]
    return f"{kind_of(op).name}: {shape_words(edge)}, {kept_words(edge)}, {kept_bits(edge):.3g} bits"
