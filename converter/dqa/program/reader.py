"""Bytes as a Program. Refuses with ProgramError whatever docs/format.md does not allow, as the executor's loader does."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from struct import unpack_from

import numpy as np

from dqa.errors import ProgramError
from dqa.program import model
from dqa.program.check import MAX_COUNT, MAX_ENDS, MAX_INPUTS, check_edge, check_program
from dqa.program.codes import read_coding, read_huffman
from dqa.program.kinds import Kind
from dqa.program.layout import CHECKED_FROM, EDGE, HEADER, MAGIC, OPERATOR, OUTSIDE, VERSION, WINDOW
from dqa.program.model import Edge, ErrorCoding, Layout, Operator, Program, Requantization, Storage, WeightEncoding, Window
from dqa.program.scratch import scratch_bytes
from dqa.program.source import Source
from dqa.program.weights import book_shape, packed_bytes, unpack

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
    if header_size != HEADER.size or size % 4 or fields[4] or any(data[48:64]):
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


class _Parameters:
    """The parameters of one operator, field by field."""

    def __init__(self, source: Source, offset: int, size: int, expected: int, encoding: WeightEncoding, what: str) -> None:
        self.encoding = encoding
        if size != expected:
            raise ProgramError(f"{what}: {size} bytes of parameters; expected {expected}")
        self.source, self.what, self.at = source, what, 0
        self.data = source.take(offset, size, f"{what}: parameters") if size or offset else b""

    def window(self) -> Window:
        self.at += WINDOW.size
        return Window(*WINDOW.unpack_from(self.data, self.at - WINDOW.size))

    def numbers(self, form: str) -> tuple[int, ...]:
        """All the fields of a parameter block without offsets."""
        return unpack_from(form, self.data)

    def offset(self) -> int:
        self.at += 4
        return int(unpack_from("<I", self.data, self.at - 4)[0])

    def int8(self, shape: tuple[int, ...], name: str) -> model.Int8:
        return self.source.array(self.offset(), "int8", shape, f"{self.what}: {name}").astype(np.int8)

    def int16(self, shape: tuple[int, ...], name: str) -> model.Int16:
        return self.source.array(self.offset(), "int16", shape, f"{self.what}: {name}").astype(np.int16)

    def uint16(self, shape: tuple[int, ...], name: str) -> model.UInt16:
        return self.source.array(self.offset(), "uint16", shape, f"{self.what}: {name}").astype(np.uint16)

    def weights(self, shape: tuple[int, ...]) -> tuple[model.Int8, Requantization, model.Int8 | None]:
        """Weights (O, ...), the requantization behind them, and the code books of the weights."""
        if self.encoding is WeightEncoding.INT8:
            return self.int8(shape, "weights"), self.requantization(shape[0]), None
        packed = self.source.array(self.offset(), "uint8", (shape[0], packed_bytes(math.prod(shape[1:]))), f"{self.what}: weights")
        requantization = self.requantization(shape[0])
        self.at -= 4
        book = self.int8(book_shape(self.encoding, shape[0]), "code book")
        return unpack(packed.astype(np.uint8), book, shape), requantization, book

    def requantization(self, channels: int) -> Requantization:
        places = [self.offset() for _ in range(4)]
        if places[3] and self.encoding is WeightEncoding.INT8:
            raise ProgramError(f"{self.what}: a reserved field is not 0")
        array, what = self.source.array, self.what
        return Requantization(
            bias=array(places[0], "int32", (channels,), f"{what}: biases").astype(np.int32),
            multiplier=array(places[1], "int32", (channels,), f"{what}: multipliers").astype(np.int32),
            shift=array(places[2], "uint8", (channels,), f"{what}: shifts").astype(np.uint8),
        )


PARAMETER_BYTES = {
    Kind.CONV_2D: 28,
    Kind.DEPTHWISE_CONV_2D: 28,
    Kind.FULLY_CONNECTED: 20,
    Kind.ADD: 24,
    Kind.AVERAGE_POOL_2D: 24,
    Kind.MEAN: 16,
    Kind.MAX_POOL_2D: 8,
    Kind.PAD: 8,
    Kind.CONCATENATION: 4,
    Kind.RESIZE_NEAREST_NEIGHBOR: 8,
    Kind.RESHAPE: 0,
    Kind.LUT: 4,
    Kind.SOFTMAX: 4,
}


ENCODED_WEIGHTS = (Kind.CONV_2D, Kind.FULLY_CONNECTED)
"""The operators whose weights may be indices."""


def _build(kind: Kind, name: str, inputs: tuple[int, ...], output: int, edges: list[Edge], p: _Parameters) -> Operator:
    """The operator of a kind from its parameters."""
    source, target = edges[inputs[0]], edges[output]
    c = target.channels
    match kind:
        case Kind.CONV_2D:
            window = p.window()
            return model.Conv2D(name, inputs, output, window, *p.weights((c, window.kernel_h, window.kernel_w, source.channels)))
        case Kind.DEPTHWISE_CONV_2D:
            window = p.window()
            weights = p.int8((window.kernel_h, window.kernel_w, c), "weights")
            return model.DepthwiseConv2D(name, inputs, output, window, weights, p.requantization(c))
        case Kind.FULLY_CONNECTED:
            return model.FullyConnected(name, inputs, output, *p.weights((c, source.values)))
        case Kind.ADD:
            return model.Add(name, inputs, output, p.int16((c,), "weights_a"), p.int16((c,), "weights_b"), p.requantization(c))
        case Kind.AVERAGE_POOL_2D:
            return model.AveragePool2D(name, inputs, output, p.window(), p.requantization(c))
        case Kind.MEAN:
            return model.Mean(name, inputs, output, p.requantization(c))
        case Kind.MAX_POOL_2D:
            return model.MaxPool2D(name, inputs, output, p.window())
        case Kind.PAD:
            top, left, before, zero = p.numbers("<4H")
            if zero:
                raise ProgramError(f"{p.what}: a reserved field is not 0")
            return model.Pad(name, inputs, output, top, left, before)
        case Kind.CONCATENATION:
            axis, *zeros = p.numbers("<4B")
            if any(zeros):
                raise ProgramError(f"{p.what}: a reserved field is not 0")
            return model.Concatenation(name, inputs, output, axis)
        case Kind.RESIZE_NEAREST_NEIGHBOR:
            rows, columns = p.uint16((target.height,), "rows"), p.uint16((target.width,), "columns")
            return model.ResizeNearestNeighbor(name, inputs, output, rows, columns)
        case Kind.RESHAPE:
            return model.Reshape(name, inputs, output)
        case Kind.LUT:
            return model.Lut(name, inputs, output, p.int8((256,), "table"))
        case Kind.SOFTMAX:
            return model.Softmax(name, inputs, output, p.uint16((256,), "table"))


def _operator(source: Source, offset: int, number: int, edges: list[Edge]) -> tuple[Operator, int, int]:
    """An operator, the scratch it asks for, and its phase."""
    what = f"operator {number}"
    kind, count, output, inputs_at, parameters, size, scratch, phase, encoding = OPERATOR.unpack(source.take(offset, OPERATOR.size, what))
    if kind not in set(Kind) or not 1 <= count <= MAX_INPUTS:
        raise ProgramError(f"{what}: kind {kind} with {count} inputs")
    if encoding and not (Kind(kind) in ENCODED_WEIGHTS and encoding in set(WeightEncoding)):
        raise ProgramError(f"{what}: weight encoding {encoding}")
    what = f"{what} ({Kind(kind).name})"
    inputs = tuple(source.array(inputs_at, "uint16", (count,), f"{what}: inputs").tolist())
    if any(i >= len(edges) for i in (*inputs, output)):
        raise ProgramError(f"{what}: an edge that does not exist")
    fields = _Parameters(source, parameters, size, PARAMETER_BYTES[Kind(kind)], WeightEncoding(encoding), what)
    return _build(Kind(kind), f"{number} {Kind(kind).name}", inputs, output, edges, fields), scratch, phase


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
    edge_count, op_count, input_count, output_count, _, edges_at, ops_at, layouts_at, *arenas = _header(data)
    if not (1 <= edge_count <= MAX_COUNT and 1 <= op_count <= MAX_COUNT and 1 <= input_count <= MAX_ENDS and 1 <= output_count <= MAX_ENDS):
        raise ProgramError("the program has no or too many edges, operators, inputs or outputs")
    source = Source(data)
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
    )
    check_program(program)
    for number, (op, scratch, _) in enumerate(records):
        if scratch != scratch_bytes(edges, op):
            raise ProgramError(f"operator {number}: {scratch} bytes of scratch; expected {scratch_bytes(edges, op)}")
    return program
