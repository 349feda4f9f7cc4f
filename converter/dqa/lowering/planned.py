"""Formats and phases within a RAM budget: the planner's problem made from a graph, its solution turned back into decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dqa.errors import BoardError
from dqa.lowering.build import build, edge_order
from dqa.planning.blocks import SHARE
from dqa.planning.describe import CodedSize, describe
from dqa.planning.interpreter import beside_operator, interpreter_arena
from dqa.planning.phasing import Phasing
from dqa.planning.problem import EdgeOption
from dqa.planning.search import Search, Solution, knee
from dqa.program import LayoutName, Program, Storage, value_ring
from dqa.program.schedule import simulate
from dqa.quantization.calibrated import Calibrated
from dqa.quantization.coded.formats import FEW_TABLES, TABLES, CodedMap, coded_formats
from dqa.quantization.coded.search import CodedRange
from dqa.quantization.decide import decide
from dqa.quantization.formats import TensorFormat
from dqa.quantization.loss import EdgeLoss
from dqa.quantization.shared_range import StorageChoice
from dqa.support.settings import ConvertConfig

_ATTEMPTS = 6


@dataclass(frozen=True, eq=False)
class Planned:
    """formats and phases: what `build` takes. choices, coded: what `decide` made the formats of. solution: the plan.
    front: plans from the smallest budget up, if they were asked for.

    smallest: the phases of the smallest feasible budget. layout: the one that was planned. budget: bytes, None if the planner chose.
    beside: bytes of the budget that the search does not see, those of the interpreter. reason: why this one, where no budget was named.
    """

    formats: dict[int, TensorFormat]
    phases: tuple[int, ...]
    program: Program
    choices: dict[int, StorageChoice]
    coded: dict[int, TensorFormat]
    solution: Solution
    smallest: Phasing
    layout: LayoutName = "internal"
    budget: int | None = None
    beside: int = 0
    front: tuple[Solution, ...] = ()
    reason: str = "the knee of the front: beyond it, more RAM buys little"

    @property
    def limit(self) -> int:
        """Bytes that the search's plan must keep within."""
        return self.budget - self.beside if self.budget is not None else self.solution.arena


class Planner:
    """Plans one network for any budget.

    layout: what the budget is of: "internal", the arena with inputs and outputs in it; "pushed", the arena without the input, whose rows
    come one by one; "external", the arena of TensorFlow Lite Micro with the operator and all else in it.
    coded: what coded maps lose; tensors that share a value range are not coded here.
    """

    def __init__(
        self,
        network: Calibrated,
        *,
        layout: LayoutName = "internal",
        coded: Sequence[CodedRange] = (),
    ) -> None:
        self.network, self.layout = network, layout
        self.order = edge_order(network.graph)
        self.coded = {one.free.members[0]: _coded_maps(one) for one in coded if len(one.free.members) == 1}
        self.base = self._build(decide(network, {t: StorageChoice(Storage.MAP, 7) for t in self.order}))
        maps = [number for number, edge in enumerate(self.base.edges) if edge.storage is Storage.MAP]
        self.ring_rows = self._ring_rows(maps)
        losses = {number: EdgeLoss(network, self.order[number]) for number in maps}
        # Of an external layout the first output is memory, too: the search counts it, and the interpreter does.
        inside = layout == "internal"
        sizes = {number: self._sizes(self.order[number]) for number in maps if self.order[number] in self.coded}
        tied, config = self._tied(maps), network.config
        self.search = Search(describe(self.base, losses, self.ring_rows, tied, config, inputs_inside=inside, coded=sizes))
        self.beside = beside_operator(self.base) - sum(e.capacity for e in self.base.outputs) if layout == "external" else 0

    def _build(self, formats: dict[int, TensorFormat], phases: tuple[int, ...] | None = None) -> Program:
        return build(self.network.graph, formats, phases, weight_bits=self.network.config.weight_bits)

    def _ring_rows(self, maps: list[int]) -> dict[int, int]:
        """Rows that the ring of each edge needs when everything flows in one phase, which is enough for any phases.

        Rings that take pushed rows at once are long enough for rows that lie ready; some networks cannot take them so.
        """
        edges = list(self.base.edges)
        for number in maps:
            edges[number] = value_ring(edges[number], edges[number].height)
        one = [0] * len(self.base.ops)
        pushed = simulate(edges, self.base.ops, one, dict.fromkeys(maps), pushed=self.base.input_count == 1)
        return (pushed if pushed.complete else simulate(edges, self.base.ops, one, dict.fromkeys(maps))).ring_rows

    def _sizes(self, tensor: int) -> list[CodedSize]:
        return [CodedSize(bits, chosen.layout.capacity, loss) for bits, (chosen, loss) in self.coded[tensor].items()]

    def _tied(self, maps: list[int]) -> dict[int, int]:
        """Edges whose value range others share: 7 bits, 8 if signed."""
        shared = {t for members in self.network.ties.ranges().values() if len(members) > 1 for t in members}
        return {n: 7 if self.base.edges[n].low == 0 else 8 for n in maps if self.order[n] in shared}

    def within(self, budget: int) -> Planned:
        """The plan of least predicted loss that takes at most `budget` bytes, buffers placed. Raises BoardError if there is none.

        Blocks get their share of the budget (dqa.planning.blocks), if a plan fits what that leaves.
        """
        left = budget if self.network.config.optimize == "ram" else budget - budget // (SHARE + 1)
        for aim in dict.fromkeys((left, budget)):
            if (found := self._within(aim)) is not None:
                return replace(found, budget=budget)
        smallest = self.ram(self.realize(self.search.smallest_plan()).program)
        raise BoardError(
            f"a budget of {budget:,} B of RAM is too small: the least is {smallest:,} B", hint=self.search.limit(self.search.smallest)
        )

    def _within(self, budget: int) -> Planned | None:
        """Placed buffers take less than the search counts where some are never alive together, and more where they do not pack: what is
        asked of the search follows what came out.
        """
        best: Planned | None = None
        least = self.search.smallest.least
        target = max(budget - self.beside, least)
        for _ in range(_ATTEMPTS):
            planned = self.realize(self.search.within(target))
            room = budget - self.ram(planned.program)
            if room < 0 and (best is not None or target == least):
                break
            if room >= 0 and best is not None and planned.solution.loss >= best.solution.loss:
                break
            if room >= 0:
                best, more = planned, planned.solution.arena + room
                if more <= target:
                    break
                target = more
            else:
                target = max(least, target + room)
        return best

    @cached_property
    def front(self) -> tuple[Solution, ...]:
        """Plans from the smallest budget up, each of less predicted loss than the one before it."""
        return tuple(self.search.front())

    def auto(self) -> Planned:
        """The plan at the knee of the front of RAM against predicted loss."""
        return replace(self.realize(knee(self.front)), front=self.front)

    def ram(self, program: Program) -> int:
        """Bytes of what the budget is of."""
        if self.layout == "external":
            return interpreter_arena(program)
        layout = program.pushed if self.layout == "pushed" and program.pushed is not None else program.internal
        return layout.arena_size

    def realize(self, solution: Solution) -> Planned:
        """The program of a solution."""
        phasing = solution.phasing
        chosen = {number: phasing.problem.edges[number].flows[0] for number in phasing.rings}
        chosen |= {held.index: held.options[option] for held, option in zip(phasing.held, solution.chosen, strict=True)}
        choices = {self.order[number]: _choice(option) for number, option in chosen.items() if not option.stored_bits}
        stored_bits = {self.order[number]: option.stored_bits for number, option in chosen.items() if option.stored_bits}
        tables = TABLES if self.network.config.weight_bits == 8 else FEW_TABLES
        coded = coded_formats({tensor: self.coded[tensor][bits][0] for tensor, bits in stored_bits.items()}, tables)
        formats = decide(self.network, choices, coded)
        phases = tuple(phasing.phases)
        program = self._build(formats, phases)
        return Planned(formats, phases, program, choices, coded, solution, self.search.smallest, self.layout, beside=self.beside)


def planned_layout(config: ConvertConfig) -> LayoutName:
    """The layout that a budget is of."""
    return "external" if config.runtime == "tflm" else "pushed" if config.push_rows else "internal"


def _coded_maps(coded: CodedRange) -> dict[float, tuple[CodedMap, float]]:
    """The coded maps that the only tensor of a coded may become, and their losses, by stored bits per value."""
    tensor, found = coded.free.members[0], {}
    for bits in sorted({bits for candidate in coded.candidates for bits in candidate.layouts[tensor]}):
        if best := coded.best(bits):
            found[bits] = CodedMap(coded, best[0], best[0].layouts[tensor][bits]), best[1]
    return found


def _choice(option: EdgeOption) -> StorageChoice:
    if not option.plain:
        return StorageChoice(Storage.MAP, option.code_bits, option.extra_bits, option.important, option.ring_rows)
    storage = Storage.RING if option.ring_rows else Storage.RAW_INT8
    return StorageChoice(storage, option.code_bits, ring_rows=option.ring_rows)
