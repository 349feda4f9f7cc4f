"""Bytes as a Program. Refuses with ProgramError whatever docs/format.md does not allow, as the executor's loader does."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from dqa.errors import ProgramError
from dqa.operators.base import Operator
from dqa.operators.parameters import Parameters
from dqa.operators.records import Edge, ErrorCoding, Storage, WeightEncoding
from dqa.operators.registry import CLASSES, Kind
from dqa.operators.source import Source
from dqa.program.check import check_edge, check_program
from dqa.program.codes import read_coding, read_huffman
from dqa.program.model import Layout, Program
from dqa.program.scratch import scratch_bytes
from dqa.program.structs import CHECKED_FROM, EDGE, HEADER, MAGIC, OPERATOR, OUTSIDE, VERSION
from dqa.support.limits import MAX_COUNT, MAX_ENDS, MAX_INPUTS

HINT = "the program is damaged or was not written by this version of dqa; convert the model again"


def _header(data: bytes) -> tuple[int, ...]:
    """The header's fields after the CRC, checked."""
    if len(data) < HEADER.size:
        raise ProgramError(f"a program of {len(data)} bytes has no whole header")
    magic, version, header_size, size, crc, *fields = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ProgramError("not a DQA program")
    if version != VERSION:
        raise ProgramError(f"a DQA program of version {version}; expected {VERSION}")
    if size != len(data):
        raise ProgramError(f"the program says it has {size} bytes, but there are {len(data)}")
    if zlib.crc32(data[CHECKED_FROM:]) != crc:
        raise ProgramError("the program's checksum differs: its bytes changed")
    if header_size != HEADER.size or size % 4 or fields[4] or any(data[52:64]):
        raise ProgramError("the program's header is not one of version 1")
    return tuple(fields)


def _edge(source: Source, offset: int, number: int) -> Edge:
    what = f"edge {number}"
    record = source.take(offset, EDGE.size, what)
    height, width, channels, storage, coding, code_bits, extra_bits, low, zero_point, *rest = EDGE.unpack(record)
    capacity, zero_points, important, count, expected_extra, table, ring_rows, *zeros = rest
    if any(zeros) or storage not in set(Storage) or coding not in set(ErrorCoding):
        raise ProgramError(f"{what}: a field this version does not know")
    if count > channels or bool(count) != bool(important):
        raise ProgramError(f"{what}: {count} important channels of {channels}")
    edge = Edge(
        name=what,
        height=height,
        width=width,
        channels=channels,
        storage=Storage(storage),
        code_bits=code_bits,
        extra_bits=extra_bits,
        low=low,
        zero_point=zero_point,
        capacity=capacity,
        zero_points=source.array(zero_points, "int8", (channels,), f"{what}: zero points").astype(np.int8) if zero_points else None,
        important=tuple(source.array(important, "uint16", (count,), f"{what}: important channels").tolist()) if important else (),
        error_coding=ErrorCoding(coding),
        expected_extra=expected_extra,
        huffman=read_huffman(source, table, f"{what}: Huffman table") if table and storage != Storage.CODED else None,
        ring_rows=ring_rows,
    )
    if edge.storage is Storage.CODED:
        edge = replace(edge, coding=read_coding(source, table, edge, what))
    check_edge(edge, what)
    return edge


def _operator(source: Source, offset: int, number: int, edges: list[Edge]) -> tuple[Operator, int, int]:
    """An operator, the scratch it asks for, and its phase."""
    what = f"operator {number}"
    kind, count, output, inputs_at, parameters, size, scratch, phase, encoding, block = OPERATOR.unpack(
        source.take(offset, OPERATOR.size, what)
    )
    if kind not in set(Kind) or not 1 <= count <= MAX_INPUTS:
        raise ProgramError(f"{what}: kind {kind} with {count} inputs")
    operator = CLASSES[Kind(kind)]
    if encoding and not (operator.coded_weights and encoding in set(WeightEncoding)):
        raise ProgramError(f"{what}: weight encoding {encoding}")
    if (encoding == WeightEncoding.PAIRS and not operator.pair_weights) or (
        encoding == WeightEncoding.AFFINE and not operator.affine_weights
    ):
        raise ProgramError(f"{what}: weight encoding {encoding}")
    what = f"{what} ({Kind(kind).name})"
    inputs = tuple(source.array(inputs_at, "uint16", (count,), f"{what}: inputs").tolist())
    if any(i >= len(edges) for i in (*inputs, output)):
        raise ProgramError(f"{what}: an edge that does not exist")
    if size != operator.parameter_bytes:
        raise ProgramError(f"{what}: {size} bytes of parameters; expected {operator.parameter_bytes}")
    fields = Parameters(source, parameters, size, WeightEncoding(encoding), what, block)
    found = operator.read(f"{number} {Kind(kind).name}", inputs, output, fields, edges[inputs[0]], edges[output])
    return replace(found, block=block), scratch, phase


def _layout(places: list[int], arena_size: int, edge_count: int, op_count: int) -> Layout:
    """A layout of the table: the places of the edges, of scratch, of transient rows."""
    scratch = tuple(places[edge_count : edge_count + op_count])
    edges, transient = (
        tuple(None if place == OUTSIDE else place for place in part) for part in (places[:edge_count], places[edge_count + op_count :])
    )
    return Layout(arena_size, edges, scratch, transient)


def read(data: bytes) -> Program:
    """The program in `data`, exactly as long as it. Raises ProgramError for anything the format does not allow."""
    try:
        return _read(data)
    except ProgramError as error:
        raise ProgramError(error.message, hint=HINT) from None


def _read(data: bytes) -> Program:
    edge_count, op_count, input_count, output_count, _, edges_at, ops_at, layouts_at, *arenas, period = _header(data)
    if not (1 <= edge_count <= MAX_COUNT and 1 <= op_count <= MAX_COUNT and 1 <= input_count <= MAX_ENDS and 1 <= output_count <= MAX_ENDS):
        raise ProgramError("the program has no or too many edges, operators, inputs or outputs")
    source = Source(data, HEADER.size)
    source.take(edges_at, edge_count * EDGE.size, "the edge table")
    source.take(ops_at, op_count * OPERATOR.size, "the operator table")
    stride = edge_count + 2 * op_count
    places = source.array(layouts_at, "uint32", (len(arenas), stride), "the layout table").tolist()
    edges = [_edge(source, edges_at + i * EDGE.size, i) for i in range(edge_count)]
    records = [_operator(source, ops_at + i * OPERATOR.size, i, edges) for i in range(op_count)]
    layouts = [_layout(row, arena, edge_count, op_count) for row, arena in zip(places, arenas, strict=True)]
    phases = tuple(phase for _, _, phase in records)
    pushed = arenas[2] != OUTSIDE or any(place != OUTSIDE for place in places[2])
    program = Program(
        edges=tuple(edges),
        ops=tuple(op for op, _, _ in records),
        input_count=input_count,
        output_count=output_count,
        internal=layouts[0],
        external=layouts[1],
        phases=None if phases == tuple(range(op_count)) else phases,
        pushed=layouts[2] if pushed else None,
        period=period,
    )
    check_program(program)
    for number, (op, scratch, _) in enumerate(records):
        if scratch != scratch_bytes(edges, op):
            raise ProgramError(f"operator {number}: {scratch} bytes of scratch; expected {scratch_bytes(edges, op)}")
    return program
