"""What programs need of the C library: entries of its table of operators and parts (dqa_operators.h); the linker leaves out others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dqa.operators.records import Storage
from dqa.operators.registry import PARTS, Kind, kind_of
from dqa.program.model import Program


@dataclass(frozen=True)
class Entry:
    """The name of its number in C, its symbol, and whether the programs need it."""

    number: str
    symbol: str
    used: bool


def table(programs: Sequence[Program]) -> list[Entry]:
    """The whole table, in the order of the numbers."""
    kinds = {kind_of(op) for program in programs for op in program.ops}
    parts = {op.part(program.edges[op.inputs[0]], program.edges[op.output]) for program in programs for op in program.ops}
    storages = {edge.storage for program in programs for edge in program.edges}
    parts |= {"packed_maps"} if Storage.MAP in storages else set()
    parts |= {"endless"} if any(program.period for program in programs) else set()
    return [
        Entry("DQA_CODED_MAPS", "dqa_coded_maps", Storage.CODED in storages),
        *(Entry(f"DQA_KIND_{kind.name}", f"dqa_op_{kind.name.lower()}", kind in kinds) for kind in sorted(Kind)),
        *(Entry(f"DQA_PART_{part.upper()}", f"dqa_part_{part}", part in parts) for part in PARTS),
    ]
