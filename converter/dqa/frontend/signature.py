"""The signature of a .tflite: what its inputs and outputs are called, and the order that the model gives its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dqa.frontend.names import in_order
from dqa.tflite.flatbuffer import Table


@dataclass(frozen=True)
class Signature:
    """Tensor numbers by name, in order. Two names of outputs may mean one tensor; of an input's names the first is here."""

    inputs: dict[str, int]
    outputs: dict[str, int]


def read_signature(model: Table, inputs: Sequence[int], outputs: Sequence[int]) -> Signature | None:
    """The signature of a model with these ends; None if it has none, several that differ, or one that leaves an end out.

    The converter writes the ends of a graph in any order; only the signature tells which is which.
    """
    found = []
    for table in model.tables(7):
        if table.integer(4, "<I") == 0 and (read := _read(table, inputs, outputs)) not in found:
            found.append(read)
    return found[0] if len(found) == 1 else None


def _read(table: Table, inputs: Sequence[int], outputs: Sequence[int]) -> Signature | None:
    given, answers = ([(entry.string(0), entry.integer(1, "<I")) for entry in table.tables(slot)] for slot in (0, 1))
    entries, ends = {index: name for name, index in reversed(given)}, dict(answers)
    if "" in entries.values() or "" in ends or set(entries) != set(inputs) or set(ends.values()) != set(outputs):
        return None
    places = {entries[index]: index for index in inputs}
    return Signature({name: places[name] for name in in_order(places)}, {name: ends[name] for name in in_order(ends)})
