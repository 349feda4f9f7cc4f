"""Reads the entropy codes of edges: Huffman tables, the coding record of a coded map (docs/format.md, section 2)."""

from __future__ import annotations

from struct import unpack_from

from dqa.coding import HuffmanTable
from dqa.coding.huffman import MAX_LENGTH, MAX_SYMBOL_BITS
from dqa.errors import ProgramError
from dqa.operators.records import Coding, Edge
from dqa.operators.source import Source
from dqa.program.maps import align
from dqa.program.structs import CODED_TABLE_BYTES, CODING
from dqa.program.writer import huffman_bytes
from dqa.support.limits import MAX_DROP, MAX_GROUPS


def read_huffman(source: Source, offset: int, what: str) -> HuffmanTable:
    """A Huffman table of a map. Raises ProgramError for one that is not canonical and complete."""
    max_length, symbol_bits = source.take(offset, 4, what)[:2]
    if not 1 <= max_length <= MAX_LENGTH or not 1 <= symbol_bits <= MAX_SYMBOL_BITS:
        raise ProgramError(f"{what}: {symbol_bits}-bit symbols in codewords of up to {max_length} bits")
    count = 1 << symbol_bits
    size = 4 + 2 * count + (1 << max_length)
    stored = source.take(offset, align(size), what)
    try:
        table = HuffmanTable(tuple(stored[4 : 4 + count]))
    except ValueError as error:
        raise ProgramError(f"{what}: {error}") from None
    if huffman_bytes(table, max_length).ljust(align(size), b"\0") != stored:
        raise ProgramError(f"{what}: codewords that do not follow from their lengths")
    return table


def _coded_tables(source: Source, offset: int, count: int, what: str) -> tuple[HuffmanTable, ...]:
    """The tables of a coded map, one after the other."""
    stored = source.take(offset, count * CODED_TABLE_BYTES, what)
    if any(stored[at : at + 2] != bytes((MAX_LENGTH, MAX_SYMBOL_BITS)) for at in range(0, len(stored), CODED_TABLE_BYTES)):
        raise ProgramError(f"{what}: not all have 16 symbols and a max_length of 8")
    return tuple(read_huffman(source, offset + i * CODED_TABLE_BYTES, f"{what} {i}") for i in range(count))


def read_coding(source: Source, offset: int, edge: Edge, what: str) -> Coding:
    """The coding record of a coded map and its tables. `edge`: the others of its fields."""
    what = f"{what}: coding record"
    head = source.take(offset, CODING.size, what)
    groups, count, tables = CODING.unpack(head)
    if any(head[2:4]) or not 1 <= groups <= MAX_GROUPS or edge.extra_bits > MAX_DROP:
        raise ProgramError(f"{what}: {groups} groups, {edge.extra_bits} extra bits or a field this version does not know")
    steps, levels = edge.extra_bits + 1, edge.extra_bits * groups + 1
    size = CODING.size + 4 * levels + 16 * steps + edge.height + edge.channels
    record = source.take(offset, align(size), what)
    if any(record[size:]):
        raise ProgramError(f"{what}: padding that is not 0")
    at = CODING.size + 4 * levels
    rows = at + 16 * steps
    return Coding(
        group_count=groups,
        groups=tuple(record[rows + edge.height : size]),
        tables=_coded_tables(source, tables, count, f"{what}: Huffman tables"),
        contexts=tuple(tuple(record[start : start + 16]) for start in range(at, rows, 16)),
        expected=unpack_from(f"<{levels}I", record, CODING.size),
        share=tuple(record[rows : rows + edge.height]),
    )
