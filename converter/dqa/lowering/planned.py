"""Formats and phases within a RAM budget: the planner's problem made from a graph, its solution turned back into decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dqa.calibration import ChannelStatistics
from dqa.config import ConvertConfig
from dqa.errors import BoardError
from dqa.graph import Graph
from dqa.lowering.build import build, edge_order
from dqa.lowering.scales import raise_to_useful
from dqa.planning.candidate import Candidate
from dqa.planning.describe import describe, ring_edge
from dqa.planning.search import Search, Solution, knee
from dqa.program import Program, Storage
from dqa.program.schedule import simulate
from dqa.quantization.decide import EdgeChoice, InputFormat, decide
from dqa.quantization.formats import TensorFormat
from dqa.quantization.loss import EdgeLoss
from dqa.quantization.ties import Ties

_ATTEMPTS = 6


@dataclass(frozen=True, eq=False)
class Planned:
    """formats and phases: what `build` takes. solution: the plan. front: plans from the smallest budget up, if they were asked for.

    smallest: the phases of the smallest feasible budget. pushed: whether the input's rows are pushed in the layout that was planned.
    budget: bytes, None if the planner chose.
    """

    formats: dict[int, TensorFormat]
    phases: tuple[int, ...]
    program: Program
    solution: Solution
    smallest: Candidate
    pushed: bool = False
    budget: int | None = None
    front: tuple[Solution, ...] = ()


class Planner:
    """Plans one network for any budget.

    pushed: the budget is that of the layout whose input rows are pushed; otherwise inputs and outputs lie in the arena and count.
    """

    def __init__(
        self,
        graph: Graph,
        statistics: Mapping[int, ChannelStatistics],
        inputs: Mapping[int, InputFormat],
        config: ConvertConfig,
        *,
        pushed: bool = False,
    ) -> None:
        self.graph, self.statistics, self.inputs, self.config, self.pushed = graph, statistics, inputs, config, pushed
        self.order = edge_order(graph)
        packed = {t: EdgeChoice(Storage.MAP, 7) for t in self.order}
        self.base = self._build(self._useful(decide(graph, statistics, inputs, config, choices=packed)))
        maps = [number for number, edge in enumerate(self.base.edges) if edge.storage is Storage.MAP]
        self.ring_rows = self._ring_rows(maps)
        losses = {number: EdgeLoss(graph, statistics, self.order[number]) for number in maps}
        self.search = Search(
            describe(self.base, losses, self.ring_rows, self._tied(maps), config, inputs_inside=not pushed, outputs_inside=True)
        )

    def _useful(self, formats: dict[int, TensorFormat]) -> dict[int, TensorFormat]:
        return raise_to_useful(self.graph, formats, self.config.weight_bits)

    def _build(self, formats: dict[int, TensorFormat], phases: tuple[int, ...] | None = None) -> Program:
        return build(self.graph, formats, phases, weight_bits=self.config.weight_bits)

    def _ring_rows(self, maps: list[int]) -> dict[int, int]:
        """Rows that the ring of each edge needs when everything flows in one phase, which is enough for any phases.

        Rings that take pushed rows at once are long enough for rows that lie ready; some networks cannot take them so.
        """
        edges = list(self.base.edges)
        for number in maps:
            edges[number] = ring_edge(edges[number], edges[number].height)
        one = [0] * len(self.base.ops)
        pushed = simulate(edges, self.base.ops, one, dict.fromkeys(maps), pushed=self.base.input_count == 1)
        return (pushed if pushed.complete else simulate(edges, self.base.ops, one, dict.fromkeys(maps))).ring_rows

    def _tied(self, maps: list[int]) -> dict[int, int]:
        """Edges whose value range others share: 7 bits, 8 if signed."""
        ties = Ties(self.graph)
        shared = {t for members in ties.groups().values() if len(members) > 1 for t in members}
        return {n: 7 if self.base.edges[n].low == 0 else 8 for n in maps if self.order[n] in shared}

    def within(self, budget: int) -> Planned:
        """The plan of least predicted loss whose arena, buffers placed, is at most `budget` bytes. Raises BoardError if there is none."""
        target = budget
        for _ in range(_ATTEMPTS):
            planned = self.realize(self.search.within(target))
            if self.arena(planned.program) <= budget:
                return replace(planned, budget=budget)
            target -= self.arena(planned.program) - budget
        raise BoardError(
            f"a budget of {budget:,} B of RAM is too small by a few bytes: the buffers do not pack",
            hint=f"try {self.arena(planned.program):,} B",
        )

    def auto(self) -> Planned:
        """The plan at the knee of the front of RAM against predicted loss."""
        front = self.search.front()
        return replace(self.realize(knee(front)), front=tuple(front))

    def arena(self, program: Program) -> int:
        layout = program.pushed if self.pushed and program.pushed is not None else program.internal
        return layout.arena_size

    def realize(self, solution: Solution) -> Planned:
        """The program of a solution."""
        candidate = solution.candidate
        choices: dict[int, EdgeChoice] = {self.order[i]: EdgeChoice(Storage.RING) for i in candidate.rings}
        for stored, option in zip(candidate.stored, solution.chosen, strict=True):
            chosen = stored.edge.options[option]
            storage = Storage.RAW_INT8 if chosen.plain else Storage.MAP
            choices[self.order[stored.index]] = EdgeChoice(storage, chosen.code_bits, chosen.extra_bits, chosen.important)
        formats = self._useful(decide(self.graph, self.statistics, self.inputs, self.config, choices=choices))
        for number in candidate.rings:
            ring = ring_edge(self.base.edges[number], self.ring_rows[number])
            tensor = self.order[number]
            formats[tensor] = replace(formats[tensor], capacity=ring.capacity, ring_rows=ring.ring_rows)
        phases = tuple(candidate.phases)
        return Planned(formats, phases, self._build(formats, phases), solution, self.search.smallest, self.pushed)
