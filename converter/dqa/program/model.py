"""A DQA program as Python objects: its edges and operators (dqa.operators), in order, and where everything lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dqa.operators.base import Operator
from dqa.operators.records import Edge

LayoutName = Literal["internal", "external", "pushed"]
"""The layouts of a program by name, in the order of the format; rows without end are pushed, too."""

IN_OUTPUT = 1 << 31
"""The bit of an offset that counts from the first output."""


def in_output(offset: int) -> int:
    """A place in the first output, as a layout says it."""
    return IN_OUTPUT | offset


@dataclass(frozen=True)
class Layout:
    """Arena offsets in bytes: of each edge, of each operator's scratch and of its transient row; None: not in the arena.

    Where the outputs are the caller's, an offset may be `in_output`: a place in the first output, used before that is written.
    """

    arena_size: int
    edges: tuple[int | None, ...]
    scratch: tuple[int, ...]
    transient: tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """Edges 0..input_count-1 are the inputs, the next output_count the outputs.

    phases: of each operator; operators of one phase run together, phases one after the other. None: one operator per phase.
    pushed: the layout for input rows that come one by one, None if there is none.
    period: rows of the input after which the counters of a program whose rows never end begin again; 0: it is not made for that.
    """

    edges: tuple[Edge, ...]
    ops: tuple[Operator, ...]
    input_count: int
    output_count: int
    internal: Layout
    external: Layout
    notes: dict[str, str] = field(default_factory=dict)
    phases: tuple[int, ...] | None = None
    pushed: Layout | None = None
    period: int = 0

    @property
    def op_phases(self) -> tuple[int, ...]:
        """The phase of each operator."""
        return tuple(range(len(self.ops))) if self.phases is None else self.phases

    def layouts(self) -> dict[LayoutName, Layout]:
        """Those it has."""
        found: dict[LayoutName, Layout] = {"internal": self.internal, "external": self.external}
        return found if self.pushed is None else {**found, "pushed": self.pushed}

    @property
    def inputs(self) -> tuple[Edge, ...]:
        return self.edges[: self.input_count]

    @property
    def outputs(self) -> tuple[Edge, ...]:
        return self.edges[self.input_count : self.input_count + self.output_count]
