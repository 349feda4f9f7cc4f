"""The planning problem in numbers: what each operator and edge costs, streamed or stored.

Operators run in the order of the program. Cutting that order into phases decides the rest: an edge that crosses a cut must be stored whole,
an edge inside a phase flows through a ring of rows, of values or packed (or is stored, where that is smaller).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EdgeOption:
    """One way to hold an edge.

    size: bytes. loss: predicted (dqa.quantization.loss). code_bits, extra_bits, important: the codes; plain: bytes instead of packed rows.
    decode: bytes of private rows that each consumer needs to read it. ring_rows: of a ring; 0: the edge is stored whole.
    stored_bits: per value, of a coded map; 0: it is none. work: instructions of writing and reading it, more than a packed map takes.
    """

    size: int
    loss: float
    code_bits: int
    decode: tuple[int, ...]
    extra_bits: int = 0
    important: float = 0.0
    plain: bool = False
    ring_rows: int = 0
    stored_bits: float = 0.0
    work: int = 0


def undominated(options: Sequence[EdgeOption], transient: int) -> tuple[EdgeOption, ...]:
    """The options without those that take more than another and are no better, smallest first; a packed one takes the transient row, too.

    So the first options together are the fewest bytes.
    """
    kept: list[EdgeOption] = []
    for option in sorted(options, key=lambda o: (o.size + sum(o.decode) + (0 if o.plain else transient), o.loss)):
        if not kept or option.loss < kept[-1].loss:
            kept.append(option)
    return tuple(kept)


@dataclass(frozen=True)
class PlanEdge:
    """An activation.

    producer: operator number, None for an input of the model. consumers: operator numbers. options: ways to store it whole. flows: ways to
    hold it where one phase writes and reads it, rings and whole; none where it must be stored. Both smallest first, and a single one where
    there is no choice (borders of the model, tables, small vectors). brief: it flows through a ring that holds something only while its
    producer or a consumer works. border: an output, alive to the end. over: the edges over whose rows, as they are read, it may be
    written, both plain bytes, and the bytes by which it then begins before them (dqa.planning.over).
    """

    name: str
    values: int
    producer: int | None
    consumers: tuple[int, ...]
    options: tuple[EdgeOption, ...]
    flows: tuple[EdgeOption, ...] = ()
    brief: bool = False
    border: bool = False
    over: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanOperator:
    """base: bytes of state and accumulators through its phase. transient: bytes of an output row if its output is packed.
    decoded: bytes of weights decoded while it writes a row.
    work: instructions of one inference, estimated for the trade-off shown to the user."""

    name: str
    base: int
    transient: int
    work: int
    decoded: int = 0


@dataclass(frozen=True)
class Problem:
    """A network to plan."""

    operators: tuple[PlanOperator, ...]
    edges: tuple[PlanEdge, ...]
