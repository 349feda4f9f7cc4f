"""Builds the DQA program of a graph whose formats are decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dqa.errors import ModelError
from dqa.graph import Graph, Op
from dqa.lowering.supported import why_not
from dqa.operators.float_base import Lowering
from dqa.operators.registry import float_operator
from dqa.planning.layout import Ends, plan
from dqa.program import Operator, Program
from dqa.program.endless import check_answers, period, with_rings
from dqa.program.schedule import simulate
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.chosen import small_layers
from dqa.quantization.weights.integer import folded_weights
from dqa.quantization.weights.levels import LayerWeights


def edge_order(graph: Graph) -> list[int]:
    """Tensor numbers in the order of the program's edges: inputs, outputs, then the rest as they are written."""
    border = [*graph.inputs, *graph.outputs]
    return border + [t.index for t in graph.activations() if t.index not in border]


def build(
    graph: Graph,
    formats: Mapping[int, TensorFormat],
    phases: Sequence[int] | None = None,
    *,
    weight_bits: int = 8,
    weights: Mapping[int, LayerWeights] | None = None,
    continuous: bool = False,
) -> Program:
    """The program of a graph with the formats of `decide`; phases: of each operator, None: each by itself.

    weight_bits: 8, or 4, of all layers but small ones. weights: of layers, by output tensor; those left out, or all (None), have the
    nearest equidistant levels. continuous: rows never end; all edges inside become rings, in one phase.

    Raises ModelError naming the layer if an operator cannot be converted.
    """
    for op in graph.ops:
        if reason := why_not(graph, op):
            raise ModelError(f"layer '{op.name}': {op.kind} cannot be converted: {reason}")
    order = edge_order(graph)
    numbers = {tensor: i for i, tensor in enumerate(order)}
    names = graph.activation_names()
    edges = tuple(formats[t].edge(names[t], graph.tensors[t].hwc) for t in order)
    wide = small_layers(graph)
    ops = tuple(
        _lowered(graph, formats, numbers, op, 8 if op.outputs[0] in wide else weight_bits, (weights or {}).get(op.outputs[0]))
        for op in graph.ops
    )
    ops = tuple(op.laid_out(edges[op.inputs[0]], edges[op.output]) for op in ops)
    if continuous:
        check_answers(edges, ops)
        edges, phases = with_rings(edges, ops), (0,) * len(ops)
    steps = tuple(phases) if phases is not None else tuple(range(len(ops)))
    ends = Ends(len(graph.inputs), len(graph.outputs))
    internal, external = (plan(edges, ops, steps, e) for e in (ends, replace(ends, inputs_inside=False, outputs_inside=False)))
    pushed, turn = None, period(edges, ops) if continuous else 0
    rings: dict[int, int | None] = {i: edge.ring_rows for i, edge in enumerate(edges) if edge.ring_rows}
    if ends.inputs == 1 and simulate(edges, ops, steps, rings, pushed=True).complete:
        pushed = plan(edges, ops, steps, replace(ends, inputs_inside=False, pushed=True, endless=continuous))
    phased = None if phases is None else steps
    return Program(edges, ops, ends.inputs, ends.outputs, internal, external, phases=phased, pushed=pushed, period=turn)


def _lowered(
    graph: Graph, formats: Mapping[int, TensorFormat], numbers: Mapping[int, int], op: Op, weight_bits: int, chosen: LayerWeights | None
) -> Operator:
    data = [index for index in op.inputs if not graph.tensors[index].is_constant]
    return float_operator(op.kind).lower(
        Lowering(
            op=op,
            tensors=tuple(graph.tensors[index] for index in op.inputs),
            inputs=tuple(numbers[index] for index in data),
            output=numbers[op.outputs[0]],
            sources=tuple(formats[index] for index in data),
            target=formats[op.outputs[0]],
            folded=lambda: folded_weights(graph, op, formats, weight_bits, chosen),
        )
    )
