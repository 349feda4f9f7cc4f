"""A Program as bytes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import pack

import numpy as np
import numpy.typing as npt

from dqa.coding import HuffmanTable
from dqa.coding.huffman import MAX_LENGTH
from dqa.operators.base import Operator
from dqa.operators.books import encoding_of
from dqa.operators.records import Coding, Edge
from dqa.operators.registry import kind_of
from dqa.program.check import check_program
from dqa.program.maps import align
from dqa.program.model import Layout, Program
from dqa.program.scratch import scratch_bytes
from dqa.program.structs import CHECKED_FROM, CODED_TABLE_BYTES, CODING, EDGE, HEADER, MAGIC, OPERATOR, OUTSIDE, VERSION
from dqa.support.arrays import Int8


@dataclass
class Section:
    """A run of bytes with one meaning; `form` is "records", "parameters", "huffman", "coding", "book" or the numpy type of its elements.

    `row` elements belong together. A table that several owners share (equal tables are stored once) has a title from each.
    The last `padding` of its `size` bytes fill up a word.
    """

    offset: int
    size: int
    padding: int
    form: str
    row: int
    titles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Image:
    """The bytes of a program and the sections that cover them, in order."""

    data: bytes
    sections: tuple[Section, ...]


def huffman_bytes(table: HuffmanTable, max_length: int = 0) -> bytes:
    """A Huffman table as the executor reads it, without the padding; max_length: of the record, at least the longest codeword."""
    free = max(0, max_length - table.max_length)
    head = bytes((table.max_length + free, table.symbol_bits, 0, 0))
    return head + bytes(table.lengths) + bytes(table.codes) + np.repeat(np.array(table.decode_table, np.uint8), 1 << free).tobytes()


class _Image:
    """Grows an image; equal tables share their place."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.sections: list[Section] = []
        self._known: dict[tuple[bytes, str], Section] = {}

    def reserve(self, size: int, title: str) -> int:
        """A table of records filled in later."""
        return self._append(bytes(size), "records", size, title).offset

    def array(self, values: npt.NDArray[np.generic], title: str) -> int:
        """The offset of an array of constants; its last dimension is a row."""
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        return self.place(little.tobytes(), values.dtype.name, title, values.shape[-1])

    def place(self, data: bytes, form: str, title: str, row: int = 1) -> int:
        """The offset of a table of constants."""
        if (shared := self._known.get((data, form))) is not None:
            shared.titles.append(title)
            return shared.offset
        section = self._known[data, form] = self._append(data, form, row, title)
        return section.offset

    def _append(self, data: bytes, form: str, row: int, title: str) -> Section:
        section = Section(len(self.data), align(len(data)), -len(data) % 4, form, row, [title])
        self.data += data.ljust(section.size, b"\0")
        self.sections.append(section)
        return section


class _Constants:
    """Where the constants of one operator are placed; `what` names it in their titles."""

    def __init__(self, image: _Image, what: str) -> None:
        self._image, self._what = image, what

    def array(self, values: npt.NDArray[np.generic], title: str) -> int:
        return self._image.array(values, f"{self._what}: {title}")

    def book(self, values: Int8, title: str) -> int:
        return self._image.place(values.tobytes(), "book", f"{self._what}: {title}")


def _coding(image: _Image, coding: Coding, what: str) -> int:
    """Places the tables of a coded map and gives the offset of its coding record."""
    tables = image.place(
        b"".join(huffman_bytes(table, MAX_LENGTH) for table in coding.tables), "huffman", f"{what}: Huffman tables", CODED_TABLE_BYTES
    )
    record = CODING.pack(coding.group_count, len(coding.tables), tables) + pack(f"<{len(coding.expected)}I", *coding.expected)
    record += b"".join(bytes(part) for part in (*coding.contexts, coding.share, coding.groups))
    return image.place(record, "coding", f"{what}: coding record")


def _edge(image: _Image, edge: Edge, what: str) -> bytes:
    zero_points = important = table = 0
    if edge.zero_points is not None:
        zero_points = image.array(edge.zero_points, f"{what}: zero points")
    if edge.important:
        important = image.array(np.array(edge.important, np.uint16), f"{what}: important channels")
    if edge.huffman is not None:
        table = image.place(huffman_bytes(edge.huffman), "huffman", f"{what}: Huffman table")
    if edge.coding is not None:
        table = _coding(image, edge.coding, what)
    return EDGE.pack(
        edge.height,
        edge.width,
        edge.channels,
        edge.storage,
        edge.error_coding,
        edge.code_bits,
        edge.extra_bits,
        edge.low,
        edge.zero_point,
        edge.capacity,
        zero_points,
        important,
        len(edge.important),
        edge.expected_extra,
        table,
        edge.ring_rows,
        0,
        0,
    )


def _operator(image: _Image, edges: Sequence[Edge], op: Operator, phase: int, what: str) -> bytes:
    inputs = image.array(np.array(op.inputs, np.uint16), f"{what}: input edges")
    parameters = op.write(_Constants(image, what))
    place = image.place(parameters, "parameters", f"{what}: parameters") if parameters else 0
    scratch, encoding = scratch_bytes(edges, op), encoding_of(op)
    return OPERATOR.pack(kind_of(op), len(op.inputs), op.output, inputs, place, len(parameters), scratch, phase, encoding, op.block)


def _layouts(layouts: Sequence[Layout]) -> bytes:
    places = [place for layout in layouts for place in (*layout.edges, *layout.scratch, *layout.transient)]
    return np.array([OUTSIDE if place is None else place for place in places], "<u4").tobytes()


def _no_layout(program: Program) -> Layout:
    """What stands for a layout that does not exist: nothing has a place."""
    count = len(program.ops)
    return Layout(OUTSIDE, (None,) * len(program.edges), (OUTSIDE,) * count, (None,) * count)


def assemble(program: Program) -> Image:
    """The bytes of a program with their meaning. Raises ProgramError for a program that breaks the format."""
    check_program(program)
    image = _Image()
    all_layouts = program.internal, program.external, program.pushed or _no_layout(program)
    layouts = _layouts(all_layouts)
    header_at = image.reserve(HEADER.size, "header")
    edges_at = image.reserve(EDGE.size * len(program.edges), "edge table")
    ops_at = image.reserve(OPERATOR.size * len(program.ops), "operator table")
    layouts_at = image.reserve(len(layouts), "layout table")
    image.data[layouts_at : layouts_at + len(layouts)] = layouts
    edges = [_edge(image, edge, f"edge {i} '{edge.name}'") for i, edge in enumerate(program.edges)]
    image.data[edges_at : edges_at + EDGE.size * len(edges)] = b"".join(edges)
    pairs = zip(program.ops, program.op_phases, strict=True)
    ops = [_operator(image, program.edges, op, phase, f"operator {i} '{op.name}'") for i, (op, phase) in enumerate(pairs)]
    image.data[ops_at : ops_at + OPERATOR.size * len(ops)] = b"".join(ops)

    def header(crc: int) -> bytes:
        counts = (len(edges), len(ops), program.input_count, program.output_count, 0)
        arenas = [layout.arena_size for layout in all_layouts]
        return HEADER.pack(
            MAGIC, VERSION, HEADER.size, len(image.data), crc, *counts, edges_at, ops_at, layouts_at, *arenas, program.period
        )

    image.data[header_at : header_at + HEADER.size] = header(0)
    crc = zlib.crc32(image.data[CHECKED_FROM:])
    image.data[header_at : header_at + HEADER.size] = header(crc)
    return Image(bytes(image.data), tuple(image.sections))


def write(program: Program) -> bytes:
    """The bytes of a program. Raises ProgramError for a program that breaks the format."""
    return assemble(program).data
