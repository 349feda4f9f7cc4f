"""A program's bytes in blocks of commented lines, for the C array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dqa.codegen.comments import comment, edge_comment, huffman_comment, operator_comment, values_comment
from dqa.program import BOOK, Image, Program, Section
from dqa.program.structs import EDGE, HEADER, OPERATOR

LINE_BYTES = 16


@dataclass(frozen=True)
class Line:
    """Some bytes as C constants, and what they are ("" for nothing to say)."""

    bytes: str
    comment: str


@dataclass(frozen=True)
class Block:
    """Lines under one or more comments."""

    comments: list[str]
    lines: list[Line]


def _constants(data: bytes) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in data) + ","


def _lines(data: bytes, per_line: int = LINE_BYTES, dtype: str = "") -> list[Line]:
    chunks = [data[at : at + per_line] for at in range(0, len(data), per_line)]
    return [Line(_constants(chunk), values_comment(chunk, dtype) if dtype else "") for chunk in chunks]


def _header(data: bytes) -> list[Block]:
    names = (
        (4, "magic DQAP"),
        (2, "version"),
        (2, "header size"),
        (4, "size of the program"),
        (4, "CRC-32 of the bytes after it"),
        (2, "edges"),
        (2, "operators"),
        (1, "inputs"),
        (1, "outputs"),
        (2, "reserved"),
        (4, "offset of the edge table"),
        (4, "offset of the operator table"),
        (4, "offset of the layout table"),
        (4, "arena bytes, internal layout"),
        (4, "arena bytes, external layout"),
        (4, "arena bytes, pushed layout"),
    )
    lines, at = [], 0
    for size, name in names:
        field = data[at : at + size]
        value = "" if name in ("magic DQAP", "reserved") else f": {int.from_bytes(field, 'little')}"
        lines.append(Line(_constants(field), name + value))
        at += size
    return [Block(["header"], lines + _lines(data[at : HEADER.size]))]


def _layouts(program: Program, data: bytes) -> Iterator[Block]:
    edges, ops = len(program.edges), len(program.ops)
    start = 0
    for name in ("internal", "external", "pushed"):
        for count, what in ((edges, "edges"), (ops, "scratch of the operators"), (ops, "transient rows of the operators")):
            yield Block([f"{name} layout: arena offsets of {what}"], _lines(data[start : start + 4 * count]))
            start += 4 * count


def _records(program: Program, section: Section, data: bytes) -> Iterator[Block]:
    match section.titles[0]:
        case "header":
            yield from _header(data)
        case "edge table":
            for number in range(len(program.edges)):
                at = EDGE.size * number
                yield Block([edge_comment(program, number)], _lines(data[at : at + EDGE.size]))
        case "operator table":
            for number in range(len(program.ops)):
                at = OPERATOR.size * number
                yield Block([operator_comment(program, number)], _lines(data[at : at + OPERATOR.size]))
        case _:
            yield from _layouts(program, data)


def _constant(section: Section, data: bytes) -> Block:
    """A table of constants, its padding on a line of its own."""
    titles = [comment(title) for title in section.titles]
    used = data[: section.size - section.padding]
    padding = [Line(_constants(data[len(used) :]), "padding")] if section.padding else []
    if section.form == "huffman":
        return Block([*titles, huffman_comment(data)], _lines(used) + padding)
    if section.form in ("parameters", "coding"):
        return Block(titles, _lines(used) + padding)
    if section.form == "book":
        return Block(titles, _lines(used, BOOK, "int8"))
    if np.dtype(section.form).itemsize > 1:
        return Block(titles, _lines(used, LINE_BYTES, section.form) + padding)
    row = section.row if 1 < section.row <= 2 * LINE_BYTES else LINE_BYTES
    return Block(titles, _lines(used, row) + padding)


def blocks(program: Program, image: Image) -> Iterator[Block]:
    """The whole program, in order: the bytes of all lines one after the other are image.data."""
    for section in image.sections:
        data = image.data[section.offset : section.offset + section.size]
        if section.form == "records":
            yield from _records(program, section, data)
        else:
            yield _constant(section, data)
