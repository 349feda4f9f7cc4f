"""The content of report.json: what lies where, with how many bits, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.graph import Graph
from dqa.planning.interpreter import interpreter_arena
from dqa.program import Operator, Program, Storage
from dqa.quantization.formats import TensorFormat
from dqa.support.arrays import Int8


def stored_bits(program: Program) -> float:
    """RAM bits per stored activation: capacity (headers and error planes included) over values, of all edges but inputs and rings."""
    edges = [edge for edge in program.edges[program.input_count :] if not edge.ring_rows]
    return 8.0 * sum(e.capacity for e in edges) / sum(e.values for e in edges)


def macs(program: Program, op: Operator) -> int:
    """Multiply-accumulates of one inference; padding counts as computed, as in the executor."""
    return op.macs(program.edges[op.inputs[0]], program.edges[op.output])


def edge_rows(program: Program, graph: Graph, order: Sequence[int], formats: Mapping[int, TensorFormat]) -> list[dict[str, Any]]:
    """One row per edge: where its bits go and the reason."""
    rows = []
    for tensor, edge in zip(order, program.edges, strict=True):
        producer = graph.producer(tensor)
        rows.append(
            {
                "name": edge.name,
                "producer": producer.kind if producer else "INPUT",
                "shape": [edge.height, edge.width, edge.channels],
                "storage": edge.storage.name.lower(),
                "code_bits": edge.code_bits,
                "extra_bits": edge.extra_bits if edge.important or edge.coding else 0,
                "important_channels": len(edge.important),
                "error_coding": edge.error_coding.name.lower(),
                "capacity": edge.capacity,
                "plain_bytes": edge.values,
                "stored_bits": round(8 * edge.capacity / edge.values, 3),
                "signed": edge.storage in (Storage.MAP, Storage.CODED) and edge.low < 0 and edge.zero_point == 0,
                "reason": formats[tensor].reason.value,
            }
        )
    return rows


def packed_maps(program: Program) -> dict[str, int]:
    """The maps that are stored with fewer than 8 bits: how many, their bytes, and those of the same values with 8 bits each."""
    maps = [edge for edge in program.edges if edge.storage in (Storage.MAP, Storage.CODED)]
    return {"count": len(maps), "bytes": sum(e.capacity for e in maps), "plain_bytes": sum(e.values for e in maps)}


@dataclass
class Tally:
    """Counts the bytes of operators' constants (dqa.operators.parameters.Constants); equal ones count once."""

    seen: dict[bytes, int] = field(default_factory=dict)

    def array(self, values: npt.NDArray[np.generic], _title: str) -> int:
        data = values.tobytes()
        return self.seen.setdefault(data, len(data))

    def book(self, values: Int8, title: str) -> int:
        return self.array(values, title)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return sum(self.seen.values())


def constant_bytes(program: Program) -> list[int]:
    """Bytes of flash that each operator's weights, biases, multipliers and tables take; what is shared counts at its first use."""
    tally, sizes = Tally(), [0]
    for op in program.ops:
        op.write(tally)
        sizes.append(tally.size)
    return np.diff(sizes).tolist()


def layer_rows(program: Program) -> list[dict[str, Any]]:
    """One row per operator."""
    return [
        {
            "name": op.name,
            "kind": type(op).__name__,
            "macs": macs(program, op),
            "constants": size,
            "inputs": [program.edges[i].name for i in op.inputs],
            "output": program.edges[op.output].name,
        }
        for op, size in zip(program.ops, constant_bytes(program), strict=True)
    ]


def build_report(
    program: Program, program_size: int, graph: Graph, order: Sequence[int], formats: Mapping[int, TensorFormat]
) -> dict[str, Any]:
    """The sections of report.json that follow from the program."""
    layers = layer_rows(program)
    return {
        "stored_bits": round(stored_bits(program), 4),
        "ram": {
            "arena": program.internal.arena_size,
            "arena_external": program.external.arena_size,
            "input": sum(e.capacity for e in program.inputs),
            "output": sum(e.capacity for e in program.outputs),
            "interpreter": interpreter_arena(program),
        },
        "packed_maps": packed_maps(program),
        "flash": {"program": program_size},
        "macs": sum(row["macs"] for row in layers),
        "edges": edge_rows(program, graph, order, formats),
        "layers": layers,
    }
