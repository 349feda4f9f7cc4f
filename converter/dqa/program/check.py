"""What every program keeps: the rules of docs/format.md that do not depend on its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError
from dqa.operators.base import Operator
from dqa.operators.base import require as _require
from dqa.operators.records import Edge, ErrorCoding, Storage
from dqa.operators.registry import KINDS
from dqa.program.endless import check_endless
from dqa.program.maps import MAX_PAYLOAD_WORDS, base_row_bytes, has_errors, minimum_capacity
from dqa.program.model import IN_OUTPUT, Layout, Program
from dqa.program.scratch import scratch_bytes, transient_bytes
from dqa.support.limits import (
    MAX_CAPACITY,
    MAX_COUNT,
    MAX_DROP,
    MAX_ENDS,
    MAX_EXTRA_BITS,
    MAX_GROUPS,
    MAX_INPUTS,
    MAX_ROW_VALUES,
    MAX_TABLES,
    MAX_VALUES,
)


def _in_range(values: npt.NDArray[np.signedinteger], edge: Edge) -> bool:
    return bool(values.min() >= edge.low and values.max() <= edge.high)


def check_edge(edge: Edge, what: str) -> None:
    """Raises ProgramError for an edge that breaks section 4; `what` names it."""
    _require(all(1 <= n <= 0xFFFF for n in (edge.height, edge.width, edge.channels)), f"{what}: a dimension is not 1..65535")
    _require(edge.values <= MAX_VALUES, f"{what}: more than {MAX_VALUES} values")
    _require(edge.row_values <= MAX_ROW_VALUES, f"{what}: more than {MAX_ROW_VALUES} values in a row")
    most = MAX_DROP if edge.storage is Storage.CODED else MAX_EXTRA_BITS
    _require(1 <= edge.code_bits <= 8 and 0 <= edge.extra_bits <= most and edge.bits <= 8, f"{what}: code or extra bits out of range")
    _require(edge.low >= -128 and edge.high <= 127, f"{what}: values outside int8")
    _check_storage(edge, what)
    _require(edge.low <= edge.zero_point <= edge.high, f"{what}: zero point {edge.zero_point} is not a value")
    if edge.zero_points is not None:
        _require(edge.zero_points.shape == (edge.channels,), f"{what}: not one zero point per channel")
        _require(_in_range(edge.zero_points, edge), f"{what}: a channel's zero point is not a value")
    _check_errors(edge, what)
    _check_coding(edge, what)


def _check_storage(edge: Edge, what: str) -> None:
    raw, ring = edge.storage in (Storage.RAW_INT8, Storage.RAW_UINT8), edge.storage is Storage.RING
    _require(not raw or (edge.code_bits, edge.extra_bits) == (8, 0), f"{what}: raw storage holds 8-bit values from -128")
    _require(not ring or (edge.extra_bits == 0 and edge.zero_points is None), f"{what}: a ring has extra bits or zero points per channel")
    coded = edge.storage is Storage.CODED
    _require(not coded or edge.zero_points is None, f"{what}: a coded map has one zero point for all channels")
    rows = 0 <= edge.ring_rows <= 0xFFFF and not ((raw or coded) and edge.ring_rows) and not (ring and not edge.ring_rows)
    _require(rows, f"{what}: {edge.ring_rows} rows of a ring")
    least = minimum_capacity(edge)
    most = MAX_CAPACITY if coded or (edge.storage is Storage.MAP and not edge.ring_rows) else least
    _require(least <= edge.capacity <= min(most, MAX_CAPACITY), f"{what}: a capacity of {edge.capacity} bytes")


def _check_errors(edge: Edge, what: str) -> None:
    ascending = all(a < b for a, b in zip(edge.important, edge.important[1:], strict=False))
    _require(ascending and all(0 <= c < edge.channels for c in edge.important), f"{what}: important channels are not ascending numbers")
    if not has_errors(edge):
        unused = edge.error_coding is ErrorCoding.NONE and not edge.important and not edge.expected_extra and edge.huffman is None
        _require(unused, f"{what}: has no errors to code, but an error coding")
        return
    _require(edge.error_coding is not ErrorCoding.NONE, f"{what}: important channels without an error coding")
    _require(not edge.ring_rows, f"{what}: a ring has no errors")
    _require(0 <= edge.expected_extra <= 0xFFFF, f"{what}: expected_extra is not 0..65535")
    if edge.error_coding is ErrorCoding.HUFFMAN:
        fits = edge.huffman is not None and edge.huffman.symbol_bits == edge.extra_bits
        _require(fits, f"{what}: no Huffman table of {edge.extra_bits}-bit symbols")
    else:
        _require(edge.huffman is None, f"{what}: a Huffman table that nothing uses")


def _check_coding(edge: Edge, what: str) -> None:
    coding = edge.coding
    _require((coding is not None) == (edge.storage is Storage.CODED), f"{what}: a coding record belongs to a coded map")
    if coding is None:
        return
    _require(
        base_row_bytes(edge) <= 2 + 2 * MAX_PAYLOAD_WORDS, f"{what}: rows of {base_row_bytes(edge)} bytes are too long for a coded map"
    )
    groups, count = coding.group_count, len(coding.tables)
    _require(1 <= groups <= MAX_GROUPS and 1 <= count <= MAX_TABLES, f"{what}: {groups} groups and {count} Huffman tables")
    _require(all(table.symbol_bits == 4 for table in coding.tables), f"{what}: a Huffman table without 16 symbols")
    shape = len(coding.contexts) == edge.extra_bits + 1 and all(len(row) == 16 for row in coding.contexts)
    _require(shape and all(0 <= i < count for row in coding.contexts for i in row), f"{what}: not a table for each drop and context")
    _require(len(coding.groups) == edge.channels and all(0 <= j < groups for j in coding.groups), f"{what}: not a group for each channel")
    _require(
        len(coding.share) == edge.height and all(0 <= part <= 0xFF for part in coding.share), f"{what}: not a share 0..255 for each row"
    )
    expected = len(coding.expected) == coding.raw_level and all(0 <= size <= MAX_CAPACITY for size in coding.expected)
    _require(expected, f"{what}: not an expected size for each level")


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


def _check_phases(program: Program) -> None:
    """Phases begin at 0 and rise by steps of 1; who writes and who reads a ring run together."""
    phases = program.op_phases
    _require(len(phases) == len(program.ops), "not one phase for each operator")
    rising = phases[0] == 0 and all(after - before in (0, 1) for before, after in pairwise(phases))
    _require(rising, "the phases of the operators are not 0, 1, ... in order")
    writer = {op.output: phase for op, phase in zip(program.ops, phases, strict=True)}
    for number, (op, phase) in enumerate(zip(program.ops, phases, strict=True)):
        for edge in op.inputs:
            together = not program.edges[edge].ring_rows or writer[edge] == phase
            _require(together, f"operator {number}: reads ring {edge}, which another phase writes")


def check_layout(program: Program, layout: Layout, outside: int, what: str, spare: int = 0) -> None:
    """Raises ProgramError where a buffer does not lie in the arena, or one of the first `outside` edges does.

    spare: bytes of the first output, in which buffers may lie too; 0 if it is in the arena itself.
    """
    edges, ops = program.edges, program.ops
    _require(0 <= layout.arena_size < IN_OUTPUT, f"{what}: arena size {layout.arena_size}")
    counts = len(layout.edges), len(layout.scratch), len(layout.transient)
    _require(counts == (len(edges), len(ops), len(ops)), f"{what}: not one place per buffer")
    for number, place in enumerate(layout.edges):
        _check_place(place, edges[number].capacity if number >= outside else 0, layout, spare, f"{what}: edge {number}")
    for number, op in enumerate(ops):
        _check_place(layout.scratch[number], scratch_bytes(edges, op), layout, spare, f"{what}: scratch of operator {number}")
        _check_place(layout.transient[number], transient_bytes(edges, op), layout, spare, f"{what}: transient row of operator {number}")


def _check_place(place: int | None, size: int, layout: Layout, spare: int, what: str) -> None:
    """size: 0 if the buffer has no place in the arena."""
    _require((place is None) == (size == 0), f"{what} has {'no' if size else 'a'} place in the arena")
    if place is not None:
        room, place = (spare, place - IN_OUTPUT) if spare and place >= IN_OUTPUT else (layout.arena_size, place)
        fits = place >= 0 and place % 4 == 0 and place + size <= room
        _require(fits, f"{what} does not lie in the arena at a multiple of 4")


def check_program(program: Program) -> None:
    """Raises ProgramError for the first rule the program breaks."""
    edges, ends = program.edges, program.input_count + program.output_count
    _require(1 <= len(edges) <= MAX_COUNT and 1 <= len(program.ops) <= MAX_COUNT, "no or too many edges or operators")
    _require(1 <= program.input_count <= MAX_ENDS and 1 <= program.output_count <= MAX_ENDS, "no or too many inputs or outputs")
    _require(ends <= len(edges), "the program has fewer edges than inputs and outputs")
    for number, edge in enumerate(edges):
        check_edge(edge, f"edge {number}")
        raw = edge.storage in (Storage.RAW_INT8, Storage.RAW_UINT8)
        _require(number >= ends or raw, f"edge {number}: inputs and outputs have raw storage")
    _check_order(program)
    _check_phases(program)
    for number, op in enumerate(program.ops):
        _check_op(edges, op, number)
    check_layout(program, program.internal, 0, "internal layout")
    check_layout(program, program.external, ends, "external layout", program.edges[program.input_count].capacity)
    if program.pushed is not None:
        _require(program.input_count == 1, "rows can be pushed into one input only")
        early = all(phase == 0 for op, phase in zip(program.ops, program.op_phases, strict=True) if 0 in op.inputs)
        _require(early, "rows are pushed in phase 0, but a later one reads the input")
        check_layout(program, program.pushed, program.input_count, "pushed layout")
    if program.period:
        check_endless(program)


def _check_op(edges: tuple[Edge, ...], op: Operator, number: int) -> None:
    try:
        check_operator(op, [edges[i] for i in op.inputs], edges[op.output])
    except ProgramError as error:
        raise ProgramError(f"operator {number} ({type(op).__name__}): {error.message}") from None


def check_operator(op: Operator, inputs: Sequence[Edge], output: Edge) -> None:
    """Raises ProgramError where parameters or shapes break the format."""
    _require(type(op) in KINDS, f"'{type(op).__name__}' is no operator of the format")
    _require(op.input_count in (None, len(inputs)), f"{len(inputs)} inputs; expected {op.input_count}")
    same = all((edge.low, edge.bits) == (output.low, output.bits) for edge in inputs)
    _require(same or not op.copies, "inputs and output have different ranges")
    op.check(inputs, output)
    _require(op.block == 0 or op.block in op.blocks(inputs[0], output), f"a block of {op.block} does not fit it")
