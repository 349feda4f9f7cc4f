"""The planning problem in numbers: what each operator and edge costs, streamed or stored.

Operators run in the order of the program. Cutting that order into phases decides the rest: an edge that crosses a cut must be stored whole,
an edge inside a phase flows through a ring of rows (or is stored, where a ring would be larger than the map).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One way to store an edge whole.

    size: bytes. loss: predicted (dqa.quantization.loss). code_bits, extra_bits, important: the codes; plain: bytes instead of a packed map.
    decode: bytes of private rows that each consumer needs to read it.
    """

    size: int
    loss: float
    code_bits: int
    decode: tuple[int, ...]
    extra_bits: int = 0
    important: float = 0.0
    plain: bool = False


@dataclass(frozen=True)
class PlanEdge:
    """An activation.

    producer: operator number, None for an input of the model. consumers: operator numbers. ring: bytes of a ring that is long enough,
    None if
    it must be stored, with its predicted loss. options: ways to store it whole, smallest first; a single one where there is no choice
    (borders of
    the model, tables, small vectors). border: an output, alive to the end.
    """

    name: str
    values: int
    producer: int | None
    consumers: tuple[int, ...]
    ring: int | None
    ring_loss: float
    options: tuple[Option, ...]
    border: bool = False

    @property
    def prefers_ring(self) -> bool:
        """Whether, inside one phase, the ring is smaller than the map with 6-bit codes (that of a long skip is not)."""
        if self.ring is None:
            return False
        six = min((o.size for o in self.options if o.code_bits + o.extra_bits >= 6), default=None)
        return six is None or self.ring <= six


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
