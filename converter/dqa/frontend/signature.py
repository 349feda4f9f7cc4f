"""The signature of a .tflite: what its inputs and outputs are called, and the order that the model gives its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dqa.frontend.names import in_order
from dqa.tflite.flatbuffer import Table


@dataclass(frozen=True)
class Signature:
    """Tensor numbers by name, in order. Two names may mean one tensor."""

    inputs: dict[str, int]
    outputs: dict[str, int]


def read_signature(model: Table, inputs: Sequence[int], outputs: Sequence[int]) -> Signature | None:
    """The signature of a model with these ends; None if it has none, several, or one that leaves an end out.

    The converter writes the outputs of a graph in any order; only the signature tells which is which.
    """
    tables = [table for table in model.tables(7) if table.integer(4, "<I") == 0]
    if len(tables) != 1:
        return None
    found = [{entry.string(0): entry.integer(1, "<I") for entry in tables[0].tables(slot)} for slot in (0, 1)]
    if "" in found[0] or "" in found[1] or set(found[0].values()) != set(inputs) or set(found[1].values()) != set(outputs):
        return None
    return Signature(found[0], {name: found[1][name] for name in in_order(found[1])})
