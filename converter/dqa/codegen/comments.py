"""What the parts of a program mean, in words for comments in C."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from dqa.program import Edge, Operator, Program, Storage, Window, kind_of, scratch_bytes

_UNSAFE = re.compile(r"[^A-Za-z0-9 _.,:;/()\[\]{}<>=+'-]")
MAX_LENGTH = 200


def comment(text: str) -> str:
    """Text that cannot end or break a C comment, whatever was in it: printable ASCII without * \\ ? and line ends."""
    return _UNSAFE.sub("_", text)[:MAX_LENGTH]


def numbers(values: Iterable[int | float]) -> str:
    """1, 2, 3"""
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def edge_comment(program: Program, number: int) -> str:
    """One line about an edge."""
    edge = program.edges[number]
    role = "input, " if number < program.input_count else "output, " if number < program.input_count + program.output_count else ""
    shape = f"{edge.height} x {edge.width} x {edge.channels}"
    return comment(f"edge {number} '{edge.name}': {role}{shape}, {_storage(edge)}, {edge.capacity} bytes, zero point {_zero(edge)}")


def _zero(edge: Edge) -> str:
    return str(edge.zero_point) if edge.zero_points is None else "per channel"


def _storage(edge: Edge) -> str:
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


def operator_comment(program: Program, number: int) -> str:
    """One line about an operator."""
    op = program.ops[number]
    edges = f"edges {numbers(op.inputs)} -> {op.output}"
    scratch = f"{scratch_bytes(program.edges, op)} bytes of scratch"
    phase = program.op_phases[number]
    return comment(f"operator {number} '{op.name}' of phase {phase}: {kind_of(op).name}, {edges}{_window(op)}, {scratch}")


def _window(op: Operator) -> str:
    window = getattr(op, "window", None)
    if not isinstance(window, Window):
        return ""
    text = f", kernel {window.kernel_h} x {window.kernel_w}, stride {window.stride_h} x {window.stride_w}"
    if (window.dilation_h, window.dilation_w) != (1, 1):
        text += f", dilation {window.dilation_h} x {window.dilation_w}"
    if (window.pad_top, window.pad_left) != (0, 0):
        text += f", padding {window.pad_top} above, {window.pad_left} left"
    return text


def huffman_comment(table: bytes) -> str:
    """The codewords of a Huffman table as the program holds it."""
    count = 1 << table[1]
    pairs = zip(table[4 : 4 + count], table[4 + count : 4 + 2 * count], strict=True)
    return "codewords: " + ", ".join(f"{symbol} = {code:0{length}b}" for symbol, (length, code) in enumerate(pairs))


def values_comment(data: bytes, dtype: str) -> str:
    """The numbers in a line of bytes."""
    return numbers(np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).tolist())
