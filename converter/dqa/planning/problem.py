"""The planning problem in numbers: what each operator and edge costs, streamed or stored.

Operators run in the order of the program. Cutting that order into phases decides the rest: an edge that crosses a cut must be stored whole,
an edge inside a phase flows through a ring of rows (or is stored, where a ring would be larger than the map).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One way to store an edge whole: codes of `bits` bits, `size` bytes, predicted `loss` (see dqa.quantization.loss)."""

    bits: int
    size: int
    loss: float


@dataclass(frozen=True)
class PlanEdge:
    """An activation.

    producer: operator number, None for an input of the model. consumers: operator numbers. raw: bytes if it is kept as plain bytes whatever the
    plan (borders of the model, tables, single small vectors), else None. ring: bytes of a ring that is long enough, with its predicted loss.
    options: ways to store it whole, fewest bits first. decode: bytes of private rows that each consumer needs to read it stored.
    """

    name: str
    values: int
    producer: int | None
    consumers: tuple[int, ...]
    raw: int | None
    ring: int
    ring_loss: float
    options: tuple[Option, ...]
    decode: tuple[int, ...]
    border: bool = False

    @property
    def prefers_ring(self) -> bool:
        """Whether, inside one phase, the ring is smaller than the map with 6-bit codes (a long skip's is not)."""
        six = next((o.size for o in self.options if o.bits >= 6), None)
        return six is None or self.ring <= six


@dataclass(frozen=True)
class PlanOperator:
    """base: bytes of state, accumulators and rows it always needs through its phase. transient: bytes of an output row if its output is packed.
    work: instructions of one inference, for the trade-off shown to the user."""

    name: str
    base: int
    transient: int
    work: int


@dataclass(frozen=True)
class Problem:
    """pushed: the rows of the input are pushed, so that inputs take no room."""

    operators: tuple[PlanOperator, ...]
    edges: tuple[PlanEdge, ...]
