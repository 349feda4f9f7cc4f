"""report.json of a model whose DQA groups lie between TFLite builtins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dqa.lowering.build import edge_order
from dqa.partition.mixed import BuiltGroup
from dqa.partition.split import Split
from dqa.quantization.formats import TensorFormat
from dqa.report.content import edge_rows, layer_rows


def build_mixed_report(groups: Sequence[BuiltGroup], cut: Split, formats: Mapping[int, TensorFormat]) -> dict[str, Any]:
    """The sections of report.json that follow from the groups and the builtins.

    `builtins` names the operators that were left and why; a model that has them runs in TensorFlow Lite Micro only. `edges` and `layers`
    have the number of their group; an edge between groups is listed with the one that writes it. What a builtin takes of RAM beside its
    8 bit output is TensorFlow Lite Micro's affair, so there is no arena of the whole model.
    """
    names = cut.graph.activation_names()
    edges: dict[int, dict[str, Any]] = {}
    layers: list[dict[str, Any]] = []
    for number, group in enumerate(groups):
        order = edge_order(group.graph)
        for tensor, row in zip(order, edge_rows(group.program, group.graph, order, formats), strict=True):
            if tensor not in edges and (tensor not in group.graph.inputs or tensor in cut.graph.inputs):
                edges[tensor] = {**row, "name": names[tensor], "group": number}
        known = {edge.name: names[tensor] for tensor, edge in zip(order, group.program.edges, strict=True)}
        for row in layer_rows(group.program):
            ends = {"inputs": [known[name] for name in row["inputs"]], "output": known[row["output"]]}
            layers.append({**row, **ends, "group": number})
    values = capacity = 0
    for activation in cut.graph.activations():
        if activation.index not in cut.graph.inputs:
            size = int(np.prod(activation.shape))
            values += size
            capacity += edges[activation.index]["capacity"] if activation.index in edges else size
    return {
        "stored_bits": round(8 * capacity / values, 4),
        "runtimes": ["tflm"],
        "builtins": [{"name": op.name, "kind": op.kind, "reason": reason} for op, reason in cut.left],
        "ram": {
            "arena_external": max(group.program.external.arena_size for group in groups),
            "input": sum(formats[t].capacity for t in cut.graph.inputs),
            "output": sum(int(np.prod(cut.graph.tensors[t].shape)) for t in cut.graph.outputs),
        },
        "flash": {"program": sum(len(group.program_bytes) for group in groups)},
        "macs": sum(row["macs"] for row in layers),
        "edges": list(edges.values()),
        "layers": layers,
    }
