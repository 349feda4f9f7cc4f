"""What the parts of a program mean, in words for comments in C."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from dqa.program import Edge, Program, kind_of, scratch_bytes
from dqa.program.words import shape_words, storage_words, window_words

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
    return comment(
        f"edge {number} '{edge.name}': {role}{shape_words(edge)}, {storage_words(edge)}, {edge.capacity} bytes, zero point {_zero(edge)}"
    )


def _zero(edge: Edge) -> str:
    return str(edge.zero_point) if edge.zero_points is None else "per channel"


def operator_comment(program: Program, number: int) -> str:
    """One line about an operator."""
    op = program.ops[number]
    edges = f"edges {numbers(op.inputs)} -> {op.output}"
    scratch = f"{scratch_bytes(program.edges, op)} bytes of scratch"
    phase = program.op_phases[number]
    return comment(f"operator {number} '{op.name}' of phase {phase}: {kind_of(op).name}, {edges}{window_words(op)}, {scratch}")


def huffman_comment(table: bytes) -> str:
    """The codewords of a Huffman table as the program holds it."""
    count = 1 << table[1]
    pairs = zip(table[4 : 4 + count], table[4 + count : 4 + 2 * count], strict=True)
    return "codewords: " + ", ".join(f"{symbol} = {code:0{length}b}" for symbol, (length, code) in enumerate(pairs))


def values_comment(data: bytes, dtype: str) -> str:
    """The numbers in a line of bytes."""
    return numbers(np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).tolist())
