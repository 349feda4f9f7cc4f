"""Describes a program to the planner: bytes and predicted losses of every edge, streamed or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dqa.planning.over import gaps
from dqa.planning.problem import EdgeOption, PlanEdge, PlanOperator, Problem, undominated
from dqa.program import (
    Edge,
    Operator,
    Program,
    Storage,
    align,
    lifetimes,
    row_bytes,
    value_ring,
)
from dqa.program.scratch import INPUT_STATE_BYTES, STATE_BYTES, decoded_bytes, own_rows_bytes
from dqa.quantization.loss import EdgeLoss
from dqa.support.limits import MAX_EXTRA_BITS
from dqa.support.settings import ConvertConfig

EXTRA_BITS = 2
"""Extra bits of the important channels in the DQA options: their codes lie between those of n and n + 1 bits in size."""

CODED_WRITE, CODED_READ = 53, 21
"""Instructions to write a value of a coded map and to read it, more than of a packed one, on Cortex-M4 (benchmarks/coded.py)."""

_WORK_PER_VALUE = 15.0


@dataclass(frozen=True)
class CodedSize:
    """A coded map of an edge. bits: stored per value. capacity: bytes. loss: in the terms of dqa.quantization.loss."""

    bits: float
    capacity: int
    loss: float


def describe(
    program: Program,
    losses: Mapping[int, EdgeLoss],
    ring_rows: Mapping[int, int],
    tied: Mapping[int, int],
    config: ConvertConfig,
    *,
    inputs_inside: bool,
    coded: Mapping[int, Sequence[CodedSize]] | None = None,
) -> Problem:
    """The planning problem of a program with every edge stored.

    losses: by edge number, for edges that may be packed; the others stay plain bytes. ring_rows: rows that a ring of each edge needs.
    tied: bits of the value range shared with other edges, by edge number, where an edge is tied. inputs_inside: whether inputs take room.
    coded: by edge number, the coded maps that an edge may become.
    """
    readers: dict[int, list[tuple[int, Operator]]] = {number: [] for number in range(len(program.edges))}
    producers: dict[int, int] = {}
    for position, op in enumerate(program.ops):
        producers[op.output] = position
        for number in op.inputs:
            readers[number].append((position, op))
    brief = _brief(program, ring_rows)
    over = gaps(program, _plain(program, tied, inputs_inside))
    edges = []
    for number, edge in enumerate(program.edges):
        own = _Reading(program, edge, [op for _, op in readers[number]])
        is_input = number < program.input_count
        border = is_input or number < program.input_count + program.output_count
        options: list[EdgeOption] = []
        flows: list[EdgeOption] = []
        ring_loss = least = 0.0
        if number in losses:
            ring_loss = losses[number].direct(7 if edge.low == 0 else 8)
            flows = [own.ring(ring_rows[number], ring_loss)]
            least = losses[number].direct(8)
            if edge.low == 0 and number not in tied:
                flows.append(own.wide_ring(ring_rows[number], least))
            packed = own.packed(losses[number], tied.get(number), config)
            # Of values that are always 0 none is worse than the ring; packed ones still may be all there is.
            options = [o for o in packed if o.loss > ring_loss] or packed
            options += own.coded((coded or {}).get(number, ()), ring_loss)
            if number not in brief:
                flows += [*own.packed_rings(ring_rows[number], options), *options]
        if number not in tied or edge.low != 0:
            options.append(own.plain(align(edge.values) if inputs_inside or not is_input else 0, least))
        edges.append(
            PlanEdge(
                name=edge.name,
                values=edge.values,
                producer=producers.get(number),
                consumers=tuple(position for position, _ in readers[number]),
                options=undominated(options, align(edge.row_values)),
                flows=undominated(flows, align(edge.row_values)),
                brief=number in brief,
                border=border and not is_input,
                over=over.get(number, {}),
            )
        )
    return Problem(tuple(_operator(program, op) for op in program.ops), tuple(edges))


def _brief(program: Program, ring_rows: Mapping[int, int]) -> set[int]:
    """Edges that hold something only while their producer or a consumer works, everything flowing in one phase: each row is written, and
    the next operator takes it."""
    edges = list(program.edges)
    for number, rows in ring_rows.items():
        edges[number] = value_ring(edges[number], rows)
    outputs = range(program.input_count, program.input_count + program.output_count)
    alive = lifetimes(edges, program.ops, [0] * len(program.ops), outputs=outputs).edges
    return {number for number, rows in ring_rows.items() if rows == 1 and alive[number].bit_count() <= 2 * edges[number].height}


def _plain(program: Program, tied: Mapping[int, int], inputs_inside: bool) -> dict[int, int]:
    """The edges in the arena that may be plain bytes, and not to the end; their zero points as such."""
    ends = range(program.input_count, program.input_count + program.output_count)
    owned = (n for n in range(0 if inputs_inside else program.input_count, len(program.edges)) if n not in ends)
    edges = program.edges
    return {n: _plain_zero(edges[n]) for n in owned if n not in tied or edges[n].low != 0}


def _plain_zero(edge: Edge) -> int:
    """Non-negative bytes start at -128, so that rows of padding are no zeros."""
    return edge.zero_point if edge.storage is not Storage.MAP else (-128 if edge.low == 0 else 0)


class _Reading:
    """What an edge's readers need, however it is held."""

    def __init__(self, program: Program, edge: Edge, readers: Sequence[Operator]) -> None:
        self.program, self.edge, self.readers = program, edge, readers

    def plain(self, size: int, loss: float) -> EdgeOption:
        """One byte per value; operators that see one unpadded row at a time read it in place."""
        raw = self.edge.storage if self.edge.storage is Storage.RAW_UINT8 else Storage.RAW_INT8
        variant = replace(self.edge, storage=raw, zero_point=_plain_zero(self.edge))
        return EdgeOption(size, loss, 8, self._decode(variant), plain=True)

    def ring(self, rows: int, loss: float) -> EdgeOption:
        """Values; operators read them in place."""
        variant = value_ring(self.edge, rows)
        return EdgeOption(align(variant.capacity), loss, 7 if self.edge.low == 0 else 8, self._decode(variant), plain=True, ring_rows=rows)

    def wide_ring(self, rows: int, loss: float) -> EdgeOption:
        """Values of 8 bits that are never negative: readers with padding take their rows into their own memory."""
        variant = replace(value_ring(self.edge, rows), low=-128, zero_point=-128)
        return EdgeOption(align(variant.capacity), loss, 8, self._decode(variant), plain=True, ring_rows=rows)

    def packed_rings(self, rows: int, options: Sequence[EdgeOption]) -> list[EdgeOption]:
        """Rings of the codes of `options`; those with shifting errors and coded maps are only stored whole."""
        options = [o for o in options if not o.extra_bits and not o.stored_bits]
        size = {o.code_bits: align(rows * row_bytes(self.edge.row_values, o.code_bits, None)) for o in options}
        return [replace(o, size=size[o.code_bits], ring_rows=rows) for o in options]

    def packed(self, loss: EdgeLoss, tied: int | None, config: ConvertConfig) -> list[EdgeOption]:
        """Codes of 2 to 7 bits, and with shifting errors of 2 bits for the important channels."""
        edge, options = self.edge, []
        decode = self._decode(replace(edge, storage=Storage.MAP))
        packing = config.packing
        kept = int(edge.channels * packing.important)
        for bits in range(2, 8):
            if tied is None or tied - bits <= MAX_EXTRA_BITS:
                size = edge.height * row_bytes(edge.row_values, bits, None)
                options.append(EdgeOption(align(size), loss.direct(bits), bits, decode))
            if tied is None and packing.method == "dqa" and kept and bits + EXTRA_BITS <= 7:
                error_bytes = -(-edge.width * kept * EXTRA_BITS // 8)
                size = edge.height * row_bytes(edge.row_values, bits, error_bytes)
                lost = loss.dqa(bits, EXTRA_BITS, packing.important)
                options.append(EdgeOption(align(size), lost, bits, decode, EXTRA_BITS, packing.important))
        return options

    def coded(self, sizes: Sequence[CodedSize], least_loss: float) -> list[EdgeOption]:
        """Coded maps; they round no finer than the ring does."""
        edge, decode = self.edge, self._decode(replace(self.edge, storage=Storage.MAP))
        work = edge.values * (CODED_WRITE + CODED_READ * len(self.readers))
        return [EdgeOption(align(size.capacity), max(size.loss, least_loss), 0, decode, stored_bits=size.bits, work=work) for size in sizes]

    def _decode(self, variant: Edge) -> tuple[int, ...]:
        """Bytes of each reader's own rows."""
        return tuple(own_rows_bytes(op, variant, self.program.edges[op.output]) for op in self.readers)


def _operator(program: Program, op: Operator) -> PlanOperator:
    output = program.edges[op.output]
    source = program.edges[op.inputs[0]]
    base = STATE_BYTES + INPUT_STATE_BYTES * len(op.inputs) + op.kept_bytes(source, output)
    return PlanOperator(op.name, base, align(output.row_values), work_of(program, op), decoded_bytes(op))


def work_of(program: Program, op: Operator) -> int:
    """Instructions of one inference on Cortex-M4, estimated; for ordering plans, never reported as measured."""
    source, output = program.edges[op.inputs[0]], program.edges[op.output]
    values = source.values if op.works_on_input else output.values
    return int(op.macs(source, output) * op.instructions_per_mac + _WORK_PER_VALUE * values)
