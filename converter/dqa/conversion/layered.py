"""model.layers.tflite: every operator of the DQA programs as a custom operator of its own, for viewers such as Netron. It does not run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flatbuffers import flexbuffers

from dqa.graph import Graph
from dqa.lowering.build import edge_order
from dqa.partition.builtins import QuantizedBuiltins
from dqa.partition.mixed import BuiltGroup, Step, add_ports, append_in_order, builtin_steps
from dqa.program import Port, Program, kind_of
from dqa.program.words import kept_bits, kept_words, shape_words, storage_words, window_words
from dqa.report.content import layer_rows
from dqa.tflite.writer import TfliteBuilder, describe


def write_layers(
    groups: Sequence[BuiltGroup], builtins: QuantizedBuiltins | None, graph: Graph, ports: Mapping[int, Port], source: str
) -> bytes:
    """The file. ports: of all activations of the groups and of what crosses their borders, by number in the graph.

    An operator is called DQA.CONV_2D and the like; its custom options, a flexbuffer, say what a tensor cannot: how its output is stored,
    in how many bits and bytes, its phase, bytes of its constants.
    """
    model = TfliteBuilder()
    names = graph.activation_names()
    shown = {t: replace(port, name=names[t], zero_point=tuple(map(round, port.zero_point))) for t, port in ports.items()}
    numbers = add_ports(model, shown)
    steps = [step for group in groups for step in _steps(model, group, numbers)]
    steps += builtin_steps(model, builtins, numbers) if builtins is not None else []
    ends = [numbers[t] for t in graph.inputs], [numbers[t] for t in graph.outputs]
    append_in_order(steps, ends[0])
    return model.finish(*ends, describe({"shows": "the layers of model.tflite; does not run", "source": source}))


def _steps(model: TfliteBuilder, group: BuiltGroup, numbers: Mapping[int, int]) -> Iterator[Step]:
    program, order = group.program, edge_order(group.graph)
    for place, (op, row) in enumerate(zip(program.ops, layer_rows(program), strict=True)):
        inputs, outputs = [numbers[order[edge]] for edge in op.inputs], [numbers[order[op.output]]]
        options = bytes(flexbuffers.Dumps(_options(program, place, row)))
        yield Step(inputs, outputs, partial(model.custom, f"DQA.{kind_of(op).name}", inputs, outputs, options))


def _options(program: Program, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a viewer lists of an operator. row: the report's."""
    op = program.ops[place]
    edge = program.edges[op.output]
    found = {
        "layer": row["name"],
        "operator": place,
        "phase": program.op_phases[place],
        "macs": row["macs"],
        "constants": row["constants"],
        "storage": kept_words(edge),
        "bits": round(kept_bits(edge), 3),
        "bytes": edge.capacity,
        "output": f"{shape_words(edge)}, {storage_words(edge)}",
    }
    return found | ({"window": window.removeprefix(", ")} if (window := window_words(op)) else {})
