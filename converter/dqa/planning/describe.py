"""Describes a program to the planner: bytes and predicted losses of every edge, streamed or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dqa.config import MAX_EXTRA_BITS, ConvertConfig
from dqa.planning.problem import Option, PlanEdge, PlanOperator, Problem
from dqa.program import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Edge,
    FullyConnected,
    Mean,
    Operator,
    Program,
    Storage,
    align,
    row_bytes,
)
from dqa.program.rows import accumulates
from dqa.program.scratch import INPUT_STATE_BYTES, STATE_BYTES, decoded_bytes, own_rows_bytes
from dqa.quantization.loss import EdgeLoss

EXTRA_BITS = 2
"""Extra bits of the important channels in the DQA options: their codes lie between those of n and n + 1 bits in size."""

_WORK_PER_MAC = {Conv2D: 2.6, DepthwiseConv2D: 8.0, FullyConnected: 2.6}
_WORK_PER_VALUE = 15.0


def describe(
    program: Program,
    losses: Mapping[int, EdgeLoss],
    ring_rows: Mapping[int, int],
    tied: Mapping[int, int],
    config: ConvertConfig,
    *,
    inputs_inside: bool,
    outputs_inside: bool,
) -> Problem:
    """The planning problem of a program with every edge stored.

    losses: by edge number, for edges that may be packed; the others stay plain bytes. ring_rows: rows that a ring of each edge needs.
    tied: bits of the value range shared with other edges, by edge number, where an edge is tied. inputs_inside, outputs_inside: whether
    they take room in the arena.
    """
    readers: dict[int, list[tuple[int, Operator]]] = {number: [] for number in range(len(program.edges))}
    producers: dict[int, int] = {}
    for position, op in enumerate(program.ops):
        producers[op.output] = position
        for number in op.inputs:
            readers[number].append((position, op))
    edges = []
    for number, edge in enumerate(program.edges):
        own = _Reading(program, edge, [op for _, op in readers[number]])
        ring, ring_loss = None, 0.0
        inside = inputs_inside if number < program.input_count else outputs_inside
        border = number < program.input_count + program.output_count
        options: list[Option] = []
        if number in losses:
            ring, ring_loss = ring_edge(edge, ring_rows[number]).capacity, losses[number].direct(7 if edge.low == 0 else 8)
            options = [o for o in own.packed(losses[number], tied.get(number), config) if o.loss > ring_loss]
        if number not in tied or edge.low != 0:
            # Bytes are as good as the ring's codes: choosing between the two is a matter of RAM and work, not of accuracy.
            options.append(own.plain(align(edge.values) if inside or not border else 0, ring_loss))
        edges.append(
            PlanEdge(
                name=edge.name,
                values=edge.values,
                producer=producers.get(number),
                consumers=tuple(position for position, _ in readers[number]),
                ring=ring,
                ring_loss=ring_loss,
                options=_undominated(options),
                border=border and number >= program.input_count,
            )
        )
    return Problem(tuple(_operator(program, op) for op in program.ops), tuple(edges))


def ring_edge(edge: Edge, rows: int) -> Edge:
    """The edge as a ring of so many rows."""
    rows = min(rows, edge.height)
    return replace(edge, storage=Storage.RING, ring_rows=rows, extra_bits=0, capacity=rows * edge.row_values)


class _Reading:
    """What an edge's readers need, however it is stored."""

    def __init__(self, program: Program, edge: Edge, readers: Sequence[Operator]) -> None:
        self.program, self.edge, self.readers = program, edge, readers

    def plain(self, size: int, loss: float) -> Option:
        """One byte per value; operators that see one unpadded row at a time read it in place."""
        raw = self.edge.storage if self.edge.storage is Storage.RAW_UINT8 else Storage.RAW_INT8
        # Non-negative bytes start at -128, so that rows of padding are no zeros.
        zero = self.edge.zero_point if self.edge.storage is not Storage.MAP else (-128 if self.edge.low == 0 else 0)
        variant = replace(self.edge, storage=raw, zero_point=zero)
        return Option(size, loss, 8, self._decode(variant), plain=True)

    def packed(self, loss: EdgeLoss, tied: int | None, config: ConvertConfig) -> list[Option]:
        """Codes of 2 to 7 bits, and with shifting errors of 2 bits for the important channels."""
        edge, options = self.edge, []
        decode = self._decode(replace(edge, storage=Storage.MAP))
        kept = int(edge.channels * config.important)
        for bits in range(2, 8):
            if tied is None or tied - bits <= MAX_EXTRA_BITS:
                size = edge.height * row_bytes(edge.row_values, bits, None)
                options.append(Option(align(size), loss.direct(bits), bits, decode))
            if tied is None and config.method == "dqa" and kept and bits + EXTRA_BITS <= 7:
                error_bytes = -(-edge.width * kept * EXTRA_BITS // 8)
                size = edge.height * row_bytes(edge.row_values, bits, error_bytes)
                lost = loss.dqa(bits, EXTRA_BITS, config.important)
                options.append(Option(align(size), lost, bits, decode, EXTRA_BITS, config.important))
        return options

    def _decode(self, variant: Edge) -> tuple[int, ...]:
        """Bytes of each reader's own rows."""
        return tuple(own_rows_bytes(op, variant, self.program.edges[op.output]) for op in self.readers)


def _undominated(options: Sequence[Option]) -> tuple[Option, ...]:
    """Drops options that are larger than another and no better; smallest first."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.size + sum(o.decode), o.loss)):
        if not kept or option.loss < kept[-1].loss:
            kept.append(option)
    return tuple(kept)


def _operator(program: Program, op: Operator) -> PlanOperator:
    output = program.edges[op.output]
    source = program.edges[op.inputs[0]]
    base = STATE_BYTES + INPUT_STATE_BYTES * len(op.inputs)
    if accumulates(op, source):
        base += 4 * output.channels
    return PlanOperator(op.name, base, align(output.row_values), work_of(program, op), decoded_bytes(op))


def work_of(program: Program, op: Operator) -> int:
    """Instructions of one inference on Cortex-M4, estimated; for ordering plans, never reported as measured."""
    output = program.edges[op.output]
    macs = 0.0
    if isinstance(op, Conv2D):
        macs = output.values * op.weights[0].size
    elif isinstance(op, DepthwiseConv2D):
        macs = output.values * op.window.kernel_h * op.window.kernel_w
    elif isinstance(op, FullyConnected):
        macs = op.weights.size
    elif isinstance(op, AveragePool2D | Mean | Add):
        return int(_WORK_PER_VALUE * program.edges[op.inputs[0]].values)
    return int(macs * _WORK_PER_MAC.get(type(op), 0.0) + _WORK_PER_VALUE * output.values)
