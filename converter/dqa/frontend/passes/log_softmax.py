"""LOG_SOFTMAX(x) is d - log(sum(exp(d))), d = x less its largest: every step of it stays within what 8 bits hold."""

from __future__ import annotations

from dqa.graph.edit import add_activation
from dqa.graph.model import Graph, Op

_PLAIN = {"activation": "NONE"}
_CHANNELS = {"axes": (3,), "keep_dims": True}


def log_softmax(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind != "LOG_SOFTMAX" or not graph.tensors[op.outputs[0]].is_map:
            continue
        x, shape = op.inputs[0], graph.tensors[op.outputs[0]].shape
        largest, apart, shares, total, log = (
            add_activation(graph, f"{op.name}/{what}", (*shape[:-1], size))
            for what, size in (("largest", 1), ("apart", shape[-1]), ("shares", shape[-1]), ("sum", 1), ("log", 1))
        )
        graph.ops[place : place + 1] = [
            Op("REDUCE_MAX", f"{op.name}/largest", [x], [largest], dict(_CHANNELS)),
            Op("SUB", f"{op.name}/apart", [x, largest], [apart], dict(_PLAIN)),
            Op("EXP", f"{op.name}/shares", [apart], [shares]),
            Op("SUM", f"{op.name}/sum", [shares], [total], dict(_CHANNELS)),
            Op("LOG", f"{op.name}/log", [total], [log]),
            Op("SUB", op.name, [apart, log], op.outputs, dict(_PLAIN)),
        ]
        return True
    return False
