"""What every program keeps: the rules of docs/format.md that do not depend on its bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError
from dqa.program.maps import has_errors, minimum_capacity
from dqa.program.model import Edge, ErrorCoding, Layout, Operator, Program, Storage
from dqa.program.operators import check_operator
from dqa.program.scratch import scratch_bytes

MAX_VALUES = 1 << 24
MAX_ROW_VALUES = 1 << 18
MAX_CAPACITY = 1 << 24
MAX_COUNT = 4096
MAX_ENDS = 8
MAX_INPUTS = 16


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ProgramError(message)


def _in_range(values: npt.NDArray[np.signedinteger], edge: Edge) -> bool:
    return bool(values.min() >= edge.low and values.max() <= edge.high)


def check_edge(edge: Edge, what: str) -> None:
    """Raises ProgramError for an edge that breaks section 4; `what` names it."""
    _require(all(1 <= n <= 0xFFFF for n in (edge.height, edge.width, edge.channels)), f"{what}: a dimension is not 1..65535")
    _require(edge.values <= MAX_VALUES, f"{what}: more than {MAX_VALUES} values")
    _require(edge.row_values <= MAX_ROW_VALUES, f"{what}: more than {MAX_ROW_VALUES} values in a row")
    if edge.storage is Storage.MAP:
        _require(1 <= edge.code_bits <= 8 and 0 <= edge.extra_bits <= 4 and edge.bits <= 8, f"{what}: code or extra bits out of range")
        _require(edge.low >= -128 and edge.high <= 127, f"{what}: values outside int8")
        _require(minimum_capacity(edge) <= edge.capacity <= MAX_CAPACITY, f"{what}: a capacity of {edge.capacity} bytes")
    else:
        _require((edge.code_bits, edge.extra_bits, edge.low) == (8, 0, -128), f"{what}: raw storage holds 8-bit values from -128")
        _require(edge.capacity == edge.values, f"{what}: {edge.capacity} bytes for {edge.values} raw values")
    _require(edge.low <= edge.zero_point <= edge.high, f"{what}: zero point {edge.zero_point} is not a value")
    if edge.zero_points is not None:
        _require(edge.zero_points.shape == (edge.channels,), f"{what}: not one zero point per channel")
        _require(_in_range(edge.zero_points, edge), f"{what}: a channel's zero point is not a value")
    _check_errors(edge, what)


def _check_errors(edge: Edge, what: str) -> None:
    ascending = all(a < b for a, b in zip(edge.important, edge.important[1:], strict=False))
    _require(ascending and all(0 <= c < edge.channels for c in edge.important), f"{what}: important channels are not ascending numbers")
    if not has_errors(edge):
        unused = edge.error_coding is ErrorCoding.NONE and not edge.important and not edge.expected_extra and edge.huffman is None
        _require(unused, f"{what}: has no errors to code, but an error coding")
        return
    _require(edge.error_coding is not ErrorCoding.NONE, f"{what}: important channels without an error coding")
    _require(0 <= edge.expected_extra <= 0xFFFF, f"{what}: expected_extra is not 0..65535")
    if edge.error_coding is ErrorCoding.HUFFMAN:
        fits = edge.huffman is not None and edge.huffman.symbol_bits == edge.extra_bits
        _require(fits, f"{what}: no Huffman table of {edge.extra_bits}-bit symbols")
    else:
        _require(edge.huffman is None, f"{what}: a Huffman table that nothing uses")


def _check_order(program: Program) -> None:
    """Every edge is written once, and before it is read."""
    written = set(range(program.input_count))
    for number, op in enumerate(program.ops):
        what = f"operator {number}"
        _require(1 <= len(op.inputs) <= MAX_INPUTS, f"{what}: {len(op.inputs)} inputs")
        _require(0 <= op.output < len(program.edges), f"{what}: no edge {op.output}")
        _require(all(i in written for i in op.inputs), f"{what}: an input is not written before it")
        _require(op.output not in written, f"{what}: edge {op.output} is written twice")
        written.add(op.output)
    _require(len(written) == len(program.edges), "an edge is never written")


def check_layout(program: Program, layout: Layout, owned_ends: bool, what: str) -> None:
    """Raises ProgramError where a buffer does not lie in the arena; owned_ends: inputs and outputs lie in it."""
    ends = program.input_count + program.output_count
    _require(0 <= layout.arena_size <= 0xFFFFFFFF, f"{what}: arena size {layout.arena_size}")
    _require(len(layout.edges) == len(program.edges) and len(layout.scratch) == len(program.ops), f"{what}: not one place per buffer")
    for number, (edge, place) in enumerate(zip(program.edges, layout.edges, strict=True)):
        in_arena = owned_ends or number >= ends
        _require((place is not None) == in_arena, f"{what}: edge {number} has {'no' if in_arena else 'a'} place in the arena")
        _check_place(place, edge.capacity, layout, f"{what}: edge {number}")
    for number, (op, place) in enumerate(zip(program.ops, layout.scratch, strict=True)):
        _check_place(place, scratch_bytes(program.edges, op), layout, f"{what}: scratch of operator {number}")


def _check_place(place: int | None, size: int, layout: Layout, what: str) -> None:
    if place is not None:
        _require(
            place >= 0 and place % 4 == 0 and place + size <= layout.arena_size, f"{what} does not lie in the arena at a multiple of 4"
        )


def check_program(program: Program) -> None:
    """Raises ProgramError for the first rule the program breaks."""
    edges, ends = program.edges, program.input_count + program.output_count
    _require(1 <= len(edges) <= MAX_COUNT and 1 <= len(program.ops) <= MAX_COUNT, "no or too many edges or operators")
    _require(1 <= program.input_count <= MAX_ENDS and 1 <= program.output_count <= MAX_ENDS, "no or too many inputs or outputs")
    _require(ends <= len(edges), "the program has fewer edges than inputs and outputs")
    for number, edge in enumerate(edges):
        check_edge(edge, f"edge {number}")
        _require(number >= ends or edge.storage is not Storage.MAP, f"edge {number}: inputs and outputs have raw storage")
    _check_order(program)
    for number, op in enumerate(program.ops):
        _check_op(edges, op, number)
    check_layout(program, program.internal, True, "internal layout")
    check_layout(program, program.external, False, "external layout")


def _check_op(edges: tuple[Edge, ...], op: Operator, number: int) -> None:
    try:
        check_operator(op, [edges[i] for i in op.inputs], edges[op.output])
    except ProgramError as error:
        raise ProgramError(f"operator {number} ({type(op).__name__}): {error.message}") from None
